//! Korean number words in Hangul, alone or mixed with numerals: "사오삼구에", "이천이십육년", "3만5천원", "세시".
//!
//! # Choices
//! - Three and more sino-Korean digit syllables in one word, with or without a particle, are a number;
//!   so is a compound with 십, 백, 천, 만 that is no everyday word.
//! - One or two digit syllables are common words and particles (이 this, 일 work, 사이 between, 이사 move), so they
//!   count only beside other digits; `context` asks for a run of three.
//! - A compound is read greedily, but a last 일 after a whole compound is "day": 이십오일 is the 25th, while
//!   삼십일 is 31.
//! - Native numbers are counts; among dictated digits they are digits (하나, 둘 for 일, 이). 한, 두, 세, 네 count
//!   before a counter only; 네 is otherwise "yes".
//! - 다시 and 에 between digits are the dash of a telephone number: fillers.
//!
//! Knows one word at a time.

use super::super::token::Sense;
use super::lexer::digit;
use super::piece::{Meaning, Numeral, Strength};

/// Longest word that is analysed, in characters.
const LONGEST: usize = 64;

/// Compounds that are everyday words: 오만 arrogance, 천사 angel, 만일 if, 이천 a city.
const EVERYDAY: &[&str] = &[
    "십", "백", "천", "만", "억", "오만", "천만", "이천", "구천", "만일", "이백", "사백", "십일",
    "일만", "만사", "오십", "만이", "천이", "천사", "백일", "백이", "이만", "사만", "일천", "오백",
    "구백",
];

/// Counters that make a number a count, a price, a date or a time; whether they follow a single
/// sino-Korean digit (일번, 삼월), not only a native or written number (한 명, 3명). Longer ones first where
/// one begins another.
const COUNTERS: &[(&str, Sense, bool)] = &[
    ("퍼센트", Sense::Percentage, true),
    ("프로", Sense::Percentage, true),
    ("달러", Sense::Money, true),
    ("유로", Sense::Money, true),
    ("만원", Sense::Money, true),
    ("원", Sense::Money, true),
    ("개월", Sense::Quantity, true),
    ("년도", Sense::Date, true),
    ("년", Sense::Date, true),
    ("월", Sense::Date, true),
    ("일", Sense::Date, false),
    ("시간", Sense::Quantity, false),
    ("시", Sense::TimeOfDay, false),
    ("분", Sense::Quantity, true),
    ("초", Sense::Quantity, false),
    ("번째", Sense::Ordinal, true),
    ("번", Sense::Quantity, true),
    ("층", Sense::Quantity, true),
    ("호", Sense::Quantity, false),
    ("개", Sense::Quantity, false),
    ("명", Sense::Quantity, false),
    ("장", Sense::Quantity, false),
    ("대", Sense::Quantity, false),
    ("권", Sense::Quantity, false),
    ("마리", Sense::Quantity, false),
    ("잔", Sense::Quantity, false),
    ("병", Sense::Quantity, false),
    ("살", Sense::Quantity, false),
    ("세", Sense::Quantity, false),
    ("주", Sense::Quantity, false),
    ("회", Sense::Quantity, false),
    ("건", Sense::Quantity, false),
    ("가지", Sense::Quantity, false),
    ("사람", Sense::Quantity, false),
    ("자리", Sense::Quantity, false),
    ("인분", Sense::Quantity, false),
    ("달", Sense::Quantity, false),
    ("도", Sense::Quantity, false),
    ("킬로", Sense::Quantity, false),
    ("미터", Sense::Quantity, false),
];

/// Particles and endings after any number.
fn is_particle(text: &str) -> bool {
    matches!(
        text,
        "은" | "는"
            | "이"
            | "가"
            | "을"
            | "를"
            | "도"
            | "로"
            | "으로"
            | "만"
            | "까지"
            | "부터"
            | "하고"
            | "이랑"
            | "랑"
            | "와"
            | "과"
            | "이면"
            | "이라"
            | "이라고"
            | "라고"
            | "인데"
            | "인데요"
            | "이죠"
            | "죠"
            | "쯤"
            | "정도"
            | "짜리"
            | "마다"
            | "씩"
            | "동안"
            | "후"
            | "전"
            | "뒤"
            | "안에"
    )
}

