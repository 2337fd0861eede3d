//! Checksums and number ranges: what makes a string of digits look like a card, or a national id.
//!
//! Pure arithmetic on digit values 0 to 9. **Architecture invariant:** a check only ever raises
//! confidence. Recognisers mishear digits, so a failing checksum clears nothing.

use serde::Deserialize;

/// A checksum that a policy can name for its own kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Checksum {
    /// ISO/IEC 7812-1 annex B; cards, Canadian SIN.
    Luhn,
    /// The dihedral-group check of Indian Aadhaar numbers.
    Verhoeff,
    /// Weights 3, 7, 1 of American Bankers Association routing numbers.
    AbaRouting,
    /// Weights 1, 4, 3, 7, 5, 8, 6, 9, 10 modulo 11 of Australian tax file numbers.
    Tfn,
    /// Weights 10 to 2 modulo 11 of British NHS numbers.
    Nhs,
}

impl Checksum {
    /// Whether the digits satisfy the check.
    pub fn holds(self, digits: &[u8]) -> bool {
        match self {
            Checksum::Luhn => luhn(digits),
            Checksum::Verhoeff => verhoeff(digits),
            Checksum::AbaRouting => aba_routing(digits),
            Checksum::Tfn => tax_file_number(digits),
            Checksum::Nhs => nhs(digits),
        }
    }

    /// How reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Checksum::Luhn => "Luhn",
            Checksum::Verhoeff => "Verhoeff",
            Checksum::AbaRouting => "the ABA routing check",
            Checksum::Tfn => "the tax file number check",
            Checksum::Nhs => "the NHS number check",
        }
    }
}

/// The Luhn formula (ISO/IEC 7812-1, annex B). False for fewer than two digits.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| {
            let doubled = u32::from(digit) << (place % 2);
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    digits.len() > 1 && sum.is_multiple_of(10)
}

/// Reads the first `count` digits as a number; 0 when there are fewer.
fn prefix(digits: &[u8], count: usize) -> u32 {
    digits
        .get(..count)
        .unwrap_or_default()
        .iter()
        .fold(0, |number, &digit| number * 10 + u32::from(digit))
}

/// Whether a card network issues numbers of this prefix and length (ranges published by the networks).
pub(super) fn card_network(digits: &[u8]) -> Option<&'static str> {
    let length = digits.len();
    let (two, three, four, six) = (
        prefix(digits, 2),
        prefix(digits, 3),
        prefix(digits, 4),
        prefix(digits, 6),
    );
    match digits.first()? {
        4 if matches!(length, 13 | 16 | 19) => Some("Visa"),
        2 if length == 16 && (2221..=2720).contains(&four) => Some("Mastercard"),
        2 if length == 16 && (2200..=2204).contains(&four) => Some("Mir"),
        5 if length == 16 && (51..=55).contains(&two) => Some("Mastercard"),
        3 if length == 15 && matches!(two, 34 | 37) => Some("American Express"),
        3 if (14..=19).contains(&length)
            && (matches!(two, 36 | 38 | 39) || (300..=305).contains(&three)) =>
        {
            Some("Diners Club")
        }
        3 if (16..=19).contains(&length) && (3528..=3589).contains(&four) => Some("JCB"),
        6 if (16..=19).contains(&length)
            && (four == 6011
                || (644..=659).contains(&three)
                || (622_126..=622_925).contains(&six)) =>
        {
            Some("Discover")
        }
        6 if (16..=19).contains(&length) && matches!(two, 60 | 65 | 81 | 82) => Some("RuPay"),
        6 if (16..=19).contains(&length) && two == 62 => Some("UnionPay"),
        5 if (13..=19).contains(&length) && matches!(two, 50 | 56..=58) => Some("Maestro"),
        6 if (13..=19).contains(&length) => Some("Maestro"),
        _ => None,
    }
}

/// Where in a longer string a card number hides: the network of the first stretch of 13 to 19 digits,
/// preferring 16 and 15, that is of a network's range and satisfies Luhn.
pub(super) fn card_within(digits: &[u8]) -> Option<&'static str> {
    [16, 15, 19, 14, 13, 18, 17].into_iter().find_map(|length| {
        digits
            .windows(length)
            .find_map(|window| card_network(window).filter(|_| luhn(window)))
    })
}

/// The rules of the US Social Security Administration: area not 000, 666 or 9xx, group not 00, serial not 0000.
pub(super) fn social_security(digits: &[u8]) -> bool {
    let area = prefix(digits, 3);
    digits.len() == 9
        && !matches!(area, 0 | 666 | 900..)
        && digits[3..5] != [0, 0]
        && digits[5..] != [0, 0, 0, 0]
}

/// ABA routing numbers: nine digits, weights 3, 7, 1.
pub(super) fn aba_routing(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .zip([3, 7, 1].into_iter().cycle())
        .map(|(&digit, weight)| u32::from(digit) * weight)
        .sum();
    digits.len() == 9 && sum > 0 && sum.is_multiple_of(10)
}

/// Australian tax file numbers: nine digits.
pub(super) fn tax_file_number(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .zip([1, 4, 3, 7, 5, 8, 6, 9, 10])
        .map(|(&digit, weight)| u32::from(digit) * weight)
        .sum();
    digits.len() == 9 && sum > 0 && sum.is_multiple_of(11)
}

/// British NHS numbers: ten digits, the last one the check.
pub(super) fn nhs(digits: &[u8]) -> bool {
    let Some((&check, front)) = digits.split_last() else {
        return false;
    };
    let sum: u32 = front
        .iter()
        .zip((2..=10).rev())
        .map(|(&digit, weight)| u32::from(digit) * weight)
        .sum();
    digits.len() == 10 && (11 - sum % 11) % 11 == u32::from(check)
}

/// Multiplication of the dihedral group of order ten.
fn dihedral(a: u8, b: u8) -> u8 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (5 + (a - 5) - b) % 5,
        (false, false) => (5 + a - b) % 5,
    }
}

/// The Verhoeff check (J. Verhoeff, Error Detecting Decimal Codes, 1969).
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let check = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0, |check, (place, &digit)| {
            let permuted = (0..place % 8).fold(digit, |digit, _| {
                PERMUTATION.get(usize::from(digit)).copied().unwrap_or(0)
            });
            dihedral(check, permuted)
        });
    digits.len() > 1 && check == 0
}

/// IBAN check (ISO 7064 MOD 97-10) on letters and digits in order.
pub(super) fn iban(symbols: &[char]) -> bool {
    if !(15..=34).contains(&symbols.len())
        || !symbols[..2].iter().all(char::is_ascii_alphabetic)
        || !symbols[2..4].iter().all(char::is_ascii_digit)
    {
        return false;
    }
    let rotated = symbols[4..].iter().chain(&symbols[..4]);
    let remainder = rotated.fold(0, |remainder, symbol| {
        let value = symbol.to_digit(36).unwrap_or(0);
        (remainder * if value > 9 { 100 } else { 10 } + value) % 97
    });
    remainder == 1
}

#[cfg(test)]
mod tests;
