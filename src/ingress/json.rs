//! A value in a platform's JSON of which only text and whole numbers are of interest.
//!
//! Platforms write the same thing as a string or as a number, and their users add what they like: anything
//! is read, and what cannot be used is [`Scalar::Other`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::call::particulars::Particulars;

/// A value, as far as it matters. There is no `Debug`, as it may hold anything.
pub(super) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Whole(u64),
    Other,
}

impl Scalar<'_> {
    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Scalar::Text(text) => Some(text),
            Scalar::Whole(_) | Scalar::Other => None,
        }
    }

    /// The whole number, if it is one or text that is one.
    pub(super) fn whole(&self) -> Option<u64> {
        match self {
            Scalar::Text(text) => text.trim().parse().ok(),
            Scalar::Whole(number) => Some(*number),
            Scalar::Other => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// Who takes part, by the members of an object.
pub(super) fn particulars<'m>(
    members: impl IntoIterator<Item = (&'m Cow<'m, str>, &'m Scalar<'m>)>,
) -> Particulars {
    let mut told = Particulars::default();
    for (name, value) in members {
        match value {
            Scalar::Text(text) => told.add(name, text),
            // A telephone number may be written as one.
            Scalar::Whole(number) => told.add(name, &Zeroizing::new(number.to_string())),
            Scalar::Other => {}
        }
    }
    told
}

/// The same for a text; nothing of one that is no JSON object.
pub(super) fn particulars_of(text: &str) -> Particulars {
    match serde_json::from_str::<BTreeMap<Cow<'_, str>, Scalar<'_>>>(text) {
        Ok(members) => particulars(&members),
        Err(_) => Particulars::default(),
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Whole(number))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        // Up to 2^53 whole numbers are exact.
        if number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number) {
            Ok(Scalar::Whole(number as u64))
        } else {
            Ok(Scalar::Other)
        }
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, text: Option<&str>, whole: Option<u64>) {
        let scalar: Scalar<'_> = serde_json::from_str(json).unwrap();
        assert_eq!((scalar.text(), scalar.whole()), (text, whole), "{json}");
    }

    #[test]
    fn text_and_whole_numbers_are_read_and_all_else_is_skipped() {
        check("\"a\"", Some("a"), None);
        check("\"a\\\"b\"", Some("a\"b"), None);
        check("\"8000\"", Some("8000"), Some(8_000));
        check("8000", None, Some(8_000));
        check("8e3", None, Some(8_000));
        for other in ["-1", "1.5", "true", "null", "[1,[2]]", "{\"a\":{}}"] {
            check(other, None, None);
        }
        assert!(serde_json::from_str::<Scalar<'_>>("{").is_err());
    }
}
