//! Numbers that calls are full of and that nobody needs hidden: telephone, order, postcode and so on.
//!
//! Asking for one of them says that the digits that follow are not a card's, within its length.

use std::sync::LazyLock;

use crate::detect::wording::Phrases;

/// A harmless kind of number.
pub(in crate::detect) struct Benign {
    /// How reports call it.
    pub(in crate::detect) spoken_as: &'static str,
    /// Phrases that name it.
    pub(in crate::detect) phrases: Phrases,
    /// Most digits of such a number.
    pub(in crate::detect) longest: usize,
}

fn row(spoken_as: &'static str, longest: usize, wording: &[&str], joined: &[&str]) -> Benign {
    Benign {
        spoken_as,
        phrases: Phrases::with_joined(wording, joined),
        longest,
    }
}

/// All harmless kinds.
pub(in crate::detect) static BENIGN: LazyLock<Vec<Benign>> = LazyLock::new(|| {
    vec![
        row(
            "a telephone number",
            12,
            &[
                r"(?:phone|telephone|cell|cellphone|cell phone|mobile|callback|call back|calling|contact|fax|home|work|daytime|office|landline|dial in|toll free|eight hundred|800) (?:phone )?(?:number|line|digits)",
                r"(?:phone|telephone|cellphone|mobile)",
                r"number (?:\w+ ){0,5}?(?:reach|call|contact|text|calling)(?: you| me| us| back| from)*",
                r"area code|extension",
                r"(?:call|reach|text|ring) (?:you|me|us)(?: back)?(?: at| on)?",
            ],
            &["전화 ?번호", "휴대폰 ?번호", "핸드폰", "연락처"],
        ),
        row(
            "an order or reference number",
            12,
            &[
                r"(?:order|orders|booking|reference|ref|confirmation|case|ticket|invoice|receipt|claim|policy|customer|member|membership|serial|model|part|item|product|flight|room|job|incident|service|meter|badge|employee|request|quote|registration|reservation|purchase|po|p o|loyalty|rewards|frequent flyer|record|unit|store|location|plate|license plate|student|group|agent|conference|meeting|vehicle|vin|bill|check|cheque|lot|batch|gate|seat|bus|train|channel|version|work order|error|batch|asset|contract|user|file|form|docket|prescription|rx|locker|terminal) (?:id|number|code|no|identification)",
                r"(?:order|booking|reference|confirmation|invoice|claim|case|ticket|flight|error) (?:is|was)",
                r"account (?:id|number|code)",
                r"frequent flyer|serial|reference",
                r"flight|gate|row|seat|room|suite|route|highway|exit|page|model|version|windows|united|delta",
            ],
            &[
                "주문 ?번호",
                "예약 ?번호",
                "접수 ?번호",
                "송장 ?번호",
                "고객 ?번호",
            ],
        ),
        row(
            "a tracking number",
            30,
            &[
                r"tracking (?:number|code|id)",
                r"(?:parcel|shipment|package|imei|esim|sim|barcode|bar code|upc) (?:number|code|id)",
            ],
            &["운송장"],
        ),
        row(
            "a postcode",
            9,
            &[
                r"zip(?: ?code| go| coat| cold)?",
                r"(?:postal|post|poster|postcode|postal's) (?:code|coat)|postcode|zipcode",
            ],
            &["우편 ?번호"],
        ),
        row(
            "an address",
            8,
            &[
                r"(?:street |mailing |billing |home |shipping |delivery |current )?address",
                r"(?:house|apartment|suite|building|street|flat|lot|box|floor) (?:number|name)",
                r"where do you live",
                r"(?:street|avenue|boulevard|road|lane)",
            ],
            &["주소"],
        ),
        row(
            "an amount or count",
            9,
            &[
                r"how (?:much|many|old|long|far|big|often|tall)",
                r"(?:amount|total|price|cost|balance|quantity|budget|salary|income|mileage|odometer|weight|height|payment of|subtotal|deposit of)",
            ],
            &["금액", "얼마"],
        ),
        row(
            "a date or time",
            8,
            &[
                r"(?:what|which) (?:time|date|day|year|month)",
                r"when (?:did|was|is|would|will|were|are)",
                r"(?:date|day|time) of (?:purchase|service|travel|departure|arrival|the|your)",
                r"(?:appointment|departure|arrival|delivery|purchase|order|travel|start|pickup|pick up) (?:date|time|day)",
                r"(?:model year|year and make|make and model|year make)",
            ],
            &["날짜"],
        ),
        row(
            "a name",
            // Fewer than make a run suspicious: a name explains no digits that go on.
            3,
            &[
                r"(?:first|last|full|middle|maiden|your|my|the|sur) name",
                r"names?",
                r"email|e mail",
            ],
            &["성함", "이름", "이메일"],
        ),
    ]
});