/// Particles and endings that a dictated digit takes too.
fn is_loose(text: &str) -> bool {
    matches!(
        text,
        "에" | "의"
            | "요"
            | "이요"
            | "이에요"
            | "예요"
            | "입니다"
            | "이고"
            | "이고요"
            | "고"
            | "고요"
            | "구요"
            | "이구요"
            | "다시"
            | "에다가"
            | "번이고"
    )
}

/// Whether the word holds a Hangul syllable.
pub(super) fn is_hangul(word: &str) -> bool {
    word.chars().any(|c| ('\u{ac00}'..='\u{d7a3}').contains(&c))
}

/// What a word, without outer punctuation, may mean; it is not in the lexicon.
pub(super) fn meaning(word: &str) -> Meaning {
    if let Some(reading) = sino(word) {
        return reading.meaning();
    }
    if let Some(native) = native(word) {
        return native;
    }
    match counter(word) {
        Some(sense) if sense != Sense::Plain => Meaning::Unit(sense),
        _ if word.chars().filter_map(digit).count() >= 4 => super::written::meaning(word),
        _ => Meaning::Unknown,
    }
}

/// Gives the digits of a word that [`meaning`] took for a sino-Korean number or a numeral.
pub(super) fn digits(word: &str, mut each: impl FnMut(u8)) {
    if let Some(reading) = sino(word) {
        match reading.value {
            Some(value) => decimal(value, each),
            None => word[..reading.end]
                .chars()
                .filter_map(syllable_digit)
                .for_each(each),
        }
    } else {
        word.chars().filter_map(digit).for_each(&mut each);
    }
}

/// Gives the decimal digits of a number.
pub(super) fn decimal(value: u64, mut each: impl FnMut(u8)) {
    let mut power = 1;
    while value / power >= 10 {
        power *= 10;
    }
    while power > 0 {
        each(u8::try_from(value / power % 10).unwrap_or(0));
        power /= 10;
    }
}

/// A sino-Korean number at the start of a word.
struct Sino {
    /// Where the number ends in the word, in bytes.
    end: usize,
    /// The value if it is a compound; else each syllable is a digit.
    value: Option<u64>,
    count: usize,
    /// Value for rules of dates and times.
    small: u32,
    sense: Sense,
    strength: Strength,
}

impl Sino {
    fn meaning(&self) -> Meaning {
        Meaning::Sino(
            Numeral {
                count: u8::try_from(self.count).unwrap_or(u8::MAX),
                value: self.small,
                sense: self.sense,
            },
            self.strength,
        )
    }
}

fn syllable_digit(c: char) -> Option<u8> {
    Some(match c {
        '공' | '영' => 0,
        '일' => 1,
        '이' => 2,
        '삼' => 3,
        '사' => 4,
        '오' => 5,
        '육' | '륙' => 6,
        '칠' => 7,
        '팔' => 8,
        '구' => 9,
        _ => return digit(c),
    })
}

fn scale(c: char) -> Option<u64> {
    Some(match c {
        '십' => 10,
        '백' => 100,
        '천' => 1_000,
        '만' => 10_000,
        '억' => 100_000_000,
        _ => return None,
    })
}

fn sino(word: &str) -> Option<Sino> {
    // Places where the number may end: after each of its characters, longest first.
    let mut ends = [0; LONGEST];
    let mut length = 0;
    let mut skip = 0;
    for (at, c) in word.char_indices() {
        if at < skip {
            continue;
        }
        let mut end = at + c.len_utf8();
        if syllable_digit(c).is_none() && scale(c).is_none() {
            end = at + separator(&word[at..], length)?;
            skip = end;
            if end == at {
                break;
            }
        }
        *ends.get_mut(length)? = end;
        length += 1;
    }
    (1..=length).rev().find_map(|characters| {
        let end = ends[characters - 1];
        let (number, rest) = word.split_at(end);
        reading(number, rest, suffix(rest)?)
    })
}

