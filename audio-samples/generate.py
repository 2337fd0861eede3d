#!/usr/bin/env python3
"""Make labelled two-channel telephone calls for tests and measurements.

usage: generate.py [--check] [--only PREFIX,...]
       generate.py --out DIR [--set SET] [--calls N] [--seed N] [--only PREFIX,...]
       generate.py --out DIR --set noise|loss|gsm|amr|gain|crosstalk --from LABELS_DIR

Without --out the committed calls beside this file are made again ("small"); --check only compares
them with what is there. Sets:

  large      N calls of every scenario with many voices, speeds, groupings and phrasings and random
             numbers with valid checksums
  voices     N shorter calls: every voice there is, its speed and pitch drawn, with groupings,
             hesitations and acknowledgements inside numbers, and only the later wordings of questions
  sounds     N calls with hold music, DTMF, ring-back, fax, comfort noise, knocks, silence, a second
             speaker
  noise      "large" with noise 15 dB under the speech
  loss       with 3 % packet loss: 20 ms frames replaced by silence
  gsm        coded by GSM 06.10
  amr        coded by AMR at 7.95 kbit/s, a CELP coder near G.729 (8 kbit/s)
  gain       10 dB down and 12 dB up (clipped) by turns
  crosstalk  each leg with the other 25 dB down and 40 ms late, in a third of the calls 15 dB down

With --from the calls of an existing folder are degraded instead.

A call is 8 kHz, 16-bit PCM, channel 0 agent, channel 1 customer, with a JSON file of labels: every
sensitive and benign number with its time in seconds, and each digit's own time where digits were
spoken one by one (`digits` is empty where a whole sentence was synthesised).

Needs flite, espeak-ng, sox and the Debian package asterisk-core-sounds-en-wav. The same versions of
these make the same bytes. Python's standard library only.
"""

import argparse
import os
import shutil
import sys
import tempfile

from generator import files
from generator.audio import RATE
from generator.committed import small
from generator.disturbed import sounds
from generator.large import large, voices
from generator.line import CODECS, DEGRADATIONS, degraded

HERE = os.path.dirname(os.path.abspath(__file__))


def calls(arguments):
    """Names, legs and labels of everything asked for."""
    prefixes = tuple(arguments.only.split(","))
    if arguments.source:
        for file in sorted(f for f in os.listdir(arguments.source) if f.endswith(".json")):
            if file.startswith(prefixes):
                legs, labels = files.read(arguments.source, os.path.join(arguments.source, file))
                yield file[:-5], legs, labels
        return
    if arguments.set == "small":
        made = (call for call in small() if call.name.startswith(prefixes))
    else:
        make = {"voices": voices, "sounds": sounds}.get(arguments.set, large)
        made = make(arguments.calls, arguments.seed, lambda name: name.startswith(prefixes))
    for call in made:
        yield call.name, *call.finished()


def differing_files(folder, name, legs, labels):
    """The files of a call that differ from those in a folder."""
    with tempfile.TemporaryDirectory() as fresh:
        files.write(fresh, name, legs, labels)
        for file in (name + ".wav", name + ".json"):
            theirs = os.path.join(folder, file)
            with open(os.path.join(fresh, file), "rb") as made:
                if not os.path.exists(theirs) or made.read() != open(theirs, "rb").read():
                    yield file


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", metavar="DIR", help="where to write; default: beside this file")
    parser.add_argument("--set", default="small", choices=["small", "large", "voices", "sounds", *DEGRADATIONS])
    parser.add_argument("--calls", type=int, default=72, help="how many calls a set has")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other calls")
    parser.add_argument("--only", default="", metavar="PREFIX,...", help="only calls whose name starts so")
    parser.add_argument("--from", dest="source", metavar="LABELS_DIR", help="degrade these calls")
    parser.add_argument("--check", action="store_true", help="compare with the files there, write nothing")
    arguments = parser.parse_args()
    if arguments.set != "small" and not arguments.out:
        parser.error("--set needs --out: only the small set lives beside this file")
    if arguments.source and arguments.set not in DEGRADATIONS:
        parser.error(f"--from needs --set {', '.join(DEGRADATIONS[:-1])} or {DEGRADATIONS[-1]}")
    missing = [c for c in ("flite", "espeak-ng", "sox") if not shutil.which(c)]
    if missing and not (arguments.source and arguments.set not in CODECS):
        sys.exit(f"missing: apt-get install {' '.join(missing)}")
    return arguments


def main():
    arguments = parsed()
    folder = arguments.out or HERE
    os.makedirs(folder, exist_ok=True)
    differing = seconds = 0
    for name, legs, labels in calls(arguments):
        legs, labels = degraded(legs, labels, arguments.set, name)
        seconds += len(legs[0]) / RATE
        if arguments.check:
            for file in differing_files(folder, name, legs, labels):
                differing += 1
                print(f"{file}: differs")
        else:
            files.write(folder, name, legs, labels)
            print(f"{name:22} {len(legs[0]) / RATE:5.1f} s")
    print(f"{seconds:.0f} s in all")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
