//! One recording session: its ports, who is on which stream, and its call.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::super::live::{CannotBegin, NewCall};
use super::super::rtp::{Described, NewStream, Pair, Ports, RtpCall, reached_at};
use super::super::{Entrance, Shared};
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::audio::{MediaTime, SampleRate};
use crate::call::particulars::{Particulars, telephone_number};
use crate::call::{CallId, Leg};
use crate::egress::forward::{Recorded, StreamFacts};
use crate::gateway::agreed::{format, fresh_key, master_key, suite};
use crate::gateway::call::Transcriber;
use crate::rtp::PayloadFormat;
use crate::rtp::srtp::MasterKey;
use crate::sip::description::{Codec, LocalMedia, RemoteStream};
use crate::sip::metadata::RecordingMetadata;
use crate::sip::server::Invitation;

/// One for each party. More are not recorded.
const MOST_STREAMS: usize = 2;
/// Comfort noise at 8 kHz (RFC 3551, 6), which is sent without having been offered.
const COMFORT_NOISE: u8 = 13;

pub(super) struct Session {
    id: CallId,
    /// Whence the signalling comes, which may be where the audio comes from.
    signalling: IpAddr,
    metadata: RecordingMetadata,
    engine: Arc<dyn Transcriber>,
    /// Until the call begins: the ports, and for streams that are encrypted the key for what we send.
    pairs: Vec<(Pair, Option<MasterKey>)>,
    pub(super) call: Option<RtpCall>,
    /// Whether no stream is sent, by its description: on hold silence is no sign of death.
    is_held: bool,
    /// Why the session was ended by the gateway, if it was.
    pub(super) ended_by_us: Option<&'static str>,
}

impl Session {
    /// Opens ports for an invitation. Fails when there are none.
    pub(super) fn prepare(
        invitation: &Invitation,
        ports: &Ports,
        engine: Arc<dyn Transcriber>,
    ) -> std::io::Result<Self> {
        let count = if invitation.is_delayed {
            MOST_STREAMS
        } else {
            invitation.streams.len().min(MOST_STREAMS)
        };
        Ok(Self {
            id: call_id(invitation.call_id.expose()),
            signalling: invitation.flow.peer.ip(),
            metadata: invitation.metadata.clone(),
            engine,
            pairs: ports
                .open(count)?
                .into_iter()
                .enumerate()
                .map(|(slot, pair)| {
                    let stream = invitation.streams.iter().find(|stream| stream.slot == slot);
                    let is_secure = stream.is_some_and(|stream| stream.crypto.is_some());
                    (
                        pair,
                        is_secure.then(|| fresh_key(&mut ChaCha20Rng::from_os_rng())),
                    )
                })
                .collect(),
            call: None,
            is_held: false,
            ended_by_us: None,
        })
    }

    /// What the peer is told of the ports.
    pub(super) fn local_media(&self, told: IpAddr) -> Vec<LocalMedia> {
        let media = |(pair, key): &(Pair, Option<MasterKey>)| LocalMedia {
            address: reached_at(pair.address(), Some(told), told),
            rtcp_mux: false,
            key: key.as_ref().map(MasterKey::bytes),
        };
        self.pairs.iter().map(media).collect()
    }

    /// Begins the call. Fails, with the reason, when it may not.
    pub(super) fn begin(
        &mut self,
        streams: &[RemoteStream],
        entrance: &Entrance,
        shared: &Arc<Shared>,
    ) -> Result<(), &'static str> {
        let door = &entrance.door;
        let streams = &streams[..streams.len().min(MOST_STREAMS)];
        let rate = streams.iter().map(|stream| rate_of(stream.codec)).max();
        let rate = rate.ok_or("no stream can be recorded")?;
        let parties = parties(streams, &self.metadata, door.first);
        let legs: &'static [Leg] = match parties[..] {
            [_, _] => &[Leg::Agent, Leg::Customer],
            _ => &[Leg::Mixed],
        };
        let mut pairs: Vec<Option<_>> = self.pairs.drain(..).map(Some).collect();
        let new_streams = streams
            .iter()
            .zip(&parties)
            .filter_map(|(stream, leg)| {
                let (pair, key) = pairs.get_mut(stream.slot)?.take()?;
                let suite = stream.crypto.as_ref().map(|crypto| suite(crypto.suite));
                Some(NewStream {
                    leg: *leg,
                    pair,
                    described: described(stream, door.strict_source, self.signalling)?,
                    our_key: suite.zip(key),
                })
            })
            .collect();
        let encoding = match streams.first().map(|stream| stream.codec) {
            Some(Codec::Pcmu) => Encoding::Companded(Law::Mu),
            Some(Codec::Pcma) => Encoding::Companded(Law::A),
            _ => Encoding::LinearLittle,
        };
        let forward = entrance.route.clone().map(|route| {
            let facts = StreamFacts {
                call: self.id.clone(),
                stream: String::new(),
                legs,
                rate,
                encoding,
                parameters: Vec::new(),
                begins: MediaTime::ZERO,
                attempt: 0,
                recorded: Some(self.recorded(streams, &parties, legs)),
            };
            (route, facts)
        });
        let new = NewCall {
            id: self.id.clone(),
            door: &door.name,
            legs,
            rate,
            particulars: particulars(&self.metadata).or(&door.usual),
            stream: self.id.as_str(),
            engine: Arc::clone(&self.engine),
            forward,
            control: entrance.control.clone(),
        };
        let call = RtpCall::begin(shared, new, new_streams).map_err(|cannot| match cannot {
            CannotBegin::StreamIsLive => "a call with this Call-ID is live already",
            CannotBegin::NoRoom(why) => why.words(),
        })?;
        self.call = Some(call);
        Ok(())
    }

    /// What the peer's metadata say of the call's legs, for a recorder behind.
    fn recorded(&self, streams: &[RemoteStream], parties: &[Leg], legs: &[Leg]) -> Arc<Recorded> {
        let label = |leg: &Leg| {
            let place = parties.iter().position(|party| party == leg)?;
            streams.get(place)?.label.clone()
        };
        Arc::new(Recorded {
            metadata: self.metadata.clone(),
            labels: legs.iter().map(label).collect(),
        })
    }

    /// Takes a new description of the streams. True if the call has not begun: they are its first.
    pub(super) async fn describe(&mut self, streams: &[RemoteStream], entrance: &Entrance) -> bool {
        self.is_held = streams.iter().all(|stream| !stream.active);
        let Some(call) = &self.call else {
            return true;
        };
        for stream in streams {
            let strict = entrance.door.strict_source;
            if let Some(described) = described(stream, strict, self.signalling) {
                call.describe(stream.slot, described).await;
            }
        }
        false
    }

    /// A key was pressed, by one party or the other.
    pub(super) async fn key_pressed(&self) {
        if let Some(call) = &self.call {
            call.key_pressed().await;
        }
    }

    pub(super) fn is_silent_for(&self, limit: Duration) -> bool {
        let call = self.call.as_ref().filter(|_| !self.is_held);
        call.is_some_and(|call| call.silent_for() > limit)
    }
}

