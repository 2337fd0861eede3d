"""Middles of calls: cards, security codes and social security numbers digit by digit; plain harmless numbers."""

from . import phrases, questions
from .numbers import digits, grouped, luhn_completed, pair, random_card, random_ssn
from .questions import asking

SCENARIOS = ["pan_asked", "pan_words", "amex_full", "cvv_only", "ssn_asked", "pan_unasked", "pan_readback", "two_cards",
             "benign_phone", "benign_order", "benign_zip", "benign_amount", "benign_talk", "pan_interrupted",
             "pan_correction", "card_full", "pan_slow", "ssn_words"]


def middle(k, r, scenario):
    """The part of a call that its scenario, one of [`SCENARIOS`], is named after."""
    kind, _, variant = scenario.partition("_")
    pace = r.choice([(0.0, 0.04), (0.03, 0.12), (0.08, 0.25)])
    group_gap = r.choice([(0.1, 0.3), (0.25, 0.6), (0.5, 1.1)])
    oh, style = r.random() < 0.4, r.choice(["singles", "singles", "pairs", "doubles"])

    def ask(what, leads=None):
        k.say("agent", r.choice(asking(what)))
        if r.random() < 0.25:
            k.say("customer", r.choice(phrases.STALL))
            k.pause(0.5, 3.5)
        return r.choice(questions.LEAD[leads or what])

    def tell(what, value, sizes, leads=None, **how):
        lead = ask(what, leads)
        k.number("customer", leads or what, value, sizes, lead=lead, gap=pace, group_gap=group_gap, oh=oh, **how)

    def security_code(length, spliced):
        code = "".join(str(r.randrange(10)) for _ in range(length))
        tell("cvv4" if length == 4 else "cvv", code, [length], "cvv", style="spliced" if spliced else "singles")

    card, sizes = random_card(r)
    if kind == "amex" or scenario == "card_full":
        if kind == "amex":
            card, sizes = luhn_completed(r.choice(["34", "37"]) + "".join(str(r.randrange(10)) for _ in range(12))), [4, 6, 5]
        spliced = r.random() < 0.5
        tell("pan", card, sizes, style="spliced" if spliced else style, between=0.2)
        tell("expiry", f"{r.randint(1, 12):02}{r.randint(26, 32)}", [2], style="spliced" if spliced else "pairs")
        security_code(4 if len(card) == 15 else 3, spliced)
    elif kind == "cvv":
        security_code(3, r.random() < 0.5)
    elif kind == "ssn":
        tell("ssn", random_ssn(r), r.choice([[3, 2, 4], [3, 2, 4], [9], [3]]), style="singles" if variant == "words" else "spliced")
    elif scenario == "pan_unasked":
        k.number("customer", "pan", card, sizes, style=r.choice(["spliced", style]), lead=r.choice(phrases.UNASKED),
                 gap=pace, group_gap=group_gap, oh=oh)
    elif scenario == "pan_words":
        tell("pan", card, sizes, style=style)
    elif scenario == "pan_slow":
        k.number("customer", "pan", card, sizes, lead=ask("pan"), gap=(0.35, 0.8), group_gap=(0.8, 1.8), between=0.5)
    elif scenario == "pan_interrupted":
        tell("pan", card, sizes if sizes != [16] else [4], acknowledge=True)
    elif scenario == "pan_correction":
        groups = grouped(card, sizes)
        at = r.randrange(len(groups))
        slip = groups[at][:-1] + str((int(groups[at][-1]) + r.randint(1, 9)) % 10)
        tell("pan", card, sizes, wrong=(at, slip))
    elif kind == "pan" or scenario == "two_cards":
        tell("pan", card, sizes, between=0.3)
        if variant == "readback":
            k.say("agent", r.choice(["Let me read that back to you.", "So that is", "I have", "Just to confirm, that's"]))
            k.number("agent", "pan", card, [4, 6, 5] if len(card) == 15 else [4], style=r.choice(["spliced", "singles"]), gap=(0.02, 0.1))
            k.say("customer", "Yes, that is right.")
        if scenario == "two_cards":
            k.say("agent", r.choice(["I'm sorry, that one was declined. Do you have another card?",
                                     "It didn't go through. Is there another one we could try?"]))
            second, sizes = random_card(r)
            k.number("customer", "pan", second, sizes, style=r.choice(["spliced", style]), gap=pace,
                     lead=r.choice(["Oh, strange. Try this one.", "Yes, here is my other card.", "Okay, use the other one then."]))
    elif scenario == "benign_phone":
        tell("phone", digits(r, 3) + "55501" + f"{r.randrange(100):02}", [3, 3, 4], benign=True, style=r.choice(["spliced", "singles"]))
    elif scenario == "benign_order":
        tell("order", digits(r, r.randint(5, 9)), r.choice([[3, 4], [9], [3]]), benign=True, style=r.choice(["spliced", "singles"]))
    elif scenario == "benign_zip":
        tell("zip", digits(r, 5), [5], benign=True, style=r.choice(["spliced", "singles"]))
    elif scenario == "benign_amount":
        k.say("agent", r.choice(asking("amount")))
        dollars, cents = r.randint(21, 99), r.randint(21, 99)
        k.say("customer", f"{r.choice(questions.LEAD['amount'])} {pair(str(dollars), False)} dollars and {pair(str(cents), False)} cents.")
    else:
        for exchange in r.sample(phrases.TALK, 2):
            k.talk(exchange)
