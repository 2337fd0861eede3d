//! Secrets that open accounts.

use crate::detect::Kind;

use super::{Answer, Detector, unchecked};

/// The rows of secrets.
pub(super) fn detectors() -> Vec<Detector> {
    vec![
        Detector {
            kind: Kind::PASSWORD,
            spoken_as: "the password",
            wording: &[
                r"pass ?word",
                r"pas(?:s|t|sed) ?phrases?",
                r"secret word|memorable word|security word",
            ],
            joined_wording: &["비밀 ?번호", "암호"],
            shortest: 1,
            longest: 64,
            answer: Answer::Words,
            check: unchecked,
        },
        Detector {
            kind: Kind::OTP,
            spoken_as: "the one-time code",
            wording: &[
                r"one time (?:pass ?code|pass ?word|code|pin|number)",
                r"(?:verification|authentication|authorization|authorisation|two factor|login|log in) (?:code|number|digits?)(?:(?: \w+){0,5}? (?:text|texted|sent|send|emailed|email|phone|message|received|receive))?",
                r"(?:security |access |confirmation )?(?:code|number)(?: \w+){0,4}? (?:texted|text you|text to you|sent you|sent to|send you|emailed|text message|sms)",
                r"otp|o t p",
                // Long words are misheard at their beginning.
                r"\w*(?:ification|entication) codes?",
                r"(?:what|which) codes? (?:did|have) you (?:\w+ )?(?:receive|received|get|got|gotten)",
                r"codes? (?:from|in|on|off) (?:the|your|my) (?:\w+ )?(?:app|text|texts|email|phone|authenticator|message)",
                r"(?:the|my) code is",
                r"pass ?code",
                r"(?:six|6) digits? (?:code|number)",
            ],
            joined_wording: &["인증 ?번호", "인증 ?코드"],
            shortest: 4,
            longest: 8,
            answer: Answer::Digits,
            check: unchecked,
        },
    ]
}
