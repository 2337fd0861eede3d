"""Recordings and labels on disk."""

import json
import os
import sys
import wave

from .audio import RATE, from_little_endian, little_endian


def write(folder, name, legs, labels):
    interleaved = [0] * (2 * len(legs[0]))
    interleaved[0::2], interleaved[1::2] = legs[0], legs[1]
    with wave.open(os.path.join(folder, name + ".wav"), "wb") as w:
        w.setnchannels(2)
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes(little_endian(interleaved))
    with open(os.path.join(folder, name + ".json"), "w") as f:
        f.write(labels_text(labels))


def labels_text(labels):
    """One item a line, as people read it."""
    def items(key):
        lines = ",\n".join("  " + json.dumps(item) for item in labels[key])
        return f"[\n{lines}\n ]" if lines else "[]"
    head = "".join(f' "{key}": {json.dumps(labels[key])},\n' for key in ("audio", "sample_rate", "channels", "scenario"))
    lists = ["sensitive", "benign"] + [key for key in ("allowed", "keyed", "echoes") if labels.get(key)]
    return "{\n" + head + ",\n".join(f' "{key}": {items(key)}' for key in lists) + "\n}\n"


def read(folder, path):
    """An existing labelled call."""
    with open(path) as f:
        labels = json.load(f)
    with wave.open(os.path.join(folder, labels["audio"]), "rb") as w:
        if (w.getnchannels(), w.getsampwidth(), w.getframerate()) != (2, 2, RATE):
            sys.exit(f"{labels['audio']}: two channels of 16-bit PCM at {RATE} Hz expected")
        samples = from_little_endian(w.readframes(w.getnframes()))
    return [list(samples[0::2]), list(samples[1::2])], labels
