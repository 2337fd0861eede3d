//! Twilio's messages as they are written, read leniently.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use crate::audio::SampleRate;
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;

/// What every message has. The rest is read when the event is known.
#[derive(Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    pub(super) event: Cow<'a, str>,
    #[serde(
        borrow,
        default,
        rename = "streamSid",
        alias = "stream_id",
        alias = "streamId"
    )]
    pub(super) stream: Option<Cow<'a, str>>,
}

/// A `media` message whole: nearly all messages are one, and it is read in one go.
#[derive(Deserialize)]
struct Packet<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(
        borrow,
        default,
        rename = "streamSid",
        alias = "stream_id",
        alias = "streamId"
    )]
    stream: Option<Cow<'a, str>>,
    #[serde(borrow)]
    media: Media<'a>,
}

/// Reads what every message has, and the body of a `media` message that is as it should be.
pub(super) fn read(text: &str) -> serde_json::Result<(Head<'_>, Option<Media<'_>>)> {
    match serde_json::from_str(text) {
        Ok(Packet {
            event,
            stream,
            media,
        }) if event == "media" => Ok((Head { event, stream }, Some(media))),
        _ => Ok((serde_json::from_str(text)?, None)),
    }
}

/// A message's body, which is under its event's name.
#[derive(Deserialize)]
#[serde(bound(deserialize = "Body: Deserialize<'de>"))]
pub(super) struct Envelope<Body> {
    #[serde(alias = "start", alias = "dtmf")]
    body: Body,
}

impl Envelope<()> {
    /// The body of a message, or `None` if it lacks what is needed.
    pub(super) fn parse<'a, Body: Deserialize<'a>>(text: &'a str) -> Option<Body> {
        let envelope: Envelope<Body> = serde_json::from_str(text).ok()?;
        Some(envelope.body)
    }
}

/// `start`.
#[derive(Deserialize)]
pub(super) struct Start<'a> {
    /// Telnyx has more than one id; this is the one that is a plain word.
    #[serde(borrow, default, rename = "call_session_id")]
    pub(super) session: Option<Cow<'a, str>>,
    #[serde(
        borrow,
        default,
        rename = "callSid",
        alias = "callId",
        alias = "call_control_id"
    )]
    pub(super) call: Option<Cow<'a, str>>,
    #[serde(
        borrow,
        default,
        rename = "streamSid",
        alias = "stream_id",
        alias = "streamId"
    )]
    pub(super) stream: Option<Cow<'a, str>>,
    #[serde(default, rename = "customParameters", alias = "custom_parameters")]
    pub(super) parameters: BTreeMap<String, serde_json::Value>,
    /// Telnyx and Plivo say who calls; Twilio leaves it to the custom parameters.
    #[serde(default)]
    pub(super) from: serde_json::Value,
    /// Who is called.
    #[serde(default)]
    pub(super) to: serde_json::Value,
    #[serde(borrow, default, rename = "mediaFormat", alias = "media_format")]
    pub(super) format: MediaFormat<'a>,
}

/// `start.mediaFormat`; what is absent is Twilio's only value.
#[derive(Default, Deserialize)]
pub(super) struct MediaFormat<'a> {
    #[serde(borrow, default)]
    encoding: Option<Cow<'a, str>>,
    #[serde(default, rename = "sampleRate", alias = "sample_rate")]
    rate: Option<Number>,
    #[serde(default)]
    channels: Option<Number>,
}

impl MediaFormat<'_> {
    /// The form and rate of the samples, or `None` if it is not one that is understood.
    ///
    /// `linear` is how the platform writes 16-bit samples.
    pub(super) fn audio(&self, linear: Encoding) -> Option<(Encoding, SampleRate)> {
        if self.channels.is_some_and(|channels| channels.0 != 1) {
            return None;
        }
        let name = self.encoding.as_deref().unwrap_or("audio/x-mulaw");
        // Plivo's content types have the rate as a parameter.
        let (name, parameter) = name.split_once(';').unwrap_or((name, ""));
        let named_rate = parameter
            .trim()
            .strip_prefix("rate=")
            .and_then(|rate| rate.parse().ok());
        let rate = self.rate.map(|rate| rate.0).or(named_rate).unwrap_or(8_000);
        let (encoding, rates): (Encoding, &[u64]) = match name.trim().to_ascii_lowercase().as_str()
        {
            "audio/x-mulaw" | "pcmu" => (Encoding::Companded(Law::Mu), &[8_000]),
            "audio/x-alaw" | "pcma" => (Encoding::Companded(Law::A), &[8_000]),
            "audio/x-l16" | "l16" => (linear, &[8_000, 16_000, 24_000, 48_000]),
            _ => return None,
        };
        let rate = rates.iter().find(|&&known| known == rate)?;
        let rate = SampleRate::new(u32::try_from(*rate).ok()?).ok()?;
        Some((encoding, rate))
    }
}

/// `media`.
#[derive(Deserialize)]
pub(super) struct Media<'a> {
    pub(super) track: Direction,
    #[serde(default)]
    pub(super) chunk: Option<Number>,
    pub(super) timestamp: Number,
    #[serde(borrow)]
    pub(super) payload: Cow<'a, str>,
}

/// `dtmf`, without the digit.
#[derive(Deserialize)]
pub(super) struct KeyPress {
    pub(super) track: Direction,
}

/// Which way the audio goes, seen from Twilio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Direction {
    /// What Twilio hears from the call's leg.
    #[serde(rename = "inbound", alias = "inbound_track")]
    Inbound,
    /// What Twilio plays to the call's leg.
    #[serde(rename = "outbound", alias = "outbound_track")]
    Outbound,
}

/// A whole number that is written as a JSON string or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number(pub(super) u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;

        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or one in a string")
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Number, E> {
                // 2^53: up to there whole numbers are exact.
                if value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value) {
                    Ok(Number(value as u64))
                } else {
                    Err(E::custom("not a whole number"))
                }
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                let number = text.trim().parse().map_err(|_| E::custom("not a number"))?;
                Ok(Number(number))
            }
        }

        deserializer.deserialize_any(NumberVisitor)
    }
}
