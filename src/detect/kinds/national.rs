//! National identity and tax numbers.

use crate::detect::{Kind, checks};

use super::{Answer, Detector, unchecked};

/// The rows of national numbers.
pub(super) fn detectors() -> Vec<Detector> {
    vec![
        Detector {
            kind: Kind::SIN,
            spoken_as: "the social insurance number",
            wording: &[
                r"(?:(?:your|my|the) )?social insurance(?: number| no)?",
                r"(?:your|my|the) sin|sin number|s i n number",
            ],
            joined_wording: &[],
            shortest: 9,
            longest: 9,
            answer: Answer::Digits,
            check: |digits| (digits.len() == 9 && checks::luhn(digits)).then_some("Luhn"),
        },
        Detector {
            kind: Kind::SSN,
            spoken_as: "the social security number",
            wording: &[
                r"(?:(?:your|my|the|full|whole|his|her|of) )?(?:social|special|so shall|sociable|soul|source|show show) (?:security|secure|scary|scurry|securing|secured)(?: number| digits?| card number)?",
                r"(?:(?:your|my|the|full|whole|his|her|of) )?social (?:\w+ )?(?:number|digits?)",
                r"(?:your|my|the|full|whole|his|her|of|of your|of my) social",
                r"ssn|s s n|ssan",
                r"tax ?payer (?:id|identification)(?: number)?",
            ],
            joined_wording: &[],
            shortest: 9,
            longest: 9,
            answer: Answer::Digits,
            check: |digits| {
                checks::social_security(digits).then_some("the area and group rules of the numbers")
            },
        },
        Detector {
            kind: Kind::RRN,
            spoken_as: "the resident registration number",
            wording: &[
                r"(?:korean )?resident registration(?: number)?",
                r"resident (?:id|identity|identification) (?:number|card number)",
            ],
            joined_wording: &["주민 ?등록 ?번호", "주민 ?번호"],
            shortest: 13,
            longest: 13,
            answer: Answer::Digits,
            check: unchecked,
        },
        Detector {
            kind: Kind::NINO,
            spoken_as: "the national insurance number",
            wording: &[
                r"national insurance(?: number| no)?",
                r"n i number|ni number|nino",
            ],
            joined_wording: &[],
            shortest: 6,
            longest: 6,
            answer: Answer::Mixed,
            check: unchecked,
        },
        Detector {
            kind: Kind::TFN,
            spoken_as: "the tax file number",
            wording: &[r"tax file(?: number| no)?", r"tfn|t f n"],
            joined_wording: &[],
            shortest: 8,
            longest: 9,
            answer: Answer::Digits,
            check: |digits| checks::tax_file_number(digits).then_some("the tax file number check"),
        },
        Detector {
            kind: Kind::AADHAAR,
            spoken_as: "the Aadhaar number",
            wording: &[
                r"(?:aadhaar|aadhar|adhaar|adhar|aadar|aadha|adar|a dar)(?: card)?(?: number| no)?",
            ],
            joined_wording: &[],
            shortest: 12,
            longest: 12,
            answer: Answer::Digits,
            check: |digits| (digits.len() == 12 && checks::verhoeff(digits)).then_some("Verhoeff"),
        },
    ]
}
