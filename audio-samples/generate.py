#!/usr/bin/env python3
"""Make labelled two-channel telephone calls for tests and measurements.

usage: generate.py [--check] [--only PREFIX]
       generate.py --out DIR [--set small|large|noise|loss|gsm|gain] [--calls N] [--seed N]
       generate.py --out DIR --set noise|loss|gsm|gain --from LABELS_DIR

Without --out the committed calls beside this file are made again ("small"); --check only compares
them with what is there. "large" makes N calls with many voices, speeds, groupings and phrasings and
random numbers with valid checksums; the other sets are "large" after 15 dB noise, 3 % packet loss
(20 ms frames replaced by silence), GSM 06.10 coding, or gain 10 dB down and 12 dB up (clipped) by
turns. With --from the calls of an existing folder are degraded instead.

A call is 8 kHz, 16-bit PCM, channel 0 agent, channel 1 customer, with a JSON file of labels: every
sensitive and benign number with its time in seconds, and each digit's own time where digits were
spoken one by one (`digits` is empty where a whole sentence was synthesised).

Needs flite, espeak-ng, sox and the Debian package asterisk-core-sounds-en-wav. The same versions of
these make the same bytes. Python's standard library only.
"""

import argparse
import array
import functools
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import wave

import phrases

HERE = os.path.dirname(os.path.abspath(__file__))
RATE = 8000
CHANNELS = ["agent", "customer"]
PROMPTS = ["/usr/share/asterisk/sounds/en_US_f_Allison", "/usr/share/asterisk/sounds/en"]

# Root mean square of speech, in sample units, as in a G.711 call at about -20 dBm0.
SPEECH_LEVEL = {"agent": 2600.0, "customer": 2200.0}
LINE_NOISE = 9.0

UNITS = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()


# ---------------------------------------------------------------- voices

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


def run(*command):
    """Runs a command and returns what it writes; its own words are the error."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: {done.stderr.decode(errors='replace').strip() or 'failed'}")
    return done.stdout


def prompt(word):
    """The recording of a digit by a person."""
    for folder in PROMPTS:
        path = os.path.join(folder, "digits", word + ".wav")
        if os.path.exists(path):
            return path
    sys.exit(f"{PROMPTS[0]}/digits/{word}.wav is missing: apt-get install asterisk-core-sounds-en-wav")


def telephone(path, effects):
    """A file as trimmed samples in the telephone band, at a common level."""
    raw = run("sox", "-D", "-R", path, "-t", "raw", "-r", str(RATE), "-c", "1", "-b", "16", "-e", "signed", "-L", "-",
              "gain", "-6", *effects, "rate", str(RATE), "sinc", "300-3400")
    samples = array.array("h", raw)
    if sys.byteorder == "big":
        samples.byteswap()
    return levelled(trimmed(samples))


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


@functools.lru_cache(maxsize=4096)
def spoken(name, text, digit=False):
    """A voice saying a text; a `digit` of the prompts is the person's own recording."""
    v = VOICES[name]
    effects = ["pitch", str(round(100 * v["semitones"]))] if v["semitones"] else []
    if v["engine"] == "prompts" and digit:
        if v["stretch"] != 1.0:
            effects += ["tempo", "-s", f"{1 / v['stretch']:.3f}"]
        return telephone(prompt(str(UNITS.index(text))), effects)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.wav")
        if v["engine"] == "espeak":
            words_per_minute = round(165 / v["stretch"])
            run("espeak-ng", "-v", v["tone"], "-s", str(words_per_minute), "-p", str(v["pitch"]), "-w", path, text)
        else:
            run("flite", "-voice", v["tone"], "--setf", f"duration_stretch={v['stretch']}", "-t", text, "-o", path)
        return telephone(path, effects)


# ---------------------------------------------------------------- numbers

def grouped(value, sizes):
    """The value cut into groups; the last size repeats."""
    groups, at = [], 0
    while at < len(value):
        size = sizes[min(len(groups), len(sizes) - 1)]
        groups.append(value[at:at + size])
        at += size
    return groups


