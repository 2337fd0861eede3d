//! Words that are digits only among digits: "one", "oh", "for", "ate", and Korean syllables.
//!
//! Each step cuts the items into runs, which hesitations do not end, and judges a run as a whole; so
//! every item is looked at a fixed number of times.

use std::ops::Range;

use super::super::token::Sense;
use super::piece::{Item, Kind, Meaning, Numeral, Strength};

/// Single digits that a run needs besides a "to" or "for".
const SINGLES_FOR_PREPOSITION: usize = 3;
/// Single digits that must stand beside an "ate" or "won" at a run's start or end.
const SINGLES_FOR_SOUND: usize = 2;
/// More homophones than this in a row are talk.
const LONGEST_STRETCH: usize = 3;

/// Whether the item ends no run: it carries nothing.
fn is_pause(item: &Item) -> bool {
    item.is(Meaning::Pause)
}

/// Calls `judge` for every run of members, with pauses inside.
fn each_run(
    items: &mut [Item],
    member: impl Fn(&Item) -> bool,
    mut judge: impl FnMut(&mut [Item], Range<usize>),
) {
    let mut at = 0;
    while at < items.len() {
        if !member(&items[at]) {
            at += 1;
            continue;
        }
        let mut end = at + 1;
        let mut look = end;
        while look < items.len() && (member(&items[look]) || is_pause(&items[look])) {
            look += 1;
            if member(&items[look - 1]) {
                end = look;
            }
        }
        judge(items, at..end);
        at = look;
    }
}

/// Whether speech begins afresh before the item.
fn is_start(items: &[Item], at: usize) -> bool {
    at.checked_sub(1).is_none_or(|before| {
        let before = &items[before];
        before.clause_end || is_light(before)
    })
}

/// Whether speech ends after the item.
fn is_end(items: &[Item], at: usize) -> bool {
    items[at].clause_end
        || items
            .get(at + 1)
            .is_none_or(|after| is_aside(after) || is_pause(after))
}

fn is_aside(item: &Item) -> bool {
    matches!(
        item.kind,
        Kind::Open(
            Meaning::Acknowledgement | Meaning::Correction | Meaning::MaybeCorrection | Meaning::No
        )
    )
}

fn is_light(item: &Item) -> bool {
    let filler = matches!(
        item.kind,
        Kind::Open(Meaning::Filler | Meaning::And | Meaning::Cue)
    );
    filler || is_aside(item) || is_pause(item)
}

/// Settles "one" and "oh": first beside numbers, then beyond an "ate" and, in a longer run, a "to".
pub(super) fn ones_and_ohs(items: &mut [Item]) {
    // An amount may be dictated digits that the recogniser took for a price.
    let beside = |item: &Item| {
        let amount = item.is_number() && item.sense == Sense::Money;
        amount || item.is_dictated() || is_open_digit(item)
    };
    let beyond_sounds = |item: &Item| {
        let sound = matches!(item.kind, Kind::Open(Meaning::Sound(_) | Meaning::Rhyme(_)));
        sound || item.is_dictated() || is_open_digit(item)
    };
    let beyond_all = |item: &Item| item.is_dictated() || is_open_digit(item) || is_homophone(item);
    ones_and_ohs_in(items, beside, 1);
    ones_and_ohs_in(items, beyond_sounds, 1);
    ones_and_ohs_in(items, beyond_all, SINGLES_FOR_PREPOSITION);
}

fn is_open_digit(item: &Item) -> bool {
    item.is(Meaning::One) || item.is(Meaning::Oh)
}

fn ones_and_ohs_in(items: &mut [Item], member: impl Fn(&Item) -> bool, fewest: usize) {
    each_run(items, member, |items, run| {
        let certain = items[run.clone()]
            .iter()
            .filter(|item| item.is_dictated())
            .count();
        let doubtful = items[run.clone()]
            .iter()
            .filter(|item| is_open_digit(item))
            .count();
        if doubtful == 0 {
            return;
        }
        let last = run.end - 1;
        let alone = is_start(items, run.start) && is_end(items, last);
        let cued = run.start > 0 && items[run.start - 1].is(Meaning::Cue);
        let ones = items[run.clone()].iter().any(|item| item.is(Meaning::One));
        let counts = match certain {
            0 => doubtful >= 3 || (ones && (alone || cued)),
            certain => certain >= fewest,
        };
        for at in run.clone() {
            if !is_open_digit(&items[at]) {
                continue;
            }
            let interjection = items[at].is(Meaning::Oh)
                && at == run.start
                && items[at].clause_end
                && singles_after(items, at + 1..run.end) < SINGLES_FOR_PREPOSITION;
            if counts && !interjection {
                items[at].settle(Sense::Plain);
            }
        }
    });
}

/// Single digits one after the other from the start of the range, pauses aside.
fn singles_after(items: &[Item], range: Range<usize>) -> usize {
    count_singles(items[range].iter())
}

/// Single digits one after the other up to the end of the range, pauses aside.
fn singles_before(items: &[Item], range: Range<usize>) -> usize {
    count_singles(items[range].iter().rev())
}

