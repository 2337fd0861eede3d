//! Numbers that are parts of dates, years and times of day, by the words around them.
//!
//! A month takes a day and a year; a longer run of digits after it stays dictated.

use super::super::token::Sense;
use super::piece::{Item, Kind, Meaning, Piece};

/// Gives the date and time senses.
pub(super) fn resolve(items: &mut [Item], pieces: &[Piece]) {
    for at in 0..items.len() {
        match items[at].kind {
            Kind::Open(Meaning::Month | Meaning::May | Meaning::Nato(b'N')) => {
                month(items, pieces, at)
            }
            Kind::Open(Meaning::Since) => {
                let years = year(items, at + 1);
                if years > 0 && !dictated(items, at + 1 + years) {
                    mark(items, at + 1, years, Sense::Date);
                }
            }
            Kind::Open(Meaning::Past) => past(items, at),
            Kind::Open(Meaning::Preposition(2)) => {
                let quarter = at
                    .checked_sub(1)
                    .is_some_and(|before| items[before].is(Meaning::Half));
                let year_before = at.checked_sub(1).is_some_and(|before| {
                    items[before].sense == Sense::Date && items[before].count == 4
                });
                if year_before && year(items, at + 1) == 1 && !dictated(items, at + 2) {
                    items[at].kind = Kind::Word;
                    mark(items, at + 1, 1, Sense::Date);
                } else if quarter && is_hour(items, at + 1) {
                    items[at].kind = Kind::Word;
                    mark(items, at + 1, 1, Sense::TimeOfDay);
                }
            }
            _ => {}
        }
    }
}

fn dictated(items: &[Item], at: usize) -> bool {
    items.get(at).is_some_and(Item::is_dictated)
}

fn mark(items: &mut [Item], from: usize, count: usize, sense: Sense) {
    for item in &mut items[from..from + count] {
        item.settle(sense);
    }
}

/// "March 3rd 2027", "the third of March", "3 March 2027", "December twenty twenty-seven".
fn month(items: &mut [Item], pieces: &[Piece], at: usize) {
    let modal = items[at].is(Meaning::May) && !pieces[items[at].first as usize].capital;
    let certain = |item: &Item| item.sense == Sense::Ordinal || !modal;
    let mut found = false;
    // The day before it, with or without "of".
    let before = at.checked_sub(1).map(|before| match items[before].kind {
        Kind::Open(Meaning::Of) => (before.checked_sub(1), true),
        _ => (Some(before), false),
    });
    if let Some((Some(day), of)) = before
        && is_day(&items[day])
        && !items[day].clause_end
        && (of || certain(&items[day]))
        && !day
            .checked_sub(1)
            .is_some_and(|before| items[before].is_dictated())
    {
        mark(items, day, 1, Sense::Date);
        found = true;
    }
    if modal && !found {
        return;
    }
    let mut next = at + 1;
    if items.get(next).is_some_and(|item| item.is(Meaning::Of)) {
        next += 1;
    }
    if items
        .get(next)
        .is_some_and(|item| item.is_number() && item.sense == Sense::Date)
    {
        return;
    }
    let years = year(items, next);
    if years > 0 && !(years == 1 && items[next].count <= 2) {
        mark(items, next, years, Sense::Date);
        return;
    }
    if found {
        if years > 0 && !dictated(items, next + years) {
            mark(items, next, years, Sense::Date);
        }
        return;
    }
    let Some(day) = items.get(next).filter(|item| is_day(item) && certain(item)) else {
        return;
    };
    let ordinal = day.sense == Sense::Ordinal;
    let years = year(items, next + 1);
    let full = years > 0 && (years == 2 || items[next + 1].count == 4);
    if full || (years > 0 && ordinal && !dictated(items, next + 1 + years)) {
        mark(items, next, 1 + years, Sense::Date);
    } else if ordinal || !dictated(items, next + 1) {
        mark(items, next, 1, Sense::Date);
    }
}

fn is_day(item: &Item) -> bool {
    let number = item.is_number() || item.is(Meaning::One);
    number
        && matches!(item.sense, Sense::Plain | Sense::Ordinal)
        && item.count <= 2
        && (1..=31).contains(&item.value)
}

/// How many items from here make a year: "2027", "nineteen eighty", "twenty-seven"; 0 if none.
fn year(items: &[Item], at: usize) -> usize {
    let Some(first) = items.get(at).filter(|item| item.is_dictated()) else {
        return 0;
    };
    if first.count == 4 && (1900..2100).contains(&first.value) {
        return 1;
    }
    if first.count != 2 {
        return 0;
    }
    let second = items
        .get(at + 1)
        .filter(|item| item.is_dictated() && !first.clause_end);
    match (first.value, second) {
        (19 | 20, Some(second)) if second.count == 2 => 2,
        _ => 1,
    }
}

/// "half past five", "ten past five".
fn past(items: &mut [Item], at: usize) {
    let Some(before) = at.checked_sub(1) else {
        return;
    };
    let minutes =
        items[before].is_dictated() && items[before].value < 60 && items[before].count <= 2;
    if !(minutes || items[before].is(Meaning::Half)) || !is_hour(items, at + 1) {
        return;
    }
    mark(items, at + 1, 1, Sense::TimeOfDay);
    if minutes {
        mark(items, before, 1, Sense::TimeOfDay);
    }
}

fn is_hour(items: &[Item], at: usize) -> bool {
    items.get(at).is_some_and(|item| {
        (item.is_dictated() || item.is(Meaning::One))
            && (1..=12).contains(&item.value)
            && !dictated(items, at + 1)
    })
}
