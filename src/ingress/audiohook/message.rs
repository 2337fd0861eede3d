//! The platform's messages as they are written. Of what they tell of persons only the numbers are read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::media::Offer;
use crate::call::particulars::Particulars;
use crate::ingress::json::{self, Scalar};

/// What every message has.
#[derive(Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    pub(super) version: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    pub(super) seq: u64,
    pub(super) serverseq: u64,
    /// Checked for its form. What has arrived says itself where it belongs.
    #[serde(rename = "position")]
    _position: StreamTime,
    #[serde(rename = "parameters")]
    _parameters: IgnoredAny,
}

impl<'a> Head<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        // serde's errors quote the input: they are not passed on.
        serde_json::from_str(text).ok()
    }

    /// Whether it is of the session with this id.
    pub(super) fn is_of(&self, session: &str) -> bool {
        self.id.eq_ignore_ascii_case(session)
    }
}

/// A message's `parameters`, or `None` if they lack what is needed.
pub(super) fn parameters<'a, Body: Deserialize<'a>>(text: &'a str) -> Option<Body> {
    #[derive(Deserialize)]
    #[serde(bound(deserialize = "Body: Deserialize<'de>"))]
    struct Envelope<Body> {
        parameters: Body,
    }
    let envelope: Envelope<Body> = serde_json::from_str(text).ok()?;
    Some(envelope.parameters)
}

/// `open`.
#[derive(Deserialize)]
pub(super) struct Open<'a> {
    #[serde(borrow, rename = "organizationId")]
    pub(super) organization: Cow<'a, str>,
    #[serde(borrow, rename = "conversationId")]
    pub(super) conversation: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) participant: Participant<'a>,
    #[serde(borrow)]
    pub(super) media: Vec<Offer<'a>>,
    #[serde(borrow, default, rename = "customConfig")]
    custom: CustomConfig<'a>,
    #[serde(default, rename = "supportedLanguages")]
    pub(super) asks_for_languages: bool,
    #[serde(default, rename = "continuedSessions")]
    pub(super) continued: Vec<ContinuedSession>,
}

/// `open.participant`, without the name.
#[derive(Deserialize)]
pub(super) struct Participant<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    /// Who calls; a URI or a number.
    #[serde(borrow, default)]
    ani: Option<Scalar<'a>>,
    /// Who is called.
    #[serde(borrow, default)]
    dnis: Option<Scalar<'a>>,
}

impl Open<'_> {
    /// Who takes part in the call, and where.
    pub(super) fn particulars(&self) -> Particulars {
        let mut told = json::particulars(&self.custom.0);
        for (name, number) in [
            ("ani", &self.participant.ani),
            ("dnis", &self.participant.dnis),
        ] {
            if let Some(number) = number.as_ref().and_then(Scalar::text) {
                told.add(name, number);
            }
        }
        told
    }
}

/// `open.customConfig`: what whoever set the integration up has written; anything but an object is passed over.
#[derive(Default)]
pub(super) struct CustomConfig<'a>(BTreeMap<Cow<'a, str>, Scalar<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for CustomConfig<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written<'a> {
            Object(#[serde(borrow)] BTreeMap<Cow<'a, str>, Scalar<'a>>),
            Other(IgnoredAny),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Object(members) => Self(members),
            Written::Other(_) => Self::default(),
        })
    }
}

/// A session that another one continues after `reconnect`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ContinuedSession {
    /// The session's id.
    pub id: Box<str>,
    /// The last message of the server that the client has read.
    #[serde(rename = "serverseq")]
    pub server_sequence: u64,
    /// The last message that the client has sent.
    #[serde(rename = "clientseq")]
    pub client_sequence: u64,
}

/// `resumed` and `discarded`.
#[derive(Deserialize)]
pub(super) struct Gap {
    /// Checked for its form: it is where the audio before has ended.
    #[serde(rename = "start")]
    _start: StreamTime,
    pub(super) discarded: StreamTime,
}

/// Why the platform closed a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The conversation, or the participant's part in it, is over.
    End,
    /// Something went wrong on the platform's side, or it found the server at fault.
    Error,
    /// The server wished it.
    Disconnect,
    /// Another session will continue this one.
    Reconnect,
    /// None that is known.
    Other,
}

