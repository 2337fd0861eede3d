"""The values people are asked for, each as parts: `[(words, characters)]`, a part being said in one breath."""

from .numbers import (MONTHS, ORDINALS, any_digits, digits, grouped, iban, letters, luhn_completed, pair,
                      random_card, random_ssn, routing_number, spelled, worded, year_words)

WORDS = "yellow tiger garden window silver mountain coffee rocket purple summer anchor pepper".split()


def read_out(r, value, sizes, styles=("singles", "singles", "pairs", "doubles"), oh=None):
    """A string of digits in groups, sometimes with a group broken in two where the speaker hesitates."""
    style, oh, parts = r.choice(styles), r.random() < 0.4 if oh is None else oh, []
    for group in grouped(value, sizes):
        if style == "singles" and len(group) == 4 and r.random() < 0.15:
            parts += [(worded(half, style, oh), half) for half in (group[:2], group[2:])]
        else:
            parts.append((worded(group, style, oh), group))
    return parts


def letter_by_letter(r, text, sizes, how=None):
    """Letters and digits in groups."""
    how = how or r.choice(["plain", "nato", "as in"])
    return [(spelled(group, how), group) for group in grouped(text, sizes)]


def pan(r):
    card, sizes = random_card(r)
    if len(card) == 16 and r.random() < 0.5:
        sizes = r.choice([[3, 3, 4], [4], [2], [4, 4, 8], [6, 4, 6], [5, 5, 6], [8]])
    return read_out(r, card, sizes)


def expiry(r):
    month, year = r.randint(1, 12), r.randint(26, 32)
    text = f"{month:02}{year}"
    return r.choice([
        [(f"{pair(text[:2], True)}, {pair(text[2:], True)}", text)],
        [(f"{MONTHS[month - 1]} twenty {pair(str(year), False)}", text)],
        [(f"{MONTHS[month - 1]} of {pair(str(year), False)}", text)],
        [(worded(text, "singles", True), text)],
    ])


def date_of_birth(r):
    year, month, day = r.randint(1941, 2005), r.randint(1, 12), r.randint(1, 28)
    short, name, nth = str(year)[2:], MONTHS[month - 1], ORDINALS[day - 1]
    return r.choice([
        [(f"{name} {nth}", f"{month:02}{day:02}"), (year_words(year), str(year))],
        [(f"the {nth} of {name}", f"{day:02}{month:02}"), (year_words(year), str(year))],
        [(", ".join(pair(text, True) for text in (f"{month:02}", f"{day:02}", short)), f"{month:02}{day:02}{short}")],
        [(worded(text, "pairs" if len(text) == 4 else "singles", True), text)
         for text in (f"{month:02}", f"{day:02}", str(year))],
    ])


def password(r):
    if r.random() < 0.4:
        number = str(r.randint(21, 99))
        words = r.sample(WORDS, 2)
        return [(" ".join(words), "".join(words)), (pair(number, False), number)]
    text = letters(r, 4) + any_digits(r, 2)
    return letter_by_letter(r, text, [4, 2], r.choice(["nato", "nato", "as in"]))


def licence(r):
    text = letters(r, 1) + any_digits(r, r.choice([7, 8, 12]))
    return letter_by_letter(r, text, r.choice([[1, 4, 4], [3]]), r.choice(["plain", "as in"]))


def postcode(r):
    outward = letters(r, 2, "BCDEGLMNSW") + str(r.randint(1, 9))
    inward = str(r.randint(1, 9)) + letters(r, 2, "ABDEGHJLNPQRSTUWXYZ")
    how = r.choice(["plain", "as in"])
    return [(spelled(part, how), part) for part in (outward, inward)]


def flight(r):
    number = digits(r, r.choice([3, 4]))
    airline = r.choice(["United", "Delta", "B A", "Lufthansa", "K L M"])
    return [(f"{airline} {worded(number, r.choice(['singles', 'pairs']), False)}", number)]


def tracking(r):
    if r.random() < 0.4:
        text = "1Z" + letters(r, 2) + any_digits(r, 10)
        return letter_by_letter(r, text, [2, 2, 4, 3], "plain")
    return read_out(r, "9" + any_digits(r, r.choice([11, 15, 19])), r.choice([[4], [3]]), ("singles",))


def quantity(r):
    number = str(r.randint(21, 99))
    return [(pair(number, False) + r.choice(["", " of them", " boxes"]), number)]


VALUES = {
    "pan": pan,
    "cvv": lambda r: read_out(r, any_digits(r, 3), [3], ("singles", "doubles")),
    "expiry": expiry,
    "ssn": lambda r: read_out(r, random_ssn(r), r.choice([[3, 2, 4], [3, 2, 4], [3], [9]]),
                              ("singles", "doubles", "pairs")),
    "dob": date_of_birth,
    "routing": lambda r: read_out(r, routing_number(r), r.choice([[3], [4, 5], [9]]), ("singles", "doubles")),
    "bank_account": lambda r: read_out(r, digits(r, r.randint(8, 12)), r.choice([[4], [3], [2]])),
    "sort_code": lambda r: read_out(r, any_digits(r, 6), [2], ("singles", "pairs")),
    "iban": lambda r: letter_by_letter(r, iban(r), [4], r.choice(["plain", "nato"])),
    "passport": lambda r: letter_by_letter(r, r.choice(["", letters(r, 1)]) + any_digits(r, 8), [3]),
    "driver_licence": licence,
    "nino": lambda r: letter_by_letter(r, letters(r, 2, "ABCEHJLMPRSTWXY") + any_digits(r, 6) + r.choice("ABCD"), [2]),
    "sin": lambda r: read_out(r, luhn_completed(digits(r, 8)), [3]),
    "password": password,
    "otp": lambda r: read_out(r, any_digits(r, 6), r.choice([[3], [6], [2]])),
    "pin": lambda r: read_out(r, any_digits(r, 4), [4], ("singles", "pairs")),
    "phone": lambda r: read_out(r, digits(r, 3) + "55501" + any_digits(r, 2), [3, 3, 4], ("singles", "doubles")),
    "order": lambda r: read_out(r, digits(r, r.randint(5, 9)), r.choice([[3], [4], [9]])),
    "zip": lambda r: read_out(r, digits(r, 5), [5], ("singles",)),
    "tracking": tracking,
    "postcode": postcode,
    "flight": flight,
    "quantity": quantity,
    "serial": lambda r: letter_by_letter(r, letters(r, 2) + any_digits(r, r.choice([6, 8])), [2, 4], "plain"),
}
HARMLESS = ("phone", "order", "zip", "tracking", "postcode", "flight", "quantity", "serial")
