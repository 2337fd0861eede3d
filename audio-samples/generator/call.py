"""A call being put together, turn by turn, with its labels."""

import random

from . import phrases
from .audio import CHANNELS, LINE_NOISE, RATE, SPEECH_LEVEL, clipped
from .numbers import UNITS, grouped, worded
from .voices import VOICES, recorded, spoken


class Call:
    """Two legs, and labels of what is said on them; time is in samples."""

    def __init__(self, name, scenario, agent, customer, seed):
        self.name, self.scenario = name, scenario
        self.voices = {"agent": agent, "customer": customer}
        self.random = random.Random(f"hushgate {seed} {name}")
        self.legs = {"agent": [], "customer": []}
        self.now = int(0.6 * RATE)
        self.sensitive, self.benign, self.allowed, self.keyed = [], [], [], []

    def pause(self, low, high):
        self.now += int(self.random.uniform(low, high) * RATE)

    def place(self, leg, clip):
        """Someone says a clip; returns its times in seconds."""
        times = self.beneath(leg, clip, SPEECH_LEVEL[leg] * self.random.uniform(0.9, 1.1))
        self.now += len(clip)
        return times

    def beneath(self, leg, clip, level, start=None):
        """Lays a clip on a leg, from the present or the given sample on, and takes no time for it."""
        samples, start = self.legs[leg], self.now if start is None else start
        end = start + len(clip)
        if len(samples) < end:
            samples.extend([0.0] * (end - len(samples)))
        for i, s in enumerate(clip, start):
            samples[i] += s * level
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

    def parts(self, leg, kind, parts, label_list, lead="", gap=(0.3, 0.7), hesitate=0.0, acknowledge=0.0):
        """Someone says a value in parts, `[(words, characters)]`, each in one breath; labelled in the given list.

        Between parts they hesitate, or the other party acknowledges, with these probabilities. The time
        of a part is shared out evenly among its characters.
        """
        other, times = "customer" if leg == "agent" else "agent", []
        self.say(leg, lead)
        self.pause(*(0.12, 0.3) if lead else (0.35, 0.7))
        for i, (words, characters) in enumerate(parts):
            if i:
                chance = self.random.random()
                if chance < acknowledge:
                    self.say(other, self.pick(phrases.ACKNOWLEDGE), 0.15, 0.4)
                elif chance < acknowledge + hesitate:
                    self.say(leg, self.pick(phrases.HESITATE), 0.15, 0.4)
                self.pause(*gap)
            start, end = self.breath(leg, words)
            width = (end - start) / len(characters)
            times += [[round(start + width * j, 4), round(start + width * (j + 1), 4)] for j in range(len(characters))]
        label_list.append(dict(channel=leg, kind=kind, value="".join(characters for _, characters in parts),
                               start=times[0][0], end=times[-1][1], digits=times))

    def breath(self, leg, text):
        """A few words without a pause, from recordings where the speaker recorded all of them."""
        name, words = self.voices[leg], text.replace("-", " ").replace(",", "").split()
        if not all(recorded(name, word) for word in words):
            return self.place(leg, spoken(name, text))
        times = []
        for word in words:
            times.append(self.place(leg, spoken(name, word, True)))
            self.pause(0.02, 0.08)
        return [times[0][0], times[-1][1]]

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
                      sensitive=self.sensitive, benign=self.benign, allowed=self.allowed, keyed=self.keyed)
        return legs, labels
