//! Bank accounts.

use crate::detect::{Kind, checks};

use super::{Answer, Detector, unchecked};

/// The rows of bank accounts.
pub(super) fn detectors() -> Vec<Detector> {
    vec![
        Detector {
            kind: Kind::BANK_ACCOUNT,
            spoken_as: "the bank account number",
            wording: &[
                r"(?:bank|checking|chequing|savings?|current) (?:account )?accounts? (?:number|digits?|details|info|information)",
                r"(?:bank|checking|chequing|savings?) account(?: \w+){0,2}? number",
                r"number (?:of|for|on) (?:the|your|my) (?:bank|checking|savings?|current) account",
                r"account number(?: \w+){0,2}? (?:and|with)(?: \w+){0,2}? (?:routing|sort)",
                r"account number (?:on|at)(?: \w+){0,3}? (?:bank|check|cheque|checks)",
            ],
            joined_wording: &["계좌 ?번호"],
            shortest: 6,
            longest: 17,
            answer: Answer::Digits,
            check: unchecked,
        },
        Detector {
            kind: Kind::ROUTING,
            spoken_as: "the routing number",
            wording: &[
                r"(?:bank |aba )?(?:routing|routine|rooting|rowting)(?: transit)? (?:number|code|digits?)",
                r"aba number|transit number",
            ],
            joined_wording: &[],
            shortest: 9,
            longest: 9,
            answer: Answer::Digits,
            check: |digits| checks::aba_routing(digits).then_some("the ABA routing check"),
        },
        Detector {
            kind: Kind::SORT_CODE,
            spoken_as: "the sort code",
            wording: &[r"(?:sort|sought|salt|sword|sorting) (?:code|coat|cold|codes)"],
            joined_wording: &[],
            shortest: 6,
            longest: 6,
            answer: Answer::Digits,
            check: unchecked,
        },
        Detector {
            kind: Kind::IBAN,
            spoken_as: "the IBAN",
            wording: &[
                r"iban(?: number)?|i b a n|i ban number|eye ban(?: number)?",
                r"international bank account number",
            ],
            joined_wording: &[],
            shortest: 10,
            longest: 32,
            answer: Answer::Mixed,
            check: unchecked,
        },
    ]
}