/// A file's name from what the peer calls the session, which has characters that are not for files.
fn call_id(call_id: &str) -> CallId {
    let name: String = call_id
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .take(CallId::LONGEST)
        .collect();
    CallId::new(&name).unwrap_or_else(|_| super::super::entrance::fresh_call_id())
}

/// Who is on each stream: by what the metadata say of who called, else by the order.
///
/// Who called is taken for the customer, as contact centres are called.
fn parties(streams: &[RemoteStream], metadata: &RecordingMetadata, first: Leg) -> Vec<Leg> {
    let [one, other] = streams else {
        return streams.iter().map(|_| Leg::Mixed).collect();
    };
    let called = |stream: &RemoteStream| {
        let label = stream.label.as_deref()?;
        metadata.speaker(label)?.calling
    };
    let first = match (called(one), called(other)) {
        (Some(true), _) | (_, Some(false)) => Leg::Customer,
        (Some(false), _) | (_, Some(true)) => Leg::Agent,
        (None, None) => first,
    };
    match first {
        Leg::Agent => vec![Leg::Agent, Leg::Customer],
        Leg::Customer | Leg::Mixed => vec![Leg::Customer, Leg::Agent],
    }
}

/// Who takes part, by what the metadata say: whoever called is the customer, as contact centres are called.
fn particulars(metadata: &RecordingMetadata) -> Particulars {
    let annotations = metadata.annotations.iter();
    let mut told = Particulars::of_parameters(
        annotations.map(|annotation| (&*annotation.name, &**annotation.value.expose())),
    );
    let caller = metadata.caller();
    let others = metadata.participants.iter();
    let other = others
        .clone()
        .find(|participant| caller.is_none_or(|caller| caller.id != participant.id));
    if let Some(caller) = caller {
        told.add("caller", caller.address.expose());
    }
    if let Some(other) = other {
        let address = other.address.expose();
        told.add("called", address);
        match &other.name {
            Some(name) => told.add("agent", name.expose()),
            None if telephone_number(address).is_none() => {
                let user = address.split_once(':').map_or(&**address, |(_, rest)| rest);
                told.add("agent", user.split(['@', ';']).next().unwrap_or_default());
            }
            None => {}
        }
    }
    told
}

/// `None` if its key cannot be used, which the signalling has checked.
fn described(stream: &RemoteStream, strict: bool, signalling: IpAddr) -> Option<Described> {
    let mut formats: Vec<(u8, PayloadFormat)> = stream
        .others
        .iter()
        .filter_map(|(payload_type, codec)| Some((*payload_type, format(*codec)?)))
        .collect();
    if let Some(event) = stream.telephone_event {
        let clock = stream.codec.clock();
        formats.push((event, PayloadFormat::TelephoneEvent { clock }));
    }
    if !formats.iter().any(|(known, _)| *known == COMFORT_NOISE) {
        formats.push((COMFORT_NOISE, PayloadFormat::ComfortNoise { clock: 8_000 }));
    }
    let named = stream.rtp.map(|rtp| rtp.ip());
    let their_key = match &stream.crypto {
        Some(crypto) => Some((suite(crypto.suite), master_key(crypto.key.expose())?)),
        None => None,
    };
    Some(Described {
        formats,
        addresses: strict.then(|| named.into_iter().chain([signalling]).collect()),
        reports: stream.rtcp,
        their_key,
    })
}

/// The rate at which a call of this codec is recorded.
fn rate_of(codec: Codec) -> SampleRate {
    format(codec).map_or(SampleRate::TELEPHONE, PayloadFormat::natural_rate)
}

#[cfg(test)]
mod tests;
