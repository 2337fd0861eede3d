"""The set "sounds": calls with music, tones, noise, knocks, long silences and a second speaker.

Nothing in music or tones is labelled as sensitive; digits keyed on the telephone are in the list `keyed`.
"""

import random

from . import personal, phrases, tones
from .audio import RATE, SPEECH_LEVEL, decibels
from .call import Call
from .items import VALUES
from .voices import AGENTS, VOICES, spoken


def sounds(count, seed, wanted):
    """Calls of every scenario in turn; `wanted` tells by its name whether a call is made."""
    scenarios, speakers = list(SCENARIOS), sorted(VOICES)
    for i in range(count):
        scenario = scenarios[i % len(scenarios)]
        name = f"{scenario}_{i // len(scenarios) + 1}"
        if not wanted(name):
            continue
        r = random.Random(f"sounds {seed} {name}")
        agent = r.choice(AGENTS)
        k = Call(name, scenario, agent, r.choice([s for s in speakers if s != agent]), seed)
        SCENARIOS[scenario](k, r)
        k.say("agent", r.choice(phrases.RECEIVED))
        k.talk(r.choice(phrases.CLOSING))
        yield k


def opened(k, r):
    k.talk(r.choice(phrases.OPENING))
    k.talk(r.choice(phrases.TALK))


def asked(k, r, *kinds):
    for kind in kinds:
        personal.tell(k, r, kind, personal.manner(r, False), False)


def sound(k, leg, samples, below):
    """A sound on a leg, so many dB below speech; it takes its time."""
    times = k.beneath(leg, samples, SPEECH_LEVEL[leg] * decibels(-below))
    k.now += len(samples)
    return times


def ring_back(k, r):
    sound(k, "agent", tones.ring_back(r.randint(1, 2)), 3)
    opened(k, r)
    asked(k, r, "pan")


def on_hold(k, r):
    opened(k, r)
    asked(k, r, "pan")
    k.say("agent", "I'm putting you on hold for a moment while I check that.")
    sound(k, "agent", tones.music(r, r.uniform(8, 16)), 4)
    k.say("agent", "Thank you for holding.")
    asked(k, r, "cvv")


def music_before(k, r):
    """Harmless numbers after music, which must not make them suspicious."""
    sound(k, "agent", tones.music(r, r.uniform(10, 18)), 4)
    opened(k, r)
    asked(k, r, r.choice(["tracking", "phone", "order"]))


def keyed(k, value, kind):
    """Keys pressed by the customer, loud on their leg and faint on the other; labelled, but not as speech."""
    times = []
    for digit in value:
        k.beneath("agent", tones.key(digit), SPEECH_LEVEL["agent"] * decibels(-18))
        times.append(sound(k, "customer", tones.key(digit), 0))
        k.pause(0.08, 0.35)
    k.keyed.append(dict(channel="customer", kind=kind, value=value, start=times[0][0], end=times[-1][1], digits=times))


def keypad(k, r):
    opened(k, r)
    card = "".join(value for _, value in VALUES["pan"](r))
    k.say("agent", "Please type your card number on the keypad of your telephone, then press the pound key.")
    k.say("customer", "Okay, on the keypad. One moment.")
    keyed(k, card, "pan")
    k.say("agent", "I have that. Now type the three digits from the back, please.")
    k.pause(1.0, 2.0)
    keyed(k, f"{r.randrange(1000):03}", "cvv")
    asked(k, r, r.choice(["zip", "phone"]))


def keypad_then_spoken(k, r):
    """The keypad does not work, so the number is said."""
    opened(k, r)
    k.say("agent", "Would you enter your card number with the keys of your phone, please?")
    keyed(k, "".join(value for _, value in VALUES["pan"](r))[:r.randint(3, 7)], "pan")
    k.say("customer", "It doesn't seem to work.")
    k.say("agent", "No problem, then just read the card number to me.")
    personal.answer(k, r, "pan", personal.manner(r, False), "Okay.")


def fax(k, r):
    start = k.now
    sound(k, "customer", tones.fax_calling(2), 2)
    k.now = start + 2 * RATE
    sound(k, "agent", tones.fax_answering(), 2)
    k.pause(2.5, 3.0)
    k.say("agent", "Sorry about the noise, that was the fax machine.")
    opened(k, r)
    asked(k, r, "order")


def silence(k, r):
    """A long search for the card."""
    opened(k, r)
    k.say("agent", "May I have your card number, please?")
    k.say("customer", r.choice(phrases.STALL))
    k.pause(15.0, 25.0)
    back = r.choice(["Okay, I'm back.", "There it is.", "Sorry about that."])
    personal.answer(k, r, "pan", personal.manner(r, False), back)


def comfort_noise(k, r):
    opened(k, r)
    asked(k, r, r.choice(["ssn", "bank_account"]))
    asked(k, r, "phone")
    for leg in ("agent", "customer"):
        k.beneath(leg, tones.comfort_noise(r, k.now / RATE), r.uniform(25, 70), 0)


def knocks(k, r):
    opened(k, r)
    asked(k, r, r.choice(["pan", "ssn"]))
    asked(k, r, "zip")
    for _ in range(r.randint(12, 20)):
        samples, leg = r.choice([tones.knock, tones.click])(r), r.choice(["customer", "customer", "agent"])
        k.beneath(leg, samples, SPEECH_LEVEL[leg] * r.uniform(0.3, 1.2), r.randrange(k.now - RATE))


def second_speaker(k, r):
    """Someone else talks all the time where the customer is."""
    opened(k, r)
    asked(k, r, r.choice(["pan", "pan", "ssn"]))
    asked(k, r, r.choice(["order", "phone"]))
    behind = r.choice([v for v in sorted(VOICES) if v not in k.voices.values() and VOICES[v]["engine"] == "flite"])
    level, at = SPEECH_LEVEL["customer"] * decibels(-r.uniform(14, 22)), RATE
    while at < k.now - 5 * RATE:
        clip = spoken(behind, r.choice(r.choice(phrases.TALK)))
        k.beneath("customer", clip, level, at)
        at += len(clip) + int(r.uniform(0.5, 2.0) * RATE)


SCENARIOS = {
    "sounds_ring_back": ring_back,
    "sounds_hold": on_hold,
    "benign_music": music_before,
    "benign_keypad": keypad,
    "sounds_keypad_spoken": keypad_then_spoken,
    "benign_fax": fax,
    "sounds_silence": silence,
    "sounds_comfort_noise": comfort_noise,
    "sounds_knocks": knocks,
    "sounds_second_speaker": second_speaker,
}