/// Length of the separator that the text begins with, between two digits; 0 if it has none. `None` if
/// no number was begun.
fn separator(text: &str, length: usize) -> Option<usize> {
    if length == 0 {
        return None;
    }
    let separator = ["다시", "에", "-", ".", ","]
        .into_iter()
        .find(|separator| text.starts_with(separator))
        .filter(|separator| length >= 3 || separator.is_ascii())
        .map_or(0, str::len);
    let digit_follows = text[separator..]
        .chars()
        .next()
        .and_then(syllable_digit)
        .is_some();
    Some(if digit_follows { separator } else { 0 })
}

fn reading(number: &str, rest: &str, suffix: Suffix) -> Option<Sino> {
    let end = number.len();
    let written = number.chars().any(|c| digit(c).is_some());
    if number.chars().any(|c| scale(c).is_some()) {
        let value = compound(number)?;
        let count = usize::try_from(value.checked_ilog10().unwrap_or(0)).ok()? + 1;
        // "만" with a particle and the like are far more often no number at all.
        if number.chars().nth(1).is_none() && !rest.is_empty() && suffix.sense == Sense::Plain {
            return None;
        }
        let sure = written || suffix.sense != Sense::Plain || !EVERYDAY.contains(&number);
        return Some(Sino {
            end,
            value: Some(value),
            count,
            small: u32::try_from(value).unwrap_or(u32::MAX),
            sense: suffix.sense,
            strength: if sure {
                Strength::Sure
            } else {
                Strength::Likely
            },
        });
    }
    let syllables = number
        .chars()
        .filter(|&c| digit(c).is_none() && syllable_digit(c).is_some());
    if (written && syllables.count() > 0) || ends_in_copula(number, rest) {
        return None;
    }
    let digits = || number.chars().filter_map(syllable_digit);
    let count = digits().count();
    // A long number "번" or "호" is a number that was read out, not the so-manieth of something.
    let named = rest.starts_with(['번', '호']) && count >= 4;
    let read_out =
        (suffix.sense == Sense::Quantity && count >= 3 && !written) || named || count >= 10;
    let sense = if read_out { Sense::Plain } else { suffix.sense };
    let telling = number.contains(['삼', '육', '륙', '칠', '팔'])
        || (count > 1 && number.contains(['공', '영']));
    let strength = if written || count >= 3 || (sense != Sense::Plain && suffix.after_one) {
        Strength::Sure
    } else if sense != Sense::Plain || !(rest.is_empty() || suffix.loose) {
        return None;
    } else if telling {
        Strength::Likely
    } else {
        Strength::Doubtful
    };
    Some(Sino {
        end,
        value: None,
        count,
        small: digits()
            .take(9)
            .fold(0, |value, digit| value * 10 + u32::from(digit)),
        sense,
        strength,
    })
}

/// Whether the last 이 is the copula, which follows a syllable that ends in a consonant: 팔이에요, 팔이고요.
fn ends_in_copula(number: &str, rest: &str) -> bool {
    const ENDINGS: &[&str] = &["고", "고요", "구요", "에요", "요", "라고", "면", "죠", "라"];
    ENDINGS.contains(&rest)
        && number.strip_suffix('이').is_some_and(|number| {
            number.ends_with(['일', '삼', '육', '륙', '칠', '팔', '공', '영'])
        })
}

/// The value of a compound such as 이천이십육 or 3만5천; `None` if it is not well formed.
fn compound(number: &str) -> Option<u64> {
    let (mut total, mut section, mut pending) = (0_u64, 0_u64, None::<u64>);
    let (mut last_scale, mut last_group) = (u64::MAX, u64::MAX);
    let mut after_numeral = false;
    for c in number.chars() {
        if matches!(c, ',') {
            continue;
        }
        if let Some(unit) = scale(c) {
            after_numeral = false;
            if unit < 10_000 {
                if unit >= last_scale {
                    return None;
                }
                last_scale = unit;
                section = section.checked_add(pending.take().unwrap_or(1).checked_mul(unit)?)?;
            } else {
                if unit >= last_group {
                    return None;
                }
                last_group = unit;
                last_scale = u64::MAX;
                let group = section.checked_add(pending.take().unwrap_or(0))?;
                total = total.checked_add(group.max(1).checked_mul(unit)?)?;
                section = 0;
            }
            continue;
        }
        let value = u64::from(syllable_digit(c)?);
        let numeral = digit(c).is_some();
        pending = match pending {
            Some(before) if numeral && after_numeral => {
                Some(before.checked_mul(10)?.checked_add(value)?)
            }
            None if numeral || value > 0 => Some(value),
            _ => return None,
        };
        after_numeral = numeral;
    }
    total
        .checked_add(section)?
        .checked_add(pending.unwrap_or(0))
}

