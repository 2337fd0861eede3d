"""Sound as lists of samples: reading, levels, the telephone band."""

import array
import math
import subprocess
import sys

RATE = 8000
CHANNELS = ["agent", "customer"]

# Root mean square of speech, in sample units, as in a G.711 call at about -20 dBm0.
SPEECH_LEVEL = {"agent": 2600.0, "customer": 2200.0}
LINE_NOISE = 9.0

LINEAR = ["-t", "raw", "-r", str(RATE), "-c", "1", "-b", "16", "-e", "signed", "-L"]


def run(*command):
    """Runs a command and returns what it writes; its own words are the error."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: {done.stderr.decode(errors='replace').strip() or 'failed'}")
    return done.stdout


def telephone(path, effects):
    """A file as trimmed samples in the telephone band, at a common level."""
    raw = run("sox", "-D", "-R", path, *LINEAR, "-", "gain", "-6", *effects, "rate", str(RATE), "sinc", "300-3400")
    return levelled(trimmed(from_little_endian(raw)))


def rms(samples):
    return math.sqrt(sum(s * s for s in samples) / max(1, len(samples)))


def trimmed(samples):
    """Without the silence before and after, down to 10 ms."""
    step = RATE // 100
    levels = [rms(samples[i:i + step]) for i in range(0, len(samples), step)]
    floor = 0.02 * max(levels, default=0.0)
    loud = [i for i, level in enumerate(levels) if level > floor]
    if not loud:
        sys.exit("a synthesiser returned silence")
    return samples[max(0, loud[0] - 1) * step:(loud[-1] + 2) * step]


def levelled(samples):
    """Floats whose voiced part has a root mean square of 1."""
    step = RATE // 50
    levels = sorted(rms(samples[i:i + step]) for i in range(0, len(samples), step))
    voiced = levels[len(levels) // 3:]
    level = math.sqrt(sum(v * v for v in voiced) / len(voiced))
    return [s / level for s in samples]


def clipped(value):
    return max(-32768, min(32767, round(value)))


def little_endian(samples):
    data = array.array("h", samples)
    if sys.byteorder == "big":
        data.byteswap()
    return data.tobytes()


def from_little_endian(data):
    samples = array.array("h", data)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def decibels(level):
    """The factor of an amplitude."""
    return 10 ** (level / 20)
