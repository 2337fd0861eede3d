"""Sounds of a telephone call that are not speech; samples whose root mean square is about 1."""

import math
import os
import tempfile

from .audio import RATE, levelled, rms, run, telephone

# Rows and columns of the keypad, ITU-T Q.23.
KEYPAD = {key: (low, high) for low, keys in zip((697, 770, 852, 941), ("123", "456", "789", "*0#"))
          for key, high in zip(keys, (1209, 1336, 1477))}
CHORDS = [("C4", "E4", "G4", "C5"), ("A3", "C4", "E4", "A4"), ("F3", "A3", "C4", "F4"), ("G3", "B3", "D4", "G4"),
          ("D4", "F4", "A4", "D5"), ("E3", "G3", "B3", "E4")]


def tone(frequencies, seconds):
    """Sines at once, with 5 ms of fade at both ends."""
    count, fade = int(seconds * RATE), RATE // 200
    scale = math.sqrt(2 / len(frequencies))
    return [scale * min(1.0, i / fade, (count - i) / fade) *
            sum(math.sin(2 * math.pi * f * i / RATE) for f in frequencies) for i in range(count)]


def key(digit):
    """A key of the telephone for a tenth of a second."""
    return tone(KEYPAD[digit], 0.1)


def ring_back(rings):
    """North America's: two seconds of 440 and 480 Hz, four of silence."""
    return (tone((440, 480), 2.0) + [0.0] * (4 * RATE)) * (rings - 1) + tone((440, 480), 2.0)


def fax_calling(times):
    """CNG of ITU-T T.30: half a second of 1100 Hz every 3.5 s."""
    return (tone((1100,), 0.5) + [0.0] * (3 * RATE)) * times


def fax_answering():
    """CED of ITU-T T.30: 2100 Hz."""
    return tone((2100,), 3.0)


def music(r, seconds):
    """Broken and struck chords, two seconds each."""
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.wav")
        while len(samples) < seconds * RATE:
            chord, kind = r.choice(CHORDS), r.choice(["pluck", "pluck", "triangle", "sine"])
            notes = [word for note in chord for word in (kind, note)]
            starts = [str(round(0.15 * i, 2)) for i in range(len(chord))]
            run("sox", "-R", "-r", "48000", "-n", path, "synth", "2", *notes, "delay", *starts,
                "remix", "-", "fade", "0.02", "2", "0.3", "norm", "-6")
            samples += telephone(path, [])
    return samples[:int(seconds * RATE)]


def comfort_noise(r, seconds):
    """Noise as a far end makes it in pauses: white through a one-pole low-pass."""
    state, samples = 0.0, []
    for _ in range(int(seconds * RATE)):
        state = 0.6 * state + r.gauss(0.0, 0.8)
        samples.append(state)
    return samples


def knock(r):
    """A door or a thing put down: a low thump with a click on it."""
    count, pitch = int(r.uniform(0.06, 0.25) * RATE), r.uniform(90, 320)
    samples = [math.exp(-12 * i / count) * (math.sin(2 * math.pi * pitch * i / RATE) + r.gauss(0.0, 0.5))
               for i in range(count)]
    level = rms(samples)
    return [s / level for s in samples]


def click(r):
    """A handset or a key: a few milliseconds of noise."""
    return levelled([r.gauss(0.0, 1.0) * math.exp(-i / 12) for i in range(RATE // 50)])
