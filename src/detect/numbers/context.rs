//! Decides what only the neighbours can tell: letters, senses, homophones, turn-keeping words.
//!
//! Each step goes once over the items and looks a bounded way around each.

use super::super::token::Sense;
use super::piece::{Item, Kind, Meaning, Piece};
use super::{dates, homophones};

/// Most digits of a count; a longer number is not one, whatever noun follows.
const LONGEST_COUNT: u8 = 7;
/// Most digits of an amount of money.
const LONGEST_AMOUNT: u8 = 9;

/// Settles every open item that is a number or a letter, and every number's sense.
pub(super) fn resolve(items: &mut [Item], pieces: &[Piece]) {
    if !items.iter().any(is_of_interest) {
        return;
    }
    letters(items, pieces);
    units(items, pieces);
    dates::resolve(items, pieces);
    homophones::korean(items);
    homophones::ones_and_ohs(items);
    homophones::others(items);
    asides(items, pieces);
}

fn is_of_interest(item: &Item) -> bool {
    item.kind != Kind::Word
}

/// "A", "I", O and the words of the spelling alphabet are letters beside other letters or, but for "a"
/// and "I", beside numbers.
fn letters(items: &mut [Item], pieces: &[Piece]) {
    for at in 0..items.len() {
        let Kind::Open(meaning) = items[at].kind else {
            continue;
        };
        let capital = pieces[items[at].first as usize].capital;
        let before = at.checked_sub(1).map(|before| items[before]);
        let after = items.get(at + 1).copied();
        let beside = |test: fn(&Item) -> bool| {
            before.as_ref().is_some_and(test) || after.as_ref().is_some_and(test)
        };
        let letter = match meaning {
            Meaning::Letter(letter) => Some(letter),
            Meaning::Nato(letter) => (beside(is_letter)
                || beside(is_nato)
                || (letter != b'N' && beside(Item::is_dictated)))
            .then_some(letter),
            Meaning::A => (beside(is_letter)
                || (capital && before.as_ref().is_some_and(Item::is_dictated)))
            .then_some(b'A'),
            Meaning::I => beside(is_letter).then_some(b'I'),
            Meaning::Oh => {
                let one = pieces[items[at].first as usize];
                let short = one.end - one.start == 1;
                (short && beside(is_letter) && !beside(Item::is_number)).then_some(b'O')
            }
            _ => None,
        };
        if let Some(letter) = letter {
            items[at].kind = Kind::Letter(letter);
            items[at].count = 0;
        }
    }
}

fn is_letter(item: &Item) -> bool {
    matches!(item.kind, Kind::Letter(_) | Kind::Open(Meaning::Letter(_)))
}

fn is_nato(item: &Item) -> bool {
    matches!(item.kind, Kind::Open(Meaning::Nato(_)))
}

/// Numbers take the sense of the unit after them.
fn units(items: &mut [Item], pieces: &[Piece]) {
    // Dictated digits, one by one, right before the item.
    let mut singles = 0_usize;
    for at in 0..items.len() {
        let item = items[at];
        if !is_of_interest(&item) {
            singles = 0;
            continue;
        }
        let open_one = item.is(Meaning::One);
        let native = matches!(
            item.kind,
            Kind::Open(Meaning::Native(_) | Meaning::Counting(..))
        );
        let sino = matches!(item.kind, Kind::Open(Meaning::Sino(..)));
        let plain = item.sense == Sense::Plain || (native && item.sense == Sense::Quantity);
        if (item.is_number() || open_one || native || sino)
            && (plain || item.sense == Sense::Decimal)
            && let Some(sense) = unit_after(items, pieces, at, singles)
        {
            let decimal = item.sense == Sense::Decimal && sense == Sense::Quantity;
            items[at].settle(if decimal { Sense::Decimal } else { sense });
            if sense == Sense::TimeOfDay {
                hour_before(items, at);
            }
            if items
                .get(at + 1)
                .is_some_and(|next| next.is(Meaning::Second))
            {
                items[at + 1].kind = Kind::Word;
            }
        } else if let Kind::Open(Meaning::Native(_)) = item.kind
            && item.sense != Sense::Quantity
        {
            items[at].settle(item.sense);
        }
        let single = items[at].is_single()
            || (open_one && items[at].is(Meaning::One))
            || item.is(Meaning::Oh);
        singles = if single { singles + 1 } else { 0 };
        let after = item.is(Meaning::A) || item.is(Meaning::Second);
        if after
            && items
                .get(at + 1)
                .is_some_and(|next| next.is(Meaning::Second))
        {
            items[at + 1].kind = Kind::Word;
        }
    }
    for item in items.iter_mut().filter(|item| item.is(Meaning::Second)) {
        item.settle(Sense::Ordinal);
    }
}

