//! Which of the offered media is taken, and its bytes as the samples of legs.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::audio::SampleRate;
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::call::{Leg, Sensitive};

/// One of `open.media`, of whatever kind.
#[derive(Deserialize)]
pub(super) struct Offer<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    format: Cow<'a, str>,
    #[serde(borrow, default)]
    channels: Vec<Cow<'a, str>>,
    #[serde(default)]
    rate: Value,
}

/// What a session's binary messages hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Media {
    encoding: Encoding,
    /// In the order on the wire; one or two, not the same.
    channels: &'static [Leg],
}

impl Media {
    /// Takes the first that has both channels, otherwise the first that has one.
    pub(super) fn select(offers: &[Offer<'_>]) -> Option<Self> {
        let mut known = offers.iter().filter_map(Self::of);
        let first = known.next()?;
        if first.channels.len() == 2 {
            return Some(first);
        }
        Some(
            known
                .find(|media| media.channels.len() == 2)
                .unwrap_or(first),
        )
    }

    fn of(offer: &Offer<'_>) -> Option<Self> {
        let rate = offer.rate.as_f64()?;
        if offer.kind != "audio" || rate != f64::from(SampleRate::TELEPHONE.hertz()) {
            return None;
        }
        let encoding = match &*offer.format {
            "PCMU" => Encoding::Companded(Law::Mu),
            // The reference code writes its machine's order, which is low byte first.
            "L16" => Encoding::LinearLittle,
            _ => return None,
        };
        let channels: &[Leg] = match offer.channels.as_slice() {
            [one] if one == "external" => &[Leg::Customer],
            [one] if one == "internal" => &[Leg::Agent],
            [one, two] if one == "external" && two == "internal" => &[Leg::Customer, Leg::Agent],
            [one, two] if one == "internal" && two == "external" => &[Leg::Agent, Leg::Customer],
            _ => return None,
        };
        Some(Self { encoding, channels })
    }

    /// How samples are written.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The offer as it was, for `opened`.
    pub(super) fn describe(&self) -> Value {
        let format = match self.encoding {
            Encoding::Companded(_) => "PCMU",
            Encoding::LinearLittle | Encoding::LinearBig => "L16",
        };
        let channels = self.channels.iter().map(|leg| match leg {
            Leg::Agent => "internal",
            Leg::Customer | Leg::Mixed => "external",
        });
        json!({
            "type": "audio",
            "format": format,
            "channels": channels.collect::<Value>(),
            "rate": SampleRate::TELEPHONE.hertz(),
        })
    }

    /// The legs in the order of a recording's channels.
    pub(super) fn legs(&self) -> &'static [Leg] {
        match self.channels {
            [_, _] => &[Leg::Agent, Leg::Customer],
            one => one,
        }
    }

    /// Bytes for one sample of every channel.
    pub(super) fn width(&self) -> usize {
        self.encoding.width() * self.channels.len()
    }

    /// Each leg's samples of a message with a whole number of them.
    pub(super) fn decode(&self, bytes: &[u8]) -> impl Iterator<Item = (Leg, Sensitive<Vec<i16>>)> {
        let all = Zeroizing::new(self.encoding.decode(bytes));
        let channels = self.channels;
        channels.iter().enumerate().map(move |(channel, &leg)| {
            let samples = all.iter().skip(channel).step_by(channels.len());
            (leg, Sensitive::new(samples.copied().collect()))
        })
    }
}
