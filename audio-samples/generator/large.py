"""Sets of calls in which everything is drawn from a seed: "large" and "voices"."""

import random

from . import cards, personal, phrases
from .call import Call
from .voices import AGENTS, VOICES, drawn

SCENARIOS = cards.SCENARIOS + [s for s in [*personal.ASKED, *personal.SPECIAL] if not s.endswith("_grouped")]
VOICES_SCENARIOS = ["pan_grouped", "card_grouped", "ssn_grouped", "benign_reach", "pan_repeated", "expiry_cvv",
                    "benign_reference", "pan_grouped", "dob", "routing_account", "benign_flight", "otp",
                    "pan_volunteered"]


def large(count, seed, wanted):
    """Calls of every scenario in turn; `wanted` tells by its name whether a call is made."""
    speakers = sorted(VOICES)
    for i in range(count):
        scenario = SCENARIOS[i % len(SCENARIOS)]
        name = f"{scenario}_{i // len(SCENARIOS) + 1}"
        if not wanted(name):
            continue
        r = random.Random(f"large {seed} {name}")
        agent = r.choice(AGENTS)
        customer = r.choice([s for s in speakers if s != agent])
        k = Call(name, scenario, agent, customer, seed)
        k.talk(r.choice(phrases.OPENING))
        for exchange in r.sample(phrases.TALK, r.randint(1, 3)):
            k.talk(exchange)
        (cards if scenario in cards.SCENARIOS else personal).middle(k, r, scenario)
        k.say("agent", r.choice(phrases.RECEIVED))
        k.talk(r.choice(phrases.TALK))
        k.talk(r.choice(phrases.CLOSING))
        yield k


def voices(count, seed, wanted):
    """Shorter calls, each with voices, speeds and pitches of its own, groupings, hesitations and answers to them."""
    for i in range(count):
        scenario = VOICES_SCENARIOS[i % len(VOICES_SCENARIOS)]
        name = f"{scenario}_{i + 1}"
        if not wanted(name):
            continue
        r = random.Random(f"voices {seed} {name}")
        k = Call(name, scenario, drawn(r, i + 3), drawn(r, i), seed)
        k.talk(r.choice(phrases.OPENING))
        k.talk(r.choice(phrases.TALK))
        personal.middle(k, r, scenario, fresh=True, lively=True)
        k.say("agent", r.choice(phrases.RECEIVED))
        k.talk(r.choice(phrases.CLOSING))
        yield k
