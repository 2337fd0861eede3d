"""Middles of calls: all kinds of personal values, and ways of telling them that the plain scenarios lack."""

from . import phrases
from .items import HARMLESS, VALUES
from .numbers import worded
from .questions import LEAD, asking

# What is asked for, one after the other.
ASKED = {
    "pan_grouped": ["pan"],
    "ssn_grouped": ["ssn"],
    "card_grouped": ["pan", "expiry", "cvv"],
    "dob": ["dob"],
    "routing_account": ["routing", "bank_account"],
    "sort_code": ["sort_code", "bank_account"],
    "iban": ["iban"],
    "passport": ["passport"],
    "licence": ["driver_licence"],
    "nino": ["nino"],
    "sin": ["sin"],
    "password": ["password"],
    "otp": ["otp"],
    "pin": ["pin"],
    "benign_tracking": ["tracking"],
    "benign_reach": ["phone"],
    "benign_reference": ["order"],
    "benign_area": ["zip"],
    "benign_postcode": ["postcode"],
    "benign_flight": ["flight"],
    "benign_quantity": ["quantity"],
    "benign_serial": ["serial"],
}
# Two values in one turn, and what the agent calls them.
TOGETHER = [("ssn", "your social security number", "dob", "your date of birth"),
            ("routing", "the routing number", "bank_account", "the account number"),
            ("pan", "the card number", "expiry", "the expiration date"),
            ("passport", "your passport number", "dob", "your birth date")]


def manner(r, lively):
    """How fluently someone speaks in parts; `lively` ones hesitate and are answered more."""
    return dict(gap=r.choice([(0.1, 0.3), (0.3, 0.7), (0.6, 1.3)]),
                hesitate=r.choice([0.0, 0.3, 0.6] if lively else [0.0, 0.0, 0.25]),
                acknowledge=r.choice([0.0, 0.0, 0.5] if lively else [0.0, 0.0, 0.0, 0.4]))


def tell(k, r, kind, how, fresh, question=None):
    """The agent asks, the customer answers."""
    k.say("agent", question or r.choice(asking(kind, fresh)))
    if r.random() < 0.2:
        k.say("customer", r.choice(phrases.STALL))
        k.pause(0.5, 3.0)
    answer(k, r, kind, how, r.choice(LEAD[kind]))


def answer(k, r, kind, how, lead):
    parts = VALUES[kind](r)
    k.parts("customer", kind, parts, k.benign if kind in HARMLESS else k.sensitive, lead, **how)
    return parts


def middle(k, r, scenario, fresh=False, lively=False):
    """The part of a call that its scenario is named after; `fresh` questions are the later wordings only."""
    how = manner(r, lively)
    if scenario in ASKED:
        for kind in ASKED[scenario]:
            tell(k, r, kind, how, fresh)
    else:
        SPECIAL[scenario](k, r, how, fresh)


def expiry_and_code(k, r, how, fresh):
    k.say("agent", r.choice(asking("expiry_cvv", fresh)))
    answer(k, r, "expiry", how, r.choice(LEAD["expiry_cvv"]))
    answer(k, r, "cvv", how, r.choice(["and the code is", "and then", "and", "the other one's"]))


def together(k, r, how, fresh):
    first, first_name, second, second_name = r.choice(TOGETHER)
    k.say("agent", r.choice(["Could I have {} and {}?", "I'll need {} and {}, please.", "What are {} and {}?",
                             "Go ahead and give me {}, along with {}."]).format(first_name, second_name))
    answer(k, r, first, how, r.choice(LEAD[first]))
    answer(k, r, second, how, r.choice(["and", "and the other one is", "and then", "and that's"]))


def machine(k, r, how, fresh):
    """An automatic voice asks and repeats."""
    k.say("agent", r.choice(phrases.IVR_ASKS))
    parts = answer(k, r, "pan", how, "")
    k.parts("agent", "pan", parts, k.sensitive, r.choice(phrases.IVR_REPEATS), gap=(0.1, 0.2))
    k.say("agent", "Is that correct? Please say yes or no.")
    k.say("customer", "Yes.")


def last_four(k, r, how, fresh):
    """The agent reads back only the end of the number, which a policy may allow to be heard."""
    k.say("agent", r.choice(asking("pan", fresh)))
    card = "".join(value for _, value in answer(k, r, "pan", how, r.choice(LEAD["pan"])))
    words = worded(card[-4:], r.choice(["singles", "pairs"]), False)
    k.parts("agent", "pan", [(words, card[-4:])], k.allowed, r.choice(phrases.LAST_FOUR))
    k.say("customer", "Yes, that's the one.")


def read_back(k, r, how, fresh):
    k.say("agent", r.choice(asking("pan", fresh)))
    parts = answer(k, r, "pan", how, r.choice(LEAD["pan"]))
    k.parts("agent", "pan", parts, k.sensitive, r.choice(phrases.READBACK), gap=(0.15, 0.4))
    k.say("customer", "That's correct.")


def volunteered(k, r, how, fresh):
    k.talk(r.choice(phrases.TALK))
    answer(k, r, "pan", how, r.choice(phrases.VOLUNTEERED))


def dates(k, r, how, fresh):
    k.say("agent", r.choice(asking("date", fresh)))
    k.say("customer", f"{r.choice(LEAD['date'])} {r.choice(phrases.DATES)}.")
    k.say("agent", f"I could also do {r.choice(phrases.DATES)}.")


def prices(k, r, how, fresh):
    k.say("customer", "What do they cost?")
    for line in r.sample(phrases.PRICES, 2):
        k.say("agent", line)
        k.say("customer", "I see.")


def statistics(k, r, how, fresh):
    for exchange in r.sample(phrases.STATISTICS, 3):
        k.talk(exchange)


SPECIAL = {
    "expiry_cvv": expiry_and_code,
    "two_at_once": together,
    "pan_machine": machine,
    "pan_last_four": last_four,
    "pan_repeated": read_back,
    "pan_volunteered": volunteered,
    "benign_dates": dates,
    "benign_prices": prices,
    "benign_statistics": statistics,
}