def pair(text, oh):
    """Two digits as people say them: "forty-five", "oh nine", "ten"."""
    a, b = int(text[0]), int(text[1])
    zero = "oh" if oh else "zero"
    if a == 0:
        return f"{zero} {zero if b == 0 else UNITS[b]}"
    if a == 1:
        return TEENS[b]
    return TENS[a] if b == 0 else f"{TENS[a]}-{UNITS[b]}"


def worded(group, style, oh):
    """A group of digits in words: singles, pairs, or with doubles and triples."""
    if style == "pairs" and len(group) in (2, 4):
        if len(group) == 4 and group.endswith("00") and not group.startswith("0") and group[1] != "0":
            return pair(group[:2], oh) + " hundred"
        return " ".join(pair(group[i:i + 2], oh) for i in range(0, len(group), 2))
    names = ["oh" if d == "0" and oh else UNITS[int(d)] for d in group]
    if style != "doubles":
        return " ".join(names)
    said, at = [], 0
    while at < len(group):
        length = 1
        while length < 3 and at + length < len(group) and group[at + length] == group[at]:
            length += 1
        said.append({1: "", 2: "double ", 3: "triple "}[length] + names[at])
        at += length
    return " ".join(said)


def luhn_completed(body):
    """The digits with the check digit of ISO/IEC 7812-1, annex B, appended."""
    total = 0
    for i, d in enumerate(reversed(body)):
        d = int(d) * (2 if i % 2 == 0 else 1)
        total += d - 9 if d > 9 else d
    return body + str(-total % 10)


# ---------------------------------------------------------------- calls

class Call:
    """A call being put together, turn by turn; time is in samples."""

    def __init__(self, name, scenario, agent, customer, seed):
        self.name, self.scenario = name, scenario
        self.voices = {"agent": agent, "customer": customer}
        self.random = random.Random(f"hushgate {seed} {name}")
        self.legs = {"agent": [], "customer": []}
        self.now = int(0.6 * RATE)
        self.sensitive, self.benign = [], []

    def pause(self, low, high):
        self.now += int(self.random.uniform(low, high) * RATE)

    def place(self, leg, clip):
        """Lays a clip on a leg from the present on; returns its times in seconds."""
        samples, level = self.legs[leg], SPEECH_LEVEL[leg] * self.random.uniform(0.9, 1.1)
        end = self.now + len(clip)
        if len(samples) < end:
            samples.extend([0.0] * (end - len(samples)))
        for i, s in enumerate(clip, self.now):
            samples[i] += s * level
        start, self.now = self.now, end
        return [round(start / RATE, 4), round(end / RATE, 4)]

    def say(self, leg, text, low=0.3, high=0.7):
        if text:
            self.pause(low, high)
            self.place(leg, spoken(self.voices[leg], text))

    def talk(self, exchange):
        self.say("agent", exchange[0])
        self.say("customer", exchange[1])

    def pick(self, choices):
        return self.random.choice(choices)

    def number(self, leg, kind, value, sizes, style="spliced", benign=False, lead="", gap=(0.03, 0.12),
               group_gap=(0.25, 0.5), between=None, acknowledge=False, oh=False, wrong=None):
        """Someone says a number. Spliced: digit by digit; other styles: each sentence in one breath.

        `between` is how often a filler comes between groups; with `acknowledge` the other party answers
        there. `wrong` is (group, digits): that group is said wrongly first, then corrected.
        """
        name, groups, times, heard = self.voices[leg], grouped(value, sizes), [], value
        other = "customer" if leg == "agent" else "agent"
        self.say(leg, lead)
        self.pause(*(0.12, 0.3) if lead else (0.35, 0.7))
        start = self.now / RATE
        if style == "spliced":
            if wrong:
                groups.insert(wrong[0], wrong[1])
                heard = "".join(groups)
            for g, group in enumerate(groups):
                for d in group:
                    word = UNITS[int(d)]
                    if oh and d == "0" and VOICES[name]["engine"] != "prompts":
                        word = "oh"
                    times.append(self.place(leg, spoken(name, word, True)))
                    self.pause(*gap)
                if g + 1 == len(groups):
                    break
                if wrong and g == wrong[0]:
                    self.say(leg, "no, sorry,", 0.1, 0.2)
                elif acknowledge:
                    self.say(other, self.pick(phrases.ACKNOWLEDGE), 0.1, 0.3)
                elif between and self.random.random() < between:
                    self.say(leg, self.pick(phrases.BETWEEN), 0.1, 0.3)
                self.pause(*group_gap)
            end = times[-1][1]
        else:
            text = ", ".join(worded(group, style, oh) for group in groups) + "."
            start, end = self.place(leg, spoken(name, text))
        item = dict(channel=leg, kind=kind, value=heard, start=round(start, 4), end=end, digits=times)
        if times:
            item["start"] = times[0][0]
        (self.benign if benign else self.sensitive).append(item)

    def finished(self):
        """Two legs of equal length with line noise, as 16-bit samples, and the labels."""
        length = max(len(s) for s in self.legs.values()) + int(0.8 * RATE)
        legs = []
        for leg in CHANNELS:
            noise = random.Random(f"line {self.name} {leg}")
            level = LINE_NOISE * noise.uniform(0.7, 1.2)
            samples = self.legs[leg] + [0.0] * (length - len(self.legs[leg]))
            legs.append([clipped(s + noise.gauss(0.0, level)) for s in samples])
        labels = dict(audio=self.name + ".wav", sample_rate=RATE, channels=CHANNELS, scenario=self.scenario,
                      sensitive=self.sensitive, benign=self.benign)
        return legs, labels