fn count_singles<'a>(items: impl Iterator<Item = &'a Item>) -> usize {
    items
        .filter(|item| !is_pause(item))
        .take(SINGLES_FOR_PREPOSITION)
        .take_while(|item| item.is_single() || is_open_digit(item))
        .count()
}

fn is_homophone(item: &Item) -> bool {
    matches!(
        item.kind,
        Kind::Open(Meaning::Sound(_) | Meaning::Rhyme(_) | Meaning::Preposition(_))
    )
}

/// Settles "to", "for", "ate" and their like.
pub(super) fn others(items: &mut [Item]) {
    let member = |item: &Item| item.is_dictated() || is_homophone(item);
    each_run(items, member, |items, run| {
        let dictated = || items[run.clone()].iter().filter(|item| item.is_dictated());
        let singles = dictated().filter(|item| item.is_single()).count();
        let numbers = dictated().count();
        if numbers == 0 || numbers == run.len() {
            return;
        }
        let mut at = run.start;
        while at < run.end {
            if !is_homophone(&items[at]) {
                at += 1;
                continue;
            }
            let start = at;
            let mut end = at + 1;
            while at < run.end && !items[at].is_dictated() {
                at += 1;
                if is_homophone(&items[at - 1]) {
                    end = at;
                }
            }
            stretch(items, &run, start..end, Run { singles, numbers });
        }
    });
}

/// What is certain in a run.
#[derive(Clone, Copy)]
struct Run {
    singles: usize,
    numbers: usize,
}

/// Settles homophones that stand together.
fn stretch(items: &mut [Item], run: &Range<usize>, stretch: Range<usize>, certain: Run) {
    if stretch.len() > LONGEST_STRETCH {
        return;
    }
    let leads = stretch.start == run.start;
    let trails = stretch.end == run.end;
    let near = if leads {
        singles_after(items, stretch.end..run.end)
    } else {
        singles_before(items, run.start..stretch.start)
    };
    let beside_single = near > 0 || singles_after(items, stretch.end..run.end) > 0;
    let border = match (leads, trails) {
        (true, _) => is_start(items, stretch.start),
        (false, true) => is_end(items, stretch.end - 1),
        (false, false) => true,
    };
    for at in stretch {
        let counts = match items[at].kind {
            Kind::Open(Meaning::Sound(_)) if leads || trails => border && near >= SINGLES_FOR_SOUND,
            Kind::Open(Meaning::Preposition(_)) if leads || trails => {
                border && near >= SINGLES_FOR_PREPOSITION
            }
            Kind::Open(Meaning::Preposition(_)) => {
                // Pairs ("45 39 to 14") need more of them.
                (certain.singles >= SINGLES_FOR_PREPOSITION && beside_single)
                    || certain.numbers >= 4
            }
            Kind::Open(Meaning::Sound(_) | Meaning::Rhyme(_)) => !(leads || trails),
            _ => false,
        };
        if counts {
            items[at].settle(Sense::Plain);
        }
    }
}

fn is_korean(item: &Item) -> bool {
    let plain = item.sense == Sense::Plain;
    matches!(item.kind, Kind::Open(Meaning::Sino(..)) if plain)
        || matches!(item.kind, Kind::Open(Meaning::Native(_)))
        || item.is_dictated()
}

/// Settles Korean numbers.
pub(super) fn korean(items: &mut [Item]) {
    for item in items.iter_mut() {
        match item.kind {
            // A unit or a particle has told already.
            Kind::Open(Meaning::Sino(Numeral { sense, .. }, _)) if sense != Sense::Plain => {
                item.settle(sense)
            }
            _ => {}
        }
    }
    each_run(items, is_korean, |items, run| {
        // "사오삼구 아니 삼구": what a correction puts in place of dictated digits.
        let corrects = run.start >= 2
            && items[run.start - 1].is(Meaning::Correction)
            && items[run.start - 2].is_dictated();
        let mut digits = 0;
        let (mut sure, mut likely, mut syllables, mut sino) = (false, false, true, 0);
        for item in &items[run.clone()] {
            digits += usize::from(item.count);
            match item.kind {
                Kind::Open(Meaning::Sino(_, strength)) => {
                    sure |= strength == Strength::Sure;
                    likely |= strength != Strength::Doubtful;
                    syllables &= item.count == 1;
                    sino += 1;
                }
                Kind::Open(Meaning::Native(_)) => {}
                Kind::Number => sure = true,
                _ => {}
            }
        }
        let counts =
            sure || (corrects && likely) || (digits >= 3 && (likely || syllables)) || digits >= 4;
        for item in &mut items[run] {
            match item.kind {
                Kind::Open(Meaning::Native(_)) => {
                    let dictated = sino >= 2 && counts && item.count == 1;
                    item.settle(if dictated {
                        Sense::Plain
                    } else {
                        Sense::Quantity
                    });
                }
                Kind::Open(Meaning::Sino(_, strength)) if counts || strength == Strength::Sure => {
                    item.settle(Sense::Plain);
                }
                _ => {}
            }
        }
    });
}
