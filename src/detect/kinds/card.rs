//! Payment cards: number, security code, expiry, PIN, track data.

use crate::detect::{Kind, checks};

use super::{Answer, Detector, unchecked};

fn card_check(digits: &[u8]) -> Option<&'static str> {
    checks::card_within(digits).map(|_| "Luhn")
}

/// The rows of payment cards.
pub(super) fn detectors() -> Vec<Detector> {
    vec![
        Detector {
            kind: Kind::PAN,
            spoken_as: "the card number",
            wording: &[
                r"(?:credit |debit |bank |visa |master |mastercard |amex |payment |gift |charge |prepaid )*cards? (?:account )?(?:number|digits?|info|information|details?)",
                r"cardnumber",
                r"(?:credit|debit) (?:\w+ )?(?:number|digits?|details)",
                r"(?:cart|guard|god|carb|carte|cars|cod|car\w{0,4}(?: s)?) numbers?",
                r"(?:visa|mastercard|master card|amex|american express|discover) number",
                r"(?:fifteen|sixteen|15|16) (?:digits?|number)(?: \w+){0,3}? (?:number|code|card|front)",
                r"(?:fifteen|sixteen|15|16) digits?",
                r"(?:long|big|main) (?:card )?(?:number|digits)(?: (?:across|on|from)(?: \w+){0,4}? (?:front|card))?",
                r"(?:number|digits?)(?: \w+){0,3}? (?:on|across|from|off|of|at|along)(?: \w+){0,2}? (?:front|face|top)(?: of)?(?: (?:the|your|that|this|it))?(?: \w+)?(?: card)?",
                r"(?:number|digits?) (?:on|across|from|off|of|for)(?: \w+){0,2}? (?:card|visa|mastercard|amex)",
                r"(?:on|in|across|from|off|at|along) (?:the |your )?(?:front|fronts|face)(?: side)? (?:of|off|on|or)(?: \w+){0,2}? cards?",
                r"account number (?:on|from|of)(?: \w+){0,3}? card",
                r"(?:read|give|tell|get)(?: (?:me|us|out|off|you))* (?:the|your|that|this|my)(?: (?:whole|full|entire|other|second|next|new|credit|debit))? card(?: number)?",
                r"primary account number",
                r"(?:card|cards|cart|guard) (?:handy|ready|to hand|in front of you|with you|nearby|on you)",
                r"(?:other|another|different|second|next|new) (?:credit |debit )?card number",
            ],
            joined_wording: &["카드 ?번호", "카드 ?정보"],
            shortest: 13,
            longest: 19,
            answer: Answer::Digits,
            check: card_check,
        },
        Detector {
            kind: Kind::CVV,
            spoken_as: "the card's security code",
            wording: &[
                r"(?:card )?(?:security|secure|secured|securities|scurry|secret) (?:code|codes|coat|coats|cold|called|cote|cord|coach|goat|colt|court|quote|could|number|digits?|coded)",
                r"cvv ?2?|cvc ?2?|ccv|csc|cvb|cbv|cbb|cvd|cdv|cvp|cve|cvg|cv code|cvv\w?",
                r"(?:c|see|sea|si|cee) ?(?:v|vi|vee|b|be|bee|we|d) ?(?:v|vi|vee|b|be|bee|we|c|d)(?: ?2| two)?",
                r"c i d|cid (?:number|code)",
                r"card (?:verification|validation|identification) (?:code|number|value)",
                r"verification (?:code|number|value|digits?)(?: \w+){0,4}? (?:back|front|card|reverse)",
                r"(?:three|four|3|4|free|tree|last) (?:digits?|number)(?: \w+){0,4}? (?:back|pack|bag|rear|reverse|front|behind|signature|strip)(?: side)?(?: of(?: \w+){0,2}? card)?",
                r"(?:last )?(?:three|3|free) (?:digits? |number )?(?:on|at|from) the (?:back|reverse|signature)(?: of(?: \w+){0,2}? card)?",
                r"(?:three|3|four|4) digits? (?:security )?(?:code|pin)",
                r"(?:the|those|your) (?:three|3|free|tree) digits?",
                r"(?:turn|flip|join) (?:the |your |that |it )*(?:card |cart )?over(?: \w+){0,6}? (?:code|digits?|number)",
                r"(?:the )?back (?:says|reads)",
                r"(?:code|digits?|number)(?: \w+){0,3}? (?:on|at|from) (?:the|your) (?:back|reverse|signature strip)(?: side)?(?: of(?: \w+){0,2}? card)?",
            ],
            joined_wording: &["보안 ?코드", "카드 ?뒷면", "뒤 ?세 ?자리"],
            shortest: 3,
            longest: 4,
            answer: Answer::Digits,
            check: unchecked,
        },
        Detector {
            kind: Kind::EXPIRY,
            spoken_as: "the expiry date",
            wording: &[
                r"(?:expiration|expiry|expires?|expired|expiring|expert|exploration|inspiration|experience|aspiration) (?:date|dates|day|data|month|year|state|debt)",
                r"(?:expiration|expiry|expires?|expiring)",
                r"(?:exp|ex|x|eggs|expire|expired) (?:ary |airy |iry |pirie |re |free )?date",
                r"(?:valid|good|runs?|lasts?) (?:thru|through|threw|until|till|out on|out in)",
                r"(?:month|moth) and (?:the )?year",
            ],
            joined_wording: &["유효 ?기간", "만료일"],
            shortest: 3,
            longest: 8,
            answer: Answer::Date,
            check: unchecked,
        },
        Detector {
            kind: Kind::PIN,
            spoken_as: "the PIN",
            wording: &[
                r"(?:card |atm |debit |secret |four digit |4 digit )?pin (?:number|code|digits?)",
                r"(?:your|my|the|his|her|a|card|atm|debit|secret|digit) pin",
                r"p i n|pinn",
                r"personal identification (?:number|code)",
                r"(?:your|my|the|digit) pen number",
            ],
            joined_wording: &["카드 ?비밀 ?번호", "핀 ?번호"],
            shortest: 4,
            longest: 8,
            answer: Answer::Digits,
            check: unchecked,
        },
        Detector {
            kind: Kind::TRACK_DATA,
            spoken_as: "the card's track data",
            wording: &[
                r"(?:magnetic|mag) (?:stripe|strip)(?: data)?",
                r"track (?:one |two |1 |2 )?data",
                r"track (?:one|two|1|2) (?:of|on|from) the (?:card|stripe|strip)",
                r"swipe data",
            ],
            joined_wording: &[],
            shortest: 13,
            longest: 60,
            answer: Answer::Mixed,
            check: card_check,
        },
    ]
}
