//! The body of a request for ports: what streams a call has.
//!
//! ```json
//! {"call": "ID", "rate": 8000, "particulars": {"agent": "Alice", "queue": "billing"}, "streams": [
//!   {"leg": "customer", "formats": {"0": "PCMU/8000", "101": "telephone-event/8000"}, "from": "192.0.2.7"}]}
//! ```
//!
//! Only `streams` and each one's `leg` are needed. Knows neither HTTP nor ports.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use super::super::entrance::fresh_call_id;
use crate::audio::SampleRate;
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::call::particulars::Particulars;
use crate::call::{CallId, Leg};
use crate::rtp::PayloadFormat;

/// The largest payload type: it has seven bits (RFC 3550, 5.1).
const LARGEST_TYPE: u8 = 127;
/// Comfort noise at 8 kHz (RFC 3551, 6), which is sent without having been told of.
const COMFORT_NOISE: u8 = 13;
/// What payload types stand for where nothing is told: the static ones that telephone systems send (RFC 3551, 6),
/// and the number that nearly all of them use for keys.
const USUAL: [(u8, PayloadFormat); 4] = [
    (0, PayloadFormat::Pcmu),
    (8, PayloadFormat::Pcma),
    (9, PayloadFormat::G722),
    (101, PayloadFormat::TelephoneEvent { clock: 8_000 }),
];

/// A call that is asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) id: CallId,
    pub(super) legs: &'static [Leg],
    pub(super) rate: SampleRate,
    /// In what it goes on to a recorder that takes either.
    pub(super) encoding: Encoding,
    /// Who takes part, and where.
    pub(super) particulars: Particulars,
    pub(super) streams: Vec<WantedStream>,
}

/// A stream of it.
#[derive(Debug)]
pub(super) struct WantedStream {
    pub(super) leg: Leg,
    pub(super) formats: Vec<(u8, PayloadFormat)>,
    /// The only address its audio may come from.
    pub(super) from: Option<IpAddr>,
}