impl CloseReason {
    /// From the text of a `close`.
    pub(super) fn of(text: &str) -> Self {
        #[derive(Deserialize)]
        struct Close<'a> {
            #[serde(borrow)]
            reason: Cow<'a, str>,
        }
        match parameters::<Close<'_>>(text)
            .as_ref()
            .map(|close| &*close.reason)
        {
            Some("end") => CloseReason::End,
            Some("error") => CloseReason::Error,
            Some("disconnect") => CloseReason::Disconnect,
            Some("reconnect") => CloseReason::Reconnect,
            _ => CloseReason::Other,
        }
    }
}

/// Longest length of stream time in seconds: no call lasts a year.
const LONGEST_TIME: u64 = 366 * 24 * 3_600;
const NANOSECONDS: u64 = 1_000_000_000;

/// A length of stream time, written as seconds of ISO 8601: `PT12.34S`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamTime {
    nanoseconds: u64,
}

impl StreamTime {
    pub(super) fn nanoseconds(self) -> u64 {
        self.nanoseconds
    }

    /// `None` if it is not written so, or longer than a year.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = text.strip_prefix("PT")?.strip_suffix('S')?;
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (number, None),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        // Digits may be missing before a point, not after it.
        if !digits(whole) || fraction.unwrap_or(whole).is_empty() || !digits(fraction.unwrap_or(""))
        {
            return None;
        }
        let whole: u64 = match whole {
            "" => 0,
            whole => whole.parse().ok().filter(|&whole| whole <= LONGEST_TIME)?,
        };
        let mut place = NANOSECONDS;
        let mut nanoseconds = whole * NANOSECONDS;
        for digit in fraction.unwrap_or("").bytes() {
            place /= 10;
            nanoseconds += u64::from(digit - b'0') * place;
        }
        Some(Self { nanoseconds })
    }
}

impl<'de> Deserialize<'de> for StreamTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        StreamTime::parse(&text).ok_or_else(|| D::Error::custom("not a duration in seconds"))
    }
}

/// Whether a text has the form of a UUID (RFC 9562, section 4), of any version.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether a UUID is the one of zeroes (RFC 9562, section 5.9).
pub(super) fn is_null(uuid: &str) -> bool {
    uuid.bytes().all(|byte| matches!(byte, b'0' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        let nanoseconds = StreamTime::parse(text).map(StreamTime::nanoseconds);
        assert_eq!(nanoseconds, expected, "{text}");
    }

    #[test]
    fn durations_are_seconds() {
        check("PT0S", Some(0));
        check("PT12.34S", Some(12_340_000_000));
        check("PT.5S", Some(500_000_000));
        check("PT0.002950422S", Some(2_950_422));
        check("PT1.0000000009999S", Some(1_000_000_000));
        check("PT007S", Some(7_000_000_000));
        for malformed in [
            "",
            "PT",
            "PTS",
            "PT.S",
            "PT1.S",
            "PT1",
            "1S",
            "PT-1S",
            "PT+1S",
            "PT1e3S",
            "PT1M",
            "PT1.2.3S",
            "PT 1S",
            "pt1s",
            "P1DT1S",
            "PT1,5S",
            "PT99999999999999999999S",
            "PT31622401S",
            "PT١S",
        ] {
            check(malformed, None);
        }
    }

    #[test]
    fn uuids_are_told_by_their_form() {
        assert!(is_uuid("3698738a-bd67-4b79-8faa-7c4a5bf92cbb"));
        assert!(is_uuid("00000000-0000-0000-0000-000000000000"));
        assert!(!is_uuid("3698738abd674b798faa7c4a5bf92cbb"));
        assert!(!is_uuid("3698738a-bd67-4b79-8faa-7c4a5bf92cb"));
        assert!(!is_uuid("g698738a-bd67-4b79-8faa-7c4a5bf92cbb"));
        assert!(!is_uuid("3698738a-bd67-4b79-8faa-7c4a5bf92cb\u{e9}"));
        assert!(is_null("00000000-0000-0000-0000-000000000000"));
        assert!(!is_null("00000000-0000-0000-0000-000000000001"));
    }
}
