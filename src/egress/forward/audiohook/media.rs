//! What is offered to a recorder, and which of it was taken.

use serde_json::{Value, json};

use crate::audio::SampleRate;
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::call::Leg;
use crate::session::CleanAudio;

/// A form of the session's audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Media {
    encoding: Encoding,
    /// The call's channels in the order in which they are sent, with their names.
    channels: Vec<(usize, &'static str)>,
}

impl Media {
    /// All that is offered, in the platform's order: mu-law with both channels, with each alone; the same as
    /// linear samples where the call came as anything but mu-law.
    pub(super) fn offers(legs: &[Leg], encoding: Encoding) -> Vec<Self> {
        let place = |wanted: Leg, name| {
            let place = legs.iter().position(|leg| *leg == wanted)?;
            Some((place, name))
        };
        // A channel for both parties has no name; the customer's is the one that every recorder takes.
        let external = place(Leg::Customer, "external").or(place(Leg::Mixed, "external"));
        let internal = place(Leg::Agent, "internal");
        let both: Vec<_> = external.into_iter().chain(internal).collect();
        let mut shapes = vec![both.clone()];
        if both.len() > 1 {
            shapes.extend(both.into_iter().map(|channel| vec![channel]));
        }
        let mut encodings = vec![Encoding::Companded(Law::Mu)];
        if encoding != Encoding::Companded(Law::Mu) {
            encodings.push(Encoding::LinearLittle);
        }
        let of = |encoding: Encoding| {
            let shapes = shapes.iter().cloned();
            shapes.map(move |channels| Self { encoding, channels })
        };
        encodings.into_iter().flat_map(of).collect()
    }

    /// As it stands in `open` and in `opened`.
    pub(super) fn describe(&self) -> Value {
        let format = match self.encoding {
            Encoding::Companded(_) => "PCMU",
            Encoding::LinearLittle | Encoding::LinearBig => "L16",
        };
        let channels: Vec<_> = self.channels.iter().map(|(_, name)| *name).collect();
        json!({
            "type": "audio",
            "format": format,
            "channels": channels,
            "rate": SampleRate::TELEPHONE.hertz(),
        })
    }

    /// Whether a recorder that answers so has taken this.
    pub(super) fn is(&self, answer: &Value) -> bool {
        let own = self.describe();
        ["type", "format", "channels"]
            .iter()
            .all(|member| own.get(member) == answer.get(member))
            // 8000 and 8000.0 are the same number in JSON.
            && answer.get("rate").and_then(Value::as_f64) == own["rate"].as_f64()
    }

    /// The bytes of a block's samples from this one up to that one.
    pub(super) fn encode(&self, audio: &CleanAudio, from: usize, to: usize) -> Vec<u8> {
        let channels: Vec<&[i16]> = self
            .channels
            .iter()
            .filter_map(|(place, _)| audio.channels().get(*place)?.get(from..to))
            .collect();
        let samples: Vec<i16> = (0..to - from)
            .flat_map(|at| channels.iter().map(move |channel| channel[at]))
            .collect();
        self.encoding.encode(&samples)
    }
}