def clipped(value):
    return max(-32768, min(32767, round(value)))


# ---------------------------------------------------------------- the committed calls

# Test numbers that card networks and payment processors publish, the specimen SSN printed on wallet
# inserts in 1938 (void since), and telephone numbers set aside for fiction.
VISA, VISA_2, MASTERCARD, MASTERCARD_2 = "4111111111111111", "4242424242424242", "5555555555554444", "5105105105105100"
AMEX, AMEX_2, DISCOVER, VISA_3 = "378282246310005", "371449635398431", "6011111111111117", "4012888888881881"
SSN = "078051120"


def small():
    """The committed calls: short, one of each scenario."""
    o, t, c = phrases.OPENING, phrases.TALK, phrases.CLOSING

    k = Call("pan_asked", "pan_asked", "rms", "allison", 1)
    k.talk(o[0])
    k.say("agent", phrases.ASK["pan"][1])
    k.number("customer", "pan", VISA_2, [4], lead="Yes, it's")
    k.say("agent", c[2][0])
    k.say("customer", "Perfect. Thank you, and goodbye.")
    yield k

    k = Call("pan_words", "pan_words", "awb", "slt", 1)
    k.talk(o[2])
    k.say("agent", phrases.ASK["pan"][14])
    k.number("customer", "pan", MASTERCARD_2, [4], "pairs", lead="Sure. It's", oh=True)
    k.say("agent", "Perfect, thank you.")
    k.talk(c[1])
    yield k

    k = Call("amex_full", "amex_full", "us-woman", "allison", 1)
    k.say("agent", o[6][0])
    k.say("customer", "Hi, I have a balance to pay for my daughter.", 0.2, 0.3)
    k.say("agent", phrases.ASK["pan"][0])
    k.number("customer", "pan", AMEX, [4, 6, 5], group_gap=(0.2, 0.35))
    k.say("agent", phrases.ASK["expiry"][0])
    k.number("customer", "expiry", "0629", [2, 2])
    k.say("agent", phrases.ASK["cvv4"][0])
    k.number("customer", "cvv", "7364", [4])
    k.say("agent", "Great, that went through. We look forward to seeing her.")
    yield k

    k = Call("cvv_only", "cvv_only", "rms", "us-woman", 1)
    k.talk(o[3])
    k.say("agent", t[1][0])
    k.say("agent", "I can put it on the card that you used before. " + phrases.ASK["cvv"][1])
    k.number("customer", "cvv", "739", [3], lead="Um, it says")
    k.say("agent", "Great, got that, thanks.")
    yield k

    k = Call("ssn_asked", "ssn_asked", "slt", "us-man", 1)
    k.talk(o[1])
    k.say("agent", phrases.ASK["ssn"][2])
    k.number("customer", "ssn", SSN, [3, 2, 4], lead="Sure. It's", gap=(0.04, 0.1))
    k.say("agent", t[4][0])
    k.say("customer", "That makes sense. I changed banks around then.")
    yield k

    k = Call("pan_unasked", "pan_unasked", "kal16", "rms", 1)
    k.say("agent", o[4][0])
    k.say("customer", phrases.UNASKED[0])
    k.number("customer", "pan", DISCOVER, [4], gap=(0.03, 0.08))
    k.say("agent", "Oh, okay, you already had it ready. Let me write that down for you.")
    k.talk(c[3])
    yield k

    k = Call("pan_readback", "pan_readback", "allison", "awb", 1)
    k.say("agent", phrases.ASK["pan"][5])
    k.number("customer", "pan", MASTERCARD, [4], "singles", lead="Okay, that's")
    k.say("agent", "Let me read that back to you.")
    k.number("agent", "pan", MASTERCARD, [4], gap=(0.02, 0.05), group_gap=(0.15, 0.25))
    k.say("customer", "Yes, that is right.")
    k.talk(c[4])
    yield k

    k = Call("pan_interrupted", "pan_interrupted", "awb", "allison-fast", 1)
    k.talk(o[7])
    k.say("agent", phrases.ASK["pan"][3])
    k.number("customer", "pan", VISA, [4], lead="Okay. Ready?", acknowledge=True, group_gap=(0.1, 0.25))
    k.say("agent", c[2][0])
    yield k

    k = Call("two_cards", "two_cards", "slt", "rms", 1)
    k.say("agent", phrases.ASK["pan"][2])
    k.number("customer", "pan", VISA_3, [4], "doubles", lead="It's a Visa, and the number is")
    k.say("agent", "I'm sorry, that card was declined. Do you have another card that we could try instead?")
    k.say("customer", "Oh, that's strange. It worked fine at the store this morning. Let's use this one.")
    k.number("customer", "pan", AMEX_2, [4, 6, 5], "singles")
    k.say("agent", c[4][0])
    yield k

    k = Call("benign_phone", "benign_phone", "us-man", "allison", 1)
    k.talk(o[5])
    k.say("agent", phrases.ASK["phone"][0])
    k.number("customer", "phone", "2125550147", [3, 3, 4], lead="You can reach me at", benign=True)
    k.say("agent", "Perfect, thank you. I will call you this afternoon.")
    yield k

    k = Call("benign_order", "benign_order", "slt", "awb", 1)
    k.talk(o[3])
    k.say("agent", phrases.ASK["order"][0])
    k.number("customer", "order", "5609417", [3, 4], lead="The email says", benign=True)
    k.say("agent", t[3][0])
    k.say("customer", c[2][1])
    yield k

    k = Call("benign_zip", "benign_zip", "rms", "slt", 1)
    k.talk(o[4])
    k.say("agent", phrases.ASK["zip"][0])
    k.number("customer", "zip", "62704", [5], lead="It's", benign=True)
    k.talk(c[3])
    yield k


