"""What a telephone line does to a finished call. Lengths stay."""

import math
import os
import random
import tempfile

from .audio import LINEAR, RATE, SPEECH_LEVEL, clipped, decibels, from_little_endian, little_endian, rms, run

DEGRADATIONS = ["noise", "loss", "gsm", "amr", "gain", "crosstalk"]

# A codec as sox knows it: type, options, and how many samples the decoded sound comes late.
CODECS = {"gsm": ("gsm", [], 0), "amr": ("amr-nb", ["-C", "5"], 40)}
ECHO_DELAY = RATE * 40 // 1000


def degraded(legs, labels, how, name):
    """The legs after the line did its worst, and their labels."""
    r = random.Random(f"{how} {name}")
    if how == "noise":
        return [with_noise(leg, r) for leg in legs], labels
    if how == "loss":
        for leg in legs:
            for at in range(0, len(leg), RATE // 50):
                if r.random() < 0.03:
                    leg[at:at + RATE // 50] = [0] * len(leg[at:at + RATE // 50])
    if how == "gain":
        gain = decibels(-10 if r.random() < 0.5 else 12)
        return [[clipped(s * gain) for s in leg] for leg in legs], labels
    if how in CODECS:
        return [through(leg, *CODECS[how]) for leg in legs], labels
    if how == "crosstalk":
        return crossed(legs, labels, decibels(-15 if r.random() < 1 / 3 else -25))
    return legs, labels


def with_noise(leg, r):
    """Speech-shaped noise (a one-pole low-pass over white noise) 15 dB under the speech."""
    step = RATE // 50
    voiced = sorted(rms(leg[i:i + step]) for i in range(0, len(leg), step))
    voiced = [v for v in voiced if v > 200.0] or [SPEECH_LEVEL["customer"]]
    level = math.sqrt(sum(v * v for v in voiced) / len(voiced)) * decibels(-15)
    pole, state, noise = 0.7, 0.0, []
    for _ in leg:
        state = pole * state + r.gauss(0.0, math.sqrt(1 - pole * pole))
        noise.append(state)
    return [clipped(s + n * level) for s, n in zip(leg, noise)]


def through(leg, kind, options, late):
    """Coded and decoded; "amr-nb" with "-C 5" is 7.95 kbit/s, a CELP coder like G.729's 8 kbit/s."""
    with tempfile.TemporaryDirectory() as folder:
        raw, coded = os.path.join(folder, "a.raw"), os.path.join(folder, "a.coded")
        with open(raw, "wb") as f:
            f.write(little_endian(leg))
        run("sox", "-D", "-R", *LINEAR, raw, "-t", kind, "-r", str(RATE), "-c", "1", *options, coded)
        linear = run("sox", "-D", "-R", "-t", kind, "-r", str(RATE), "-c", "1", coded, *LINEAR, "-")
    decoded = from_little_endian(linear)
    return (list(decoded[late:]) + [0] * len(leg))[:len(leg)]


def crossed(legs, labels, level):
    """Each leg with the other's sound 40 ms later; the labels say where values are heard so, as `echoes`."""
    late = [([0] * ECHO_DELAY + leg)[:len(leg)] for leg in legs]
    mixed = [[clipped(s + level * e) for s, e in zip(leg, echo)] for leg, echo in zip(legs, reversed(late))]
    names, delay = labels["channels"], ECHO_DELAY / RATE
    echoes = [item | dict(channel=names[1 - names.index(item["channel"])],
                          start=round(item["start"] + delay, 4), end=round(item["end"] + delay, 4),
                          digits=[[round(t + delay, 4) for t in times] for times in item["digits"]])
              for item in labels["sensitive"]]
    return mixed, labels | dict(echoes=echoes)
