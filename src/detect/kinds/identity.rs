//! Documents and facts that identify a person.

use crate::detect::{Kind, checks};

use super::{Answer, Detector, unchecked};

/// The rows of identity documents.
pub(super) fn detectors() -> Vec<Detector> {
    vec![
        Detector {
            kind: Kind::PASSPORT,
            spoken_as: "the passport number",
            wording: &[
                r"passport(?:s)? (?:number|no|id|details|information|info|digits)",
                r"passport(?: \w+){1,5}? number",
                r"number (?:on|of|in) (?:the|your|my) passport",
            ],
            joined_wording: &["여권 ?번호"],
            shortest: 6,
            longest: 9,
            answer: Answer::Mixed,
            check: unchecked,
        },
        Detector {
            kind: Kind::DRIVER_LICENCE,
            spoken_as: "the driving licence number",
            wording: &[
                r"driv(?:er|ers|ing) ?(?:licen[sc]e|licen[sc]es)(?: number| no| id)",
                r"number (?:on|of) (?:the|your|my) (?:driver|drivers|driving)? ?licen[sc]e",
                r"(?:your|my) licen[sc]e number",
                r"(?:need|have|take|get|give me|read me|tell me|confirm)(?: \w+){0,2}? your driv(?:er|ers|ing) ?licen[sc]e",
                r"dl number",
            ],
            joined_wording: &["운전 ?면허 ?번호", "면허 ?번호"],
            shortest: 5,
            longest: 16,
            answer: Answer::Mixed,
            check: unchecked,
        },
        Detector {
            kind: Kind::DOB,
            spoken_as: "the date of birth",
            wording: &[
                r"date of (?:birth|births|birds|berth|bird)",
                r"birth ?(?:date|day|dates)",
                r"dob|d o b",
                r"when were you born",
                r"(?:i was|was) born(?: on| in)?",
            ],
            joined_wording: &["생년 ?월일", "생일"],
            shortest: 4,
            longest: 8,
            answer: Answer::Date,
            check: unchecked,
        },
        Detector {
            kind: Kind::HEALTH_ID,
            spoken_as: "the health insurance number",
            wording: &[
                r"(?:health|medical|healthcare|health care) (?:insurance |plan |card |record |member )*(?:number|id|identification)",
                r"(?:medicare|medicaid|nhs|patient|mrn)(?: card| beneficiary| member)? (?:number|id|identification)",
                r"insurance (?:member |card )?(?:id|identification)(?: number)?",
            ],
            joined_wording: &["건강 ?보험 ?번호"],
            shortest: 6,
            longest: 12,
            answer: Answer::Mixed,
            check: |digits| checks::nhs(digits).then_some("the NHS number check"),
        },
    ]
}
