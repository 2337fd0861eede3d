//! The headers of a message, in order, with their long names.

use std::fmt;

use super::value::split;
use super::{CSeq, ContentType, Essentials, Fault, NameAddr, SessionExpires, Via};

/// Header names and values in the order of the message. Compact names are spelled out.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

/// Names that have a compact form (RFC 3261, 7.3.3, and the extensions'), and those that are compared often.
const NAMES: &[(&str, &str)] = &[
    ("a", "Accept-Contact"),
    ("b", "Referred-By"),
    ("c", "Content-Type"),
    ("e", "Content-Encoding"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("o", "Event"),
    ("r", "Refer-To"),
    ("s", "Subject"),
    ("t", "To"),
    ("u", "Allow-Events"),
    ("v", "Via"),
    ("x", "Session-Expires"),
];

/// The long name.
fn spelled_out(name: &str) -> &str {
    NAMES
        .iter()
        .find(|(compact, _)| compact.eq_ignore_ascii_case(name))
        .map_or(name, |(_, long)| long)
}

impl Headers {
    /// Appends a header; line breaks in the value become spaces.
    pub fn push(&mut self, name: &str, value: &str) {
        let value = if value.contains(char::is_control) {
            let spaced = value.replace(|c: char| c.is_control(), " ");
            spaced.trim().to_owned()
        } else {
            value.trim().to_owned()
        };
        self.0.push((spelled_out(name).to_owned(), value));
    }

    /// Replaces all headers of this name by one.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.push(name, value);
    }

    /// Removes all headers of this name.
    pub fn remove(&mut self, name: &str) {
        self.0
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The values of this name, in order, as written.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| &**value)
    }

    /// The first value of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The value of a header that may come once.
    pub fn single(&self, name: &'static str) -> Result<Option<&str>, Fault> {
        let mut values = self.all(name);
        let value = values.next();
        match values.next() {
            Some(_) => Err(Fault::Header(name)),
            None => Ok(value),
        }
    }

    /// The values of a header that may come many times and join many values by commas; `None` if a quoted
    /// string does not end.
    pub fn list(&self, name: &str) -> Option<Vec<&str>> {
        let mut items = Vec::new();
        for value in self.all(name) {
            items.extend(
                split(value, ',')?
                    .into_iter()
                    .filter(|item| !item.is_empty()),
            );
        }
        Some(items)
    }

    /// Whether a list of tokens has this one, in any case.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.list(name)
            .is_some_and(|items| items.iter().any(|item| item.eq_ignore_ascii_case(token)))
    }

    /// What every message says of itself.
    pub fn essentials(&self) -> Result<Essentials, Fault> {
        let required = |name| self.single(name)?.ok_or(Fault::Missing(name));
        let address = |name| NameAddr::parse(required(name)?).ok_or(Fault::Header(name));
        let vias = self.list("Via").ok_or(Fault::Header("Via"))?;
        let vias: Option<Vec<Via>> = vias.iter().map(|via| Via::parse(via)).collect();
        let vias = vias.ok_or(Fault::Header("Via"))?;
        let via = vias.into_iter().next().ok_or(Fault::Missing("Via"))?;
        let call_id = required("Call-ID")?;
        if call_id.is_empty() || call_id.contains(char::is_whitespace) {
            return Err(Fault::Header("Call-ID"));
        }
        let from = address("From")?;
        // An empty tag names no dialog.
        if from.parameters.get("tag") == Some("") {
            return Err(Fault::Header("From"));
        }
        Ok(Essentials {
            via,
            from,
            to: address("To")?,
            call_id: call_id.to_owned(),
            cseq: CSeq::parse(required("CSeq")?).ok_or(Fault::Header("CSeq"))?,
        })
    }

    /// Hops that are left.
    pub fn max_forwards(&self) -> Result<Option<u8>, Fault> {
        self.single("Max-Forwards")?
            .map(|value| value.parse().map_err(|_| Fault::Header("Max-Forwards")))
            .transpose()
    }

    /// What the body is.
    pub fn content_type(&self) -> Result<Option<ContentType>, Fault> {
        self.single("Content-Type")?
            .map(|value| ContentType::parse(value).ok_or(Fault::Header("Content-Type")))
            .transpose()
    }

    /// Where requests of the dialog go.
    pub fn contact(&self) -> Result<Option<NameAddr>, Fault> {
        let contacts = self.list("Contact").ok_or(Fault::Header("Contact"))?;
        contacts
            .first()
            .map(|value| NameAddr::parse(value).ok_or(Fault::Header("Contact")))
            .transpose()
    }

    /// How long the session lasts without a refresh (RFC 4028).
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, Fault> {
        self.single("Session-Expires")?
            .map(|value| SessionExpires::parse(value).ok_or(Fault::Header("Session-Expires")))
            .transpose()
    }

    /// The shortest session interval that the sender takes, in seconds (RFC 4028).
    pub fn min_session_expires(&self) -> Result<Option<u32>, Fault> {
        self.single("Min-SE")?
            .map(|value| {
                let number = value.split(';').next().unwrap_or_default().trim();
                number.parse().map_err(|_| Fault::Header("Min-SE"))
            })
            .transpose()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} headers", self.0.len())
    }
}
