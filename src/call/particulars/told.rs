//! What platforms say of a call, by whatever names they have for it.

use super::{Label, Particulars, Sensitive};

/// Fewest and most digits of a telephone number: an extension, and what E.164 and a prefix come to.
const DIGITS: std::ops::RangeInclusive<usize> = 3..=20;

impl Particulars {
    /// From what a platform or an integrator says of a call, names and values. Names count whatever their case,
    /// `callerNumber` as `caller_number`; of several for the same thing the first counts. Names that mean nothing
    /// here, and values that are no [`Label`] or no number, are passed over.
    pub fn of_parameters<'p>(parameters: impl IntoIterator<Item = (&'p str, &'p str)>) -> Self {
        let mut told = Self::default();
        for (name, value) in parameters {
            told.add(name, value);
        }
        told
    }

    /// Takes one more in, if it is not known.
    pub fn add(&mut self, name: &str, value: &str) {
        let name: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let label = match name.as_str() {
            "agent" | "agentid" | "agentname" | "operator" => &mut self.agent,
            "queue" | "queueid" | "queuename" | "skill" => &mut self.queue,
            "site" | "siteid" | "sitename" | "location" => &mut self.site,
            "vendor" | "vendorid" | "vendorname" | "outsourcer" => &mut self.vendor,
            "jurisdiction" => &mut self.jurisdiction,
            "outcome" | "disposition" => &mut self.outcome,
            "from" | "caller" | "callerid" | "callernumber" | "callingnumber" | "callingparty"
            | "ani" | "customernumber" => {
                self.caller = self.caller.take().or_else(|| telephone_number(value));
                return;
            }
            "to" | "called" | "callednumber" | "calledparty" | "dnis" | "diallednumber"
            | "dialednumber" => {
                self.called = self.called.take().or_else(|| telephone_number(value));
                return;
            }
            _ => return,
        };
        *label = label.take().or_else(|| Label::new(value).ok());
    }

    /// The same, with what is not known taken from elsewhere.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        let pick = |known: Option<Label>, other: &Option<Label>| known.or_else(|| other.clone());
        Self {
            agent: pick(self.agent, &other.agent),
            queue: pick(self.queue, &other.queue),
            site: pick(self.site, &other.site),
            vendor: pick(self.vendor, &other.vendor),
            jurisdiction: pick(self.jurisdiction, &other.jurisdiction),
            outcome: pick(self.outcome, &other.outcome),
            caller: self.caller.or_else(|| other.caller.clone()),
            called: self.called.or_else(|| other.called.clone()),
        }
    }
}

/// A telephone number's digits: of `+1 415 555 0100`, `0014155550100`, `tel:+1-415-555-0100` and
/// `sip:+14155550100@host` the same ones. `None` for what is no number, as `anonymous` or `client:alice`.
pub fn telephone_number(text: &str) -> Option<Sensitive<String>> {
    let text = text.trim();
    let text = ["sip:", "sips:", "tel:"]
        .iter()
        .find_map(|scheme| {
            let head = text.get(..scheme.len())?;
            head.eq_ignore_ascii_case(scheme)
                .then(|| &text[scheme.len()..])
        })
        .unwrap_or(text);
    // The host or parameters of a URI.
    let text = text.split(['@', ';']).next().unwrap_or_default();
    let separator = |c: char| " -().+/".contains(c);
    if !text.chars().all(|c| c.is_ascii_digit() || separator(c)) {
        return None;
    }
    // With room for all, so that it never moves and leaves a copy behind.
    let mut digits = String::with_capacity(text.len());
    digits.extend(text.chars().filter(char::is_ascii_digit));
    if digits.starts_with("00") {
        digits.drain(..2);
    }
    let digits = Sensitive::new(digits);
    DIGITS.contains(&digits.expose().len()).then_some(digits)
}
