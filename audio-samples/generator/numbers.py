"""Values with valid checksums, and how people say them."""

UNITS = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()


def grouped(value, sizes):
    """The value cut into groups; the last size repeats."""
    groups, at = [], 0
    while at < len(value):
        size = sizes[min(len(groups), len(sizes) - 1)]
        groups.append(value[at:at + size])
        at += size
    return groups


def pair(text, oh):
    """Two digits as people say them: "forty-five", "oh nine", "ten"."""
    a, b = int(text[0]), int(text[1])
    zero = "oh" if oh else "zero"
    if a == 0:
        return f"{zero} {zero if b == 0 else UNITS[b]}"
    if a == 1:
        return TEENS[b]
    return TENS[a] if b == 0 else f"{TENS[a]}-{UNITS[b]}"


def worded(group, style, oh):
    """A group of digits in words: singles, pairs, or with doubles and triples."""
    if style == "pairs" and len(group) in (2, 4):
        if len(group) == 4 and group.endswith("00") and not group.startswith("0") and group[1] != "0":
            return pair(group[:2], oh) + " hundred"
        return " ".join(pair(group[i:i + 2], oh) for i in range(0, len(group), 2))
    names = ["oh" if d == "0" and oh else UNITS[int(d)] for d in group]
    if style != "doubles":
        return " ".join(names)
    said, at = [], 0
    while at < len(group):
        length = 1
        while length < 3 and at + length < len(group) and group[at + length] == group[at]:
            length += 1
        said.append({1: "", 2: "double ", 3: "triple "}[length] + names[at])
        at += length
    return " ".join(said)


def luhn_completed(body):
    """The digits with the check digit of ISO/IEC 7812-1, annex B, appended."""
    total = 0
    for i, d in enumerate(reversed(body)):
        d = int(d) * (2 if i % 2 == 0 else 1)
        total += d - 9 if d > 9 else d
    return body + str(-total % 10)


def random_card(r):
    """A valid card number of some network, with the usual groups."""
    prefix, length = r.choice([("4", 16), ("4", 16), (str(r.randint(51, 55)), 16), (str(r.randint(2221, 2720)), 16),
                               ("6011", 16), (r.choice(["34", "37"]), 15)])
    body = prefix + "".join(str(r.randrange(10)) for _ in range(length - 1 - len(prefix)))
    return luhn_completed(body), ([4, 6, 5] if length == 15 else r.choice([[4], [4], [4], [2], [16], [3, 3, 4], [8]]))


def random_ssn(r):
    return f"{r.randint(1, 665):03}{r.randint(1, 99):02}{r.randint(1, 9999):04}"


def digits(r, count):
    return str(r.randint(1, 9)) + "".join(str(r.randrange(10)) for _ in range(count - 1))


def any_digits(r, count):
    return "".join(str(r.randrange(10)) for _ in range(count))


def routing_number(r):
    """Nine digits that satisfy the check of the American Bankers Association."""
    body = f"{r.choice([1, 2, 3, 5, 6, 7, 9, 10, 11, 12, 21, 25, 26, 31, 32]):02}" + any_digits(r, 6)
    total = sum(int(d) * w for d, w in zip(body, [3, 7, 1, 3, 7, 1, 3, 7]))
    return body + str(-total % 10)


def iban(r):
    """A short international bank account number with the check digits of ISO 13616 (mod 97)."""
    country, length = r.choice([("NO", 11), ("BE", 12), ("DK", 14)])
    account = any_digits(r, length)
    numeric = account + "".join(str(ord(c) - 55) for c in country) + "00"
    return f"{country}{98 - int(numeric) % 97:02}{account}"


def letters(r, count, among="ABCDEFGHJKLMNPQRSTUVWXYZ"):
    return "".join(r.choice(among) for _ in range(count))


ORDINALS = ("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
            "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third "
            "twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth").split()
MONTHS = "January February March April May June July August September October November December".split()


def year_words(year):
    """1982 as "nineteen eighty-two", 2004 as "two thousand and four"."""
    if 2000 <= year < 2010:
        return "two thousand" + (f" and {UNITS[year - 2000]}" if year > 2000 else "")
    return f"{pair(str(year)[:2], True)} {pair(str(year)[2:], True)}"


NATO = ("alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo "
        "sierra tango uniform victor whiskey xray yankee zulu").split()
SPELLED = {word[0].upper(): word for word in NATO}


def spelled(text, how):
    """Letters and digits one by one: plainly, in the radio alphabet ("nato"), or "B as in bravo" ("as in")."""
    words = []
    for c in text:
        if c.isdigit():
            words.append(UNITS[int(c)])
        else:
            words.append({"plain": c, "nato": SPELLED[c], "as in": f"{c} as in {SPELLED[c]}"}[how])
    return ("," if how == "as in" else "").join(f" {w}" for w in words).strip()