fn unit_after(items: &[Item], pieces: &[Piece], at: usize, singles: usize) -> Option<Sense> {
    let item = items[at];
    if item.clause_end {
        return None;
    }
    let countable = item.count <= LONGEST_COUNT && singles < 2;
    let next = items.get(at + 1)?;
    let sense = match next.kind {
        Kind::Open(Meaning::Unit(Sense::Quantity) | Meaning::Second) => {
            countable.then_some(Sense::Quantity)
        }
        Kind::Open(Meaning::Unit(Sense::TimeOfDay)) => {
            (item.count <= 4).then_some(Sense::TimeOfDay)
        }
        Kind::Open(Meaning::Unit(Sense::Date)) => {
            (item.count <= 4 && singles < 2).then_some(Sense::Date)
        }
        Kind::Open(Meaning::Unit(sense)) => (item.count <= LONGEST_AMOUNT).then_some(sense),
        Kind::Open(Meaning::Am) => {
            let verb =
                items.get(at + 2).is_some_and(|after| after.is(Meaning::I)) && !next.clause_end;
            (item.count <= 4 && !verb).then_some(Sense::TimeOfDay)
        }
        Kind::Open(Meaning::Modifier) if !next.clause_end && countable => items
            .get(at + 2)
            .filter(|unit| unit.is(Meaning::Unit(Sense::Quantity)) || names_things(unit, pieces))
            .map(|_| Sense::Quantity),
        // "two sandwiches": any plural does for a short number that no other stands before.
        Kind::Word if names_things(next, pieces) && item.count <= 2 => {
            let alone = at
                .checked_sub(1)
                .is_none_or(|before| !items[before].is_number());
            alone.then_some(Sense::Quantity)
        }
        _ => None,
    };
    sense.filter(|_| next.end > next.first)
}

fn names_things(item: &Item, pieces: &[Piece]) -> bool {
    item.kind == Kind::Word && pieces[item.first as usize].plural_noun
}

/// In "ten thirty am" the hour is a part of the time.
fn hour_before(items: &mut [Item], minute: usize) {
    let Some(hour) = minute.checked_sub(1) else {
        return;
    };
    let may_be_hour =
        items[hour].is_dictated() && items[hour].value <= 12 && !items[hour].clause_end;
    if may_be_hour && items[minute].value <= 59 && items[minute].count <= 2 {
        items[hour].sense = Sense::TimeOfDay;
    }
}

/// Encouragement and corrections that are ordinary words elsewhere.
fn asides(items: &mut [Item], pieces: &[Piece]) {
    for at in 0..items.len() {
        let item = items[at];
        if !is_of_interest(&item) {
            continue;
        }
        let before = at.checked_sub(1).map(|before| items[before]);
        let after = items.get(at + 1);
        let starts = before
            .is_none_or(|before| before.clause_end || before.is_number() || is_aside(&before));
        let ends =
            item.clause_end || after.is_none_or(|after| after.is_number() || is_aside(after));
        let carries_on = ends || after.is_some_and(is_filler);
        items[at].kind = match item.kind {
            Kind::Open(Meaning::MaybeAcknowledgement) if starts && ends => {
                Kind::Open(Meaning::Acknowledgement)
            }
            Kind::Open(Meaning::MaybeCorrection) if starts && carries_on => {
                Kind::Open(Meaning::Correction)
            }
            Kind::Open(Meaning::No) if names_a_number(items, pieces, at) => {
                Kind::Open(Meaning::Filler)
            }
            Kind::Open(Meaning::No) if carries_on => Kind::Open(Meaning::Correction),
            Kind::Open(Meaning::Counting(_, true)) => Kind::Open(Meaning::Acknowledgement),
            kind => kind,
        };
    }
}

/// "No. 5": the abbreviation of "number".
fn names_a_number(items: &[Item], pieces: &[Piece], at: usize) -> bool {
    let written = |item: &Item| matches!(pieces[item.first as usize].meaning, Meaning::Written(_));
    pieces[items[at].first as usize].capital
        && pieces[items[at].first as usize].period
        && items.get(at + 1).is_some_and(written)
        && !items.get(at + 2).is_some_and(Item::is_number)
        && at
            .checked_sub(1)
            .is_none_or(|before| !items[before].is_number())
}

fn is_aside(item: &Item) -> bool {
    matches!(
        item.kind,
        Kind::Open(
            Meaning::Acknowledgement
                | Meaning::MaybeAcknowledgement
                | Meaning::Correction
                | Meaning::MaybeCorrection
                | Meaning::No
                | Meaning::Pause
        )
    )
}

fn is_filler(item: &Item) -> bool {
    matches!(item.kind, Kind::Open(Meaning::Filler | Meaning::And))
}