# ---------------------------------------------------------------- the large set

SCENARIOS = ["pan_asked", "pan_words", "amex_full", "cvv_only", "ssn_asked", "pan_unasked", "pan_readback", "two_cards",
             "benign_phone", "benign_order", "benign_zip", "benign_amount", "benign_talk", "pan_interrupted",
             "pan_correction", "card_full", "pan_slow", "ssn_words"]


def random_card(r):
    """A valid card number of some network, with the usual groups."""
    prefix, length = r.choice([("4", 16), ("4", 16), (str(r.randint(51, 55)), 16), (str(r.randint(2221, 2720)), 16),
                               ("6011", 16), (r.choice(["34", "37"]), 15)])
    body = prefix + "".join(str(r.randrange(10)) for _ in range(length - 1 - len(prefix)))
    return luhn_completed(body), ([4, 6, 5] if length == 15 else r.choice([[4], [4], [4], [2], [16], [3, 3, 4], [8]]))


def random_ssn(r):
    return f"{r.randint(1, 665):03}{r.randint(1, 99):02}{r.randint(1, 9999):04}"


def digits(r, count):
    return str(r.randint(1, 9)) + "".join(str(r.randrange(10)) for _ in range(count - 1))


def large(count, seed):
    """Calls of every scenario in turn, with everything else drawn from the seed."""
    speakers = sorted(VOICES)
    for i in range(count):
        scenario = SCENARIOS[i % len(SCENARIOS)]
        name = f"{scenario}_{i // len(SCENARIOS) + 1}"
        r = random.Random(f"large {seed} {name}")
        agent = r.choice(AGENTS)
        customer = r.choice([s for s in speakers if s != agent])
        k = Call(name, scenario, agent, customer, seed)
        k.talk(r.choice(phrases.OPENING))
        for exchange in r.sample(phrases.TALK, r.randint(1, 3)):
            k.talk(exchange)
        middle(k, r, scenario)
        k.say("agent", r.choice(phrases.RECEIVED))
        k.talk(r.choice(phrases.TALK))
        k.talk(r.choice(phrases.CLOSING))
        yield k


