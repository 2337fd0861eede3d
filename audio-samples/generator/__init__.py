"""Makes labelled telephone calls; `generate.py` beside this package is the command.

    questions, phrases  what is said: plain data
    audio               samples, levels, the telephone band
    numbers             values with valid checksums, and how people say them
    voices              who speaks
    call                a call being put together, with its labels
    committed           the calls that are part of the project
    cards, personal, harmless   what the middle of a call is about, by scenario
    large               calls with everything drawn from a seed
    tones, disturbed    music, DTMF, ring-back, fax, knocks, and calls with them
    line                what a line does to a finished call
    files               recordings and labels on disk
"""
