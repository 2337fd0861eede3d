//! What a recorder is told of a call: who speaks on which stream, since when, and what others call it.
//!
//! What the platform said in metadata of its own is passed on as it was, ids included; for streams it is said
//! again, as they are ours. Who is not named there is told by the leg alone.

use jiff::Timestamp;

use crate::audio::MediaTime;
use crate::call::{CallId, Leg, Sensitive};
use crate::egress::forward::StreamFacts;
use crate::sip::metadata::{
    Participant, RecordedSession, RecordedStream, RecordingMetadata, unique_id,
};

/// Where on the call's timeline a session begins that is not its first, in milliseconds.
const BEGINS: &str = "hushgateBeginsMs";
/// Which session of the call this is, from 1.
const PART: &str = "hushgatePart";
/// The call as our own recordings name it.
const CALL: &str = "hushgateCall";
/// Longest label that is passed on.
const LONGEST_LABEL: usize = 64;

/// What stays the same in all sessions of a call.
pub(super) struct Story {
    metadata: RecordingMetadata,
    /// For each stream: the channel of the audio, and its label.
    streams: Vec<(usize, String)>,
    since: String,
}

impl Story {
    /// For a call that began then.
    pub(super) fn new(
        facts: &StreamFacts,
        since: Timestamp,
        mut chance: impl FnMut() -> u128,
    ) -> Self {
        let mut id = || unique_id(chance());
        let told = facts.recorded.as_deref();
        let mut metadata = told.map(|told| told.metadata.clone()).unwrap_or_default();
        metadata.partial = false;
        if metadata.groups.is_empty() {
            metadata.groups.push(id());
        }
        if metadata.sessions.is_empty() {
            metadata.sessions.push(RecordedSession {
                id: id(),
                sip_session_id: Some(call_id(&facts.call)),
                ended: false,
            });
        }
        for participant in &mut metadata.participants {
            participant.sends.clear();
            participant.receives.clear();
        }
        metadata.streams.clear();
        // Who has called comes first where streams are told apart by their order alone; calls are mostly taken by
        // agents.
        let mut channels: Vec<usize> = (0..facts.legs.len()).collect();
        channels.sort_by_key(|channel| facts.legs.get(*channel) == Some(&Leg::Agent));
        let session = metadata.sessions.first().map(|session| session.id.clone());
        let mut streams = Vec::new();
        for (place, &channel) in channels.iter().enumerate() {
            let theirs = told
                .and_then(|told| told.labels.get(channel)?.as_deref())
                .unwrap_or_default();
            let own = (place + 1).to_string();
            let taken = |label: &str| streams.iter().any(|(_, known)| known == label);
            let label = if is_token(theirs) && !taken(theirs) {
                theirs.to_owned()
            } else if taken(&own) {
                format!("hushgate{own}")
            } else {
                own
            };
            let stream = told
                .and_then(|told| {
                    let mut known = told.metadata.streams.iter();
                    known.find(|stream| stream.label.as_deref() == Some(theirs))
                })
                .map_or_else(&mut id, |stream| stream.id.clone());
            let leg = facts.legs.get(channel).copied().unwrap_or(Leg::Mixed);
            let speaker = told.and_then(|told| told.metadata.speaker(theirs));
            let speaker = speaker.map(|speaker| speaker.id.clone());
            speaks(&mut metadata, leg, speaker, &stream, &mut id);
            metadata.streams.push(RecordedStream {
                id: stream,
                session: session.clone(),
                label: Some(label.clone()),
            });
            streams.push((channel, label));
        }
        hear(&mut metadata);
        metadata.annotate(CALL, facts.call.as_str());
        for (name, value) in &facts.parameters {
            metadata.annotate(name, value);
        }
        Self {
            metadata,
            streams,
            since: since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }

    /// The streams in the order in which they are offered: the channel of the audio, and the label.
    pub(super) fn streams(&self) -> &[(usize, String)] {
        &self.streams
    }

    /// The document for a session that begins there.
    pub(super) fn document(&self, attempt: u32, begins: MediaTime) -> String {
        let mut metadata = self.metadata.clone();
        if attempt > 0 {
            metadata.annotate(PART, &attempt.saturating_add(1).to_string());
            metadata.annotate(BEGINS, &(begins.micros() / 1_000).to_string());
        }
        metadata.write(&self.since)
    }
}

fn call_id(call: &CallId) -> Sensitive<String> {
    Sensitive::new(call.as_str().to_owned())
}

/// Says who speaks on a stream: who did at the platform, else the leg's party, of which nothing else is known.
fn speaks(
    metadata: &mut RecordingMetadata,
    leg: Leg,
    speaker: Option<String>,
    stream: &str,
    id: &mut impl FnMut() -> String,
) {
    let known = &mut metadata.participants;
    if leg == Leg::Mixed && !known.is_empty() {
        for participant in known {
            participant.sends.push(stream.to_owned());
        }
        return;
    }
    if let Some(speaker) = speaker
        && let Some(participant) = known.iter_mut().find(|known| known.id == speaker)
    {
        participant.sends.push(stream.to_owned());
        return;
    }
    let parties: &[Leg] = match leg {
        Leg::Mixed => &[Leg::Customer, Leg::Agent],
        Leg::Customer => &[Leg::Customer],
        Leg::Agent => &[Leg::Agent],
    };
    known.extend(parties.iter().map(|party| Participant {
        id: id(),
        address: Sensitive::new(format!("sip:{party}@anonymous.invalid")),
        name: Some(Sensitive::new(party.to_string())),
        calling: None,
        sends: vec![stream.to_owned()],
        receives: Vec::new(),
        left: false,
    }));
}

/// Who speaks hears what the others say.
fn hear(metadata: &mut RecordingMetadata) {
    for participant in &mut metadata.participants {
        if participant.sends.is_empty() {
            continue;
        }
        let others = metadata.streams.iter().map(|stream| stream.id.clone());
        participant.receives = others
            .filter(|id| !participant.sends.contains(id))
            .collect();
    }
}

/// Whether a label can be written into a session description (RFC 4574, 4: a token).
fn is_token(label: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte);
    (1..=LONGEST_LABEL).contains(&label.len()) && label.bytes().all(is_letter)
}

#[cfg(test)]
mod tests;
