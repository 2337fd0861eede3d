"""Who speaks: synthetic voices, and a person's recorded digits, months and letters."""

import functools
import os
import sys
import tempfile

from .audio import run, telephone
from .numbers import MONTHS, NATO, TEENS, TENS, UNITS

PROMPTS = ["/usr/share/asterisk/sounds/en_US_f_Allison", "/usr/share/asterisk/sounds/en"]


def voice(name, engine, tone, stretch=1.0, pitch=None, semitones=0.0):
    """One speaker: the engine, its voice, how slow (1 is usual), and how high."""
    return dict(name=name, engine=engine, tone=tone, stretch=stretch, pitch=pitch, semitones=semitones)


VOICES = {v["name"]: v for v in [
    voice("slt", "flite", "slt"),
    voice("rms", "flite", "rms"),
    voice("awb", "flite", "awb"),
    voice("kal16", "flite", "kal16"),
    voice("slt-slow", "flite", "slt", 1.25),
    voice("rms-fast", "flite", "rms", 0.82),
    voice("awb-high", "flite", "awb", 1.0, semitones=2.5),
    voice("us-man", "espeak", "en-us+m3", 1.05, 42),
    voice("us-woman", "espeak", "en-us+f3", 1.05, 55),
    voice("british", "espeak", "en-gb-x-rp", 1.05, 48),
    voice("scottish", "espeak", "en-gb-scotland", 1.0, 45),
    voice("caribbean", "espeak", "en-029+m2", 1.1, 50),
    voice("new-york", "espeak", "en-us-nyc+m1", 0.95, 50),
    voice("allison", "prompts", "slt"),
    voice("allison-low", "prompts", "slt", 1.0, semitones=-3.0),
    voice("allison-fast", "prompts", "slt", 0.84),
]}
AGENTS = ["rms", "slt", "awb", "kal16", "us-man", "us-woman", "british", "new-york"]

# Every English voice of the Debian packages flite and espeak-ng, but awb_time (it only tells the time) and
# those that need mbrola.
FLITE = ["slt", "rms", "awb", "kal16", "kal"]
ESPEAK = ["en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc"]
THROATS = ["m1", "m2", "m3", "m4", "m5", "m7", "m8", "f1", "f2", "f3", "f4", "f5", "klatt2", "klatt4", "Alicia", "Andy"]


def drawn(r, number):
    """A voice in its turn (the number says whose), its speed and pitch from the generator `r`.

    Of eight, three are flite's, two the recorded person's, three espeak-ng's.
    """
    place, lap = number % 8, number // 8
    stretch, semitones = round(r.uniform(0.85, 1.25), 2), round(r.uniform(-2.5, 2.5), 1)
    if place < 3:
        tone = FLITE[(3 * lap + place) % len(FLITE)]
        made = voice(f"{tone} {stretch} {semitones}", "flite", tone, stretch, semitones=semitones)
    elif place < 5:
        made = voice(f"allison {stretch} {semitones}", "prompts", "slt", stretch, semitones=semitones)
    else:
        turn = 3 * lap + place - 5
        accent, throat, pitch = ESPEAK[turn % len(ESPEAK)], THROATS[turn % len(THROATS)], r.randint(30, 65)
        made = voice(f"{accent}+{throat} {stretch} {pitch}", "espeak", f"{accent}+{throat}", stretch, pitch)
    VOICES[made["name"]] = made
    return made["name"]


def recordings():
    """The words a person recorded, and the file of each below a folder of prompts."""
    files = {word: f"digits/{i}" for i, word in enumerate(UNITS + TEENS)}
    files |= {word: f"digits/{10 * i}" for i, word in enumerate(TENS) if i > 1}
    files |= {word: f"digits/{word}" for word in ("oh", "hundred", "thousand")}
    files |= {word: f"digits/mon-{i}" for i, word in enumerate(MONTHS)}
    files |= {letter: f"letters/{letter.lower()}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    files |= {word: f"phonetic/{word[0]}_p" for word in NATO}
    return files


RECORDINGS = recordings()


def recorded(name, word):
    """Whether this voice's speaker recorded the word."""
    return VOICES[name]["engine"] == "prompts" and word in RECORDINGS


def prompt(word):
    """The recording of a word by a person."""
    for folder in PROMPTS:
        path = os.path.join(folder, RECORDINGS[word] + ".wav")
        if os.path.exists(path):
            return path
    sys.exit(f"{PROMPTS[0]}/{RECORDINGS[word]}.wav is missing: apt-get install asterisk-core-sounds-en-wav")


@functools.lru_cache(maxsize=4096)
def spoken(name, text, single=False):
    """A voice saying a text; a `single` word is the person's own recording where there is one."""
    v = VOICES[name]
    effects = ["pitch", str(round(100 * v["semitones"]))] if v["semitones"] else []
    if single and recorded(name, text):
        if v["stretch"] != 1.0:
            effects += ["tempo", "-s", f"{1 / v['stretch']:.3f}"]
        return telephone(prompt(text), effects)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.wav")
        if v["engine"] == "espeak":
            words_per_minute = round(165 / v["stretch"])
            run("espeak-ng", "-v", v["tone"], "-s", str(words_per_minute), "-p", str(v["pitch"]), "-w", path, text)
        else:
            run("flite", "-voice", v["tone"], "--setf", f"duration_stretch={v['stretch']}", "-t", text, "-o", path)
        return telephone(path, effects)