def middle(k, r, scenario):
    """The part of a large-set call that its scenario is named after."""
    kind, _, variant = scenario.partition("_")
    pace = r.choice([(0.0, 0.04), (0.03, 0.12), (0.08, 0.25)])
    group_gap = r.choice([(0.1, 0.3), (0.25, 0.6), (0.5, 1.1)])
    oh, style = r.random() < 0.4, r.choice(["singles", "singles", "pairs", "doubles"])

    def ask(what, leads=None):
        k.say("agent", r.choice(phrases.ASK[what]))
        if r.random() < 0.25:
            k.say("customer", r.choice(phrases.STALL))
            k.pause(0.5, 3.5)
        return r.choice(phrases.LEAD[leads or what])

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
        k.say("agent", r.choice(phrases.ASK["amount"]))
        dollars, cents = r.randint(21, 99), r.randint(21, 99)
        k.say("customer", f"{r.choice(phrases.LEAD['amount'])} {pair(str(dollars), False)} dollars and {pair(str(cents), False)} cents.")
    else:
        for exchange in r.sample(phrases.TALK, 2):
            k.talk(exchange)


# ---------------------------------------------------------------- degradation

def degraded(legs, how, name):
    """The legs after the line did its worst; lengths stay."""
    r = random.Random(f"{how} {name}")
    if how == "noise":
        return [with_noise(leg, r) for leg in legs]
    if how == "loss":
        for leg in legs:
            for at in range(0, len(leg), RATE // 50):
                if r.random() < 0.03:
                    leg[at:at + RATE // 50] = [0] * len(leg[at:at + RATE // 50])
        return legs
    if how == "gain":
        gain = 10 ** ((-10 if r.random() < 0.5 else 12) / 20)
        return [[clipped(s * gain) for s in leg] for leg in legs]
    if how == "gsm":
        return [through_gsm(leg) for leg in legs]
    return legs


def with_noise(leg, r):
    """Speech-shaped noise (a one-pole low-pass over white noise) 15 dB under the speech."""
    step = RATE // 50
    voiced = sorted(rms(leg[i:i + step]) for i in range(0, len(leg), step))
    voiced = [v for v in voiced if v > 200.0] or [SPEECH_LEVEL["customer"]]
    level = math.sqrt(sum(v * v for v in voiced) / len(voiced)) * 10 ** (-15 / 20)
    pole, state, noise = 0.7, 0.0, []
    for _ in leg:
        state = pole * state + r.gauss(0.0, math.sqrt(1 - pole * pole))
        noise.append(state)
    return [clipped(s + n * level) for s, n in zip(leg, noise)]


def through_gsm(leg):
    """Coded and decoded by GSM 06.10 full rate."""
    with tempfile.TemporaryDirectory() as folder:
        raw, gsm = os.path.join(folder, "a.raw"), os.path.join(folder, "a.gsm")
        linear = ["-t", "raw", "-r", str(RATE), "-c", "1", "-b", "16", "-e", "signed", "-L"]
        with open(raw, "wb") as f:
            f.write(little_endian(leg))
        run("sox", "-D", "-R", *linear, raw, "-t", "gsm", "-r", str(RATE), "-c", "1", gsm)
        decoded = array.array("h", run("sox", "-D", "-R", "-t", "gsm", "-r", str(RATE), "-c", "1", gsm, *linear, "-"))
    if sys.byteorder == "big":
        decoded.byteswap()
    return (list(decoded) + [0] * len(leg))[:len(leg)]


# ---------------------------------------------------------------- files

def little_endian(samples):
    data = array.array("h", samples)
    if sys.byteorder == "big":
        data.byteswap()
    return data.tobytes()


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
    return "{\n" + head + f' "sensitive": {items("sensitive")},\n "benign": {items("benign")}\n}}\n'


def read(folder, path):
    """An existing labelled call."""
    with open(path) as f:
        labels = json.load(f)
    with wave.open(os.path.join(folder, labels["audio"]), "rb") as w:
        if (w.getnchannels(), w.getsampwidth(), w.getframerate()) != (2, 2, RATE):
            sys.exit(f"{labels['audio']}: two channels of 16-bit PCM at {RATE} Hz expected")
        samples = array.array("h", w.readframes(w.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    return [list(samples[0::2]), list(samples[1::2])], labels


def calls(arguments):
    """Names, legs and labels of everything asked for."""
    if arguments.source:
        for file in sorted(f for f in os.listdir(arguments.source) if f.endswith(".json")):
            legs, labels = read(arguments.source, os.path.join(arguments.source, file))
            yield file[:-5], legs, labels
        return
    for call in small() if arguments.set == "small" else large(arguments.calls, arguments.seed):
        if call.name.startswith(arguments.only):
            legs, labels = call.finished()
            yield call.name, legs, labels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", metavar="DIR", help="where to write; default: beside this file")
    parser.add_argument("--set", default="small", choices=["small", "large", "noise", "loss", "gsm", "gain"])
    parser.add_argument("--calls", type=int, default=72, help="how many calls the large sets have")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other calls")
    parser.add_argument("--only", default="", metavar="PREFIX", help="only calls whose name starts so")
    parser.add_argument("--from", dest="source", metavar="LABELS_DIR", help="degrade these calls")
    parser.add_argument("--check", action="store_true", help="compare with the files there, write nothing")
    arguments = parser.parse_args()
    if arguments.set != "small" and not arguments.out:
        parser.error("--set needs --out: only the small set lives beside this file")
    if arguments.source and arguments.set in ("small", "large"):
        parser.error("--from needs --set noise, loss, gsm or gain")
    missing = [c for c in ("flite", "espeak-ng", "sox") if not shutil.which(c)]
    if missing and not (arguments.source and arguments.set != "gsm"):
        sys.exit(f"missing: apt-get install {' '.join(missing)}")

    folder = arguments.out or HERE
    os.makedirs(folder, exist_ok=True)
    differing = seconds = 0
    for name, legs, labels in calls(arguments):
        legs = degraded(legs, arguments.set, name)
        seconds += len(legs[0]) / RATE
        if arguments.check:
            with tempfile.TemporaryDirectory() as fresh:
                write(fresh, name, legs, labels)
                for file in (name + ".wav", name + ".json"):
                    with open(os.path.join(fresh, file), "rb") as made:
                        theirs = os.path.join(folder, file)
                        same = os.path.exists(theirs) and made.read() == open(theirs, "rb").read()
                    if not same:
                        differing += 1
                        print(f"{file}: differs")
        else:
            write(folder, name, legs, labels)
            print(f"{name:22} {len(legs[0]) / RATE:5.1f} s")
    print(f"{seconds:.0f} s in all")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