/// What is wrong with the body.
#[derive(Debug, thiserror::Error)]
pub(super) enum Wrong {
    /// It is no JSON, or not of this form.
    #[error("{0}; expected {{\"streams\": [{{\"leg\": \"mixed\"}}]}} or more")]
    Form(#[from] serde_json::Error),
    /// A value cannot be.
    #[error("{field}: {problem}")]
    Value { field: String, problem: String },
}

impl Wrong {
    fn value(field: impl Into<String>, problem: impl ToString) -> Self {
        let (field, problem) = (field.into(), problem.to_string());
        Self::Value { field, problem }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    call: Option<String>,
    #[serde(default)]
    particulars: BTreeMap<String, String>,
    rate: Option<u32>,
    streams: Vec<WrittenStream>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStream {
    leg: Leg,
    formats: Option<BTreeMap<String, String>>,
    from: Option<String>,
}

/// Reads and checks a body.
pub(super) fn read(body: &[u8]) -> Result<Wanted, Wrong> {
    let written: Written = serde_json::from_slice(body)?;
    let id = match written.call {
        Some(id) => CallId::new(&id).map_err(|error| Wrong::value("call", error))?,
        None => fresh_call_id(),
    };
    let legs: Vec<Leg> = written.streams.iter().map(|stream| stream.leg).collect();
    let legs: &'static [Leg] = match legs[..] {
        [Leg::Mixed] => &[Leg::Mixed],
        [Leg::Agent] => &[Leg::Agent],
        [Leg::Customer] => &[Leg::Customer],
        [Leg::Agent, Leg::Customer] | [Leg::Customer, Leg::Agent] => &[Leg::Agent, Leg::Customer],
        _ => {
            let problem =
                "expected one stream, or two: one of the leg \"agent\" and one of \"customer\"";
            return Err(Wrong::value("streams", problem));
        }
    };
    // What nobody told of does not make the recording larger.
    let told = written
        .streams
        .iter()
        .any(|stream| stream.formats.is_some());
    let streams: Vec<WantedStream> = written
        .streams
        .into_iter()
        .enumerate()
        .map(|(number, stream)| stream.read(&format!("streams[{number}]")))
        .collect::<Result<_, _>>()?;
    let sounds = || {
        let formats = streams.iter().flat_map(|stream| &stream.formats);
        formats
            .map(|(_, format)| *format)
            .filter(|format| format.is_audio())
    };
    let rate = match written.rate {
        Some(rate) => SampleRate::new(rate).map_err(|error| Wrong::value("rate", error))?,
        None if told => sounds()
            .map(PayloadFormat::natural_rate)
            .max()
            .unwrap_or(SampleRate::TELEPHONE),
        None => SampleRate::TELEPHONE,
    };
    let encoding = match sounds().next() {
        Some(PayloadFormat::Pcmu) if rate == SampleRate::TELEPHONE => Encoding::Companded(Law::Mu),
        Some(PayloadFormat::Pcma) if rate == SampleRate::TELEPHONE => Encoding::Companded(Law::A),
        _ => Encoding::LinearLittle,
    };
    let particulars = written.particulars.iter();
    let particulars =
        Particulars::of_parameters(particulars.map(|(name, value)| (&**name, &**value)));
    Ok(Wanted {
        id,
        particulars,
        legs,
        rate,
        encoding,
        streams,
    })
}

impl WrittenStream {
    fn read(self, place: &str) -> Result<WantedStream, Wrong> {
        let mut formats = match self.formats {
            None => USUAL.to_vec(),
            Some(written) => formats(&written, &format!("{place}.formats"))?,
        };
        if !formats.iter().any(|(known, _)| *known == COMFORT_NOISE) {
            formats.push((COMFORT_NOISE, PayloadFormat::ComfortNoise { clock: 8_000 }));
        }
        let from = self.from.map(|from| {
            from.parse::<IpAddr>().map_err(|_| {
                let problem = "expected an IP address such as \"192.0.2.7\", without a port";
                Wrong::value(format!("{place}.from"), problem)
            })
        });
        Ok(WantedStream {
            leg: self.leg,
            formats,
            from: from.transpose()?.map(|from| from.to_canonical()),
        })
    }
}

/// Formats by their payload types, in the order of those.
fn formats(
    written: &BTreeMap<String, String>,
    field: &str,
) -> Result<Vec<(u8, PayloadFormat)>, Wrong> {
    let mut read = BTreeMap::new();
    for (payload_type, name) in written {
        let number = payload_type.parse::<u8>().ok();
        let number = number
            .filter(|number| *number <= LARGEST_TYPE)
            .ok_or_else(|| {
                let problem = "expected payload types from \"0\" to \"127\" for names";
                Wrong::value(field, problem)
            })?;
        let format = format(name).ok_or_else(|| {
            let problem = "expected PCMU/8000, PCMA/8000, G722/8000, opus/48000/2, L16/RATE, \
                           telephone-event/RATE or CN/8000";
            Wrong::value(format!("{field}.{number}"), problem)
        })?;
        if read.insert(number, format).is_some() {
            return Err(Wrong::value(format!("{field}.{number}"), "is there twice"));
        }
    }
    if !read.values().any(|format| format.is_audio()) {
        return Err(Wrong::value(
            field,
            "expected one or more that have sound, such as {\"0\": \"PCMU/8000\"}",
        ));
    }
    Ok(read.into_iter().collect())
}

/// `NAME/CLOCK[/CHANNELS]`, as `a=rtpmap` has it (RFC 8866, 6.6).
fn format(text: &str) -> Option<PayloadFormat> {
    let mut parts = text.split('/');
    let name = parts.next()?;
    let clock = parts.next()?.parse().ok()?;
    let channels = match parts.next() {
        Some(channels) => channels.parse().ok()?,
        None => 1,
    };
    match parts.next() {
        None => PayloadFormat::from_rtpmap(name, clock, channels),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