/// What follows a number in its word.
#[derive(Clone, Copy)]
struct Suffix {
    sense: Sense,
    /// Nothing, or something that a dictated digit takes too.
    loose: bool,
    /// A counter that follows a single sino-Korean digit.
    after_one: bool,
}

/// `None` if it is not something that follows a number.
fn suffix(rest: &str) -> Option<Suffix> {
    let particle = |text: &str| text.is_empty() || is_loose(text) || is_particle(text);
    if rest.strip_prefix('%').is_some_and(particle) {
        return Some(Suffix {
            sense: Sense::Percentage,
            loose: false,
            after_one: true,
        });
    }
    let counter = COUNTERS.iter().find(|(counter, ..)| {
        begins_alike(rest, counter) && rest.strip_prefix(counter).is_some_and(particle)
    });
    if let Some(&(_, sense, after_one)) = counter {
        return Some(Suffix {
            sense,
            loose: false,
            after_one,
        });
    }
    particle(rest).then(|| Suffix {
        sense: Sense::Plain,
        loose: rest.is_empty() || is_loose(rest),
        after_one: false,
    })
}

/// The sense of a counter that stands as a word of its own.
fn counter(word: &str) -> Option<Sense> {
    suffix(word).map(|suffix| suffix.sense)
}

/// Tens of native numbers, the form before a unit first.
const TENS: &[(&str, u32)] = &[
    ("열", 10),
    ("스물", 20),
    ("스무", 20),
    ("서른", 30),
    ("마흔", 40),
    ("쉰", 50),
    ("예순", 60),
    ("일흔", 70),
    ("여든", 80),
    ("아흔", 90),
];

/// Native numbers that stand alone or before a counter.
const UNITS: &[(&str, u32)] = &[
    ("하나", 1),
    ("둘", 2),
    ("셋", 3),
    ("넷", 4),
    ("다섯", 5),
    ("여섯", 6),
    ("일곱", 7),
    ("여덟", 8),
    ("아홉", 9),
];

/// Forms before a counter only.
const COUNTING: &[(&str, u32)] = &[
    ("한", 1),
    ("두", 2),
    ("세", 3),
    ("네", 4),
    ("석", 3),
    ("넉", 4),
];

/// Whether the first syllables are the same: spares most comparisons.
fn begins_alike(text: &str, name: &str) -> bool {
    text.as_bytes().first_chunk::<3>() == name.as_bytes().first_chunk::<3>()
}

fn native(word: &str) -> Option<Meaning> {
    let strip = |text: &'_ str, table: &[(&str, u32)]| {
        table.iter().find_map(|(name, value)| {
            (begins_alike(text, name) && text.starts_with(name)).then_some((name.len(), *value))
        })
    };
    let (tens_length, tens) = strip(word, TENS).unwrap_or((0, 0));
    let rest = &word[tens_length..];
    let (units_length, units) = strip(rest, UNITS).unwrap_or((0, 0));
    let (counting_length, counting) = strip(rest, COUNTING).unwrap_or((0, 0));
    let (value, rest, counts_only) = if units > 0 {
        (tens + units, &rest[units_length..], false)
    } else if counting > 0 && (tens > 0 || rest.len() > counting_length) {
        (tens + counting, &rest[counting_length..], tens == 0)
    } else {
        (tens, rest, false)
    };
    if value == 0 {
        return None;
    }
    let sense = match suffix(rest)?.sense {
        Sense::Plain if counts_only => return None,
        Sense::Plain => Sense::Quantity,
        sense => sense,
    };
    Some(Meaning::Native(Numeral {
        count: if value < 10 { 1 } else { 2 },
        value,
        sense,
    }))
}
