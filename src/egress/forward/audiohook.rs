//! Genesys AudioHook, version 2, as Genesys Cloud speaks it: this side opens the session and ends it.
//!
//! ```text
//! Opening --opened--> Active <--pause, resume--> Paused
//!    | \_________________|_________________________/
//!    | no answer         | close, after the call, at the recorder's wish, or at its fault
//!    v                   v
//! Leaving ---closed---> Over
//! ```
//!
//! Source: the public reference implementation (purecloudlabs/audiohook-reference-implementation). The
//! stream's clock is the session's: it begins with the first block of the connection. What is not sent, as the
//! recorder paused or the block was left out or lost, is told as `discarded` and makes the clock go on.
//!
//! What a recorder's fault leads to is what the reference client does: `error` with the code, then `close`.
//!
//! **Architecture invariants:** every message has the next number; no audio before `opened`, while paused,
//! or after `close`. Of what the recorder says no text is logged or sent back.

mod media;
mod message;

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    CannotSpeak, Handshake, Heard, Outgoing, Parting, Past, Speaker, Standing, StreamFacts,
    call_uuid,
};
use crate::audio::{SampleIndex, SampleRate};
use crate::session::CleanAudio;

use media::Media;
use message::{Message, is_too_long, samples, seconds, stream_time};

/// How long the recorder may take to answer `open`.
const OPENING: Duration = Duration::from_secs(5);
/// When the first ping is sent after `opened`.
const FIRST_PING: Duration = Duration::from_secs(1);
/// Between pings, and the longest wait for an answer to one.
const PING: Duration = Duration::from_secs(5);
/// How long the recorder may take to answer `close`.
const CLOSING: Duration = Duration::from_secs(10);
/// Samples of each channel in a message at most: 200 ms.
const PACKET: usize = 1_600;
/// Parameters that have a place in `open` of their own.
const PLACED: [&str; 7] = [
    "organizationId",
    "conversationId",
    "participantId",
    "ani",
    "aniName",
    "dnis",
    "language",
];

/// What a session is called. A speaker makes up nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionIds {
    /// The organization, where the platform does not say it.
    pub organization: Uuid,
    /// A new one for each connection. The platform's own is used on the first, if it has one.
    pub session: Uuid,
    /// A new one for each connection, by which both sides find it in their logs.
    pub correlation: Uuid,
}

/// Speaks to a recorder that expects Genesys Cloud.
#[derive(Debug)]
pub struct AudioHookSpeaker {
    facts: StreamFacts,
    ids: SessionIds,
    conversation: Uuid,
    past: Vec<Past>,
    offers: Vec<Media>,
    state: State,
    /// What the recorder took, if anything.
    media: Option<Media>,
    /// The number of the last message that was sent.
    sent: u64,
    /// The number of the last message that was read.
    read: u64,
    /// Where the stream begins on the call's timeline.
    begins: u64,
    /// Up to where the recorder was sent the audio or told that it is not.
    told: u64,
    /// Up to where audio was given. All in samples.
    given: u64,
    /// Where the recorder wants the audio to begin.
    discard_to: u64,
    ping: Ping,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Active,
    Paused,
    Leaving {
        parting: Parting,
        /// When waiting ends; not known before the time is.
        by: Option<Duration>,
    },
    Over(Parting),
}

/// The exchange of pings.
#[derive(Debug, Default)]
struct Ping {
    due: Duration,
    /// Number and time of the one that is not answered.
    open: Option<(u64, Duration)>,
    is_first: bool,
    /// How long the last answer took.
    rtt: Option<Duration>,
}

/// How the reference client names what went wrong.
struct Fault {
    code: u16,
    message: &'static str,
}

const fn fault(code: u16, message: &'static str) -> Fault {
    Fault { code, message }
}

impl AudioHookSpeaker {
    /// For one connection.
    pub fn new(mut ids: SessionIds, facts: StreamFacts) -> Self {
        let said = |name| Uuid::try_parse(facts.parameter(name)?).ok();
        if let Some(organization) = said("organizationId") {
            ids.organization = organization;
        }
        if let Ok(session) = Uuid::try_parse(&facts.stream)
            && facts.attempt == 0
        {
            ids.session = session;
        }
        let conversation = said("conversationId").unwrap_or_else(|| call_uuid(&facts.call));
        let SampleIndex(begins) = facts.rate.index_at(facts.begins);
        Self {
            ids,
            conversation,
            past: Vec::new(),
            offers: Media::offers(facts.legs, facts.encoding),
            state: State::Opening,
            media: None,
            sent: 0,
            read: 0,
            begins,
            told: 0,
            given: 0,
            discard_to: 0,
            ping: Ping::default(),
            facts,
        }
    }

    fn say(&mut self, kind: &str, parameters: Value, messages: &mut Vec<Outgoing>) {
        self.sent += 1;
        let text = json!({
            "version": "2",
            "type": kind,
            "id": self.ids.session.to_string(),
            "seq": self.sent,
            "serverseq": self.read,
            "position": stream_time(self.given),
            "parameters": parameters,
        });
        messages.push(Outgoing::Text(text.to_string()));
    }

    /// The parameters of `open`, with what the platform said of the call or without.
    fn open(&self, with_config: bool) -> Value {
        let said = |name| self.facts.parameter(name).unwrap_or_default();
        let participant = Uuid::try_parse(said("participantId"))
            .unwrap_or_else(|_| Uuid::new_v5(&self.conversation, b"participant"));
        let offers: Vec<_> = self.offers.iter().map(Media::describe).collect();
        let mut open = json!({
            "organizationId": self.ids.organization.to_string(),
            "conversationId": self.conversation.to_string(),
            "participant": {
                "id": participant.to_string(),
                "ani": said("ani"),
                "aniName": said("aniName"),
                "dnis": said("dnis"),
            },
            "media": offers,
        });
        if is_language(said("language")) {
            open["language"] = said("language").into();
        }
        if !self.past.is_empty() {
            let continued = self
                .past
                .iter()
                .map(|past| json!({"id": past.id, "serverseq": past.read, "clientseq": past.sent}));
            open["continuedSessions"] = continued.collect();
        }
        let mut config = self.facts.told();
        config.retain(|name, _| !PLACED.contains(&name.as_str()));
        if with_config && !config.is_empty() {
            open["customConfig"] = Value::Object(config);
        }
        open
    }

    /// Tells what is missing, up to this sample.
    fn discard(&mut self, kind: &str, to: u64, messages: &mut Vec<Outgoing>) {
        let (start, discarded) = (self.told, to.saturating_sub(self.told));
        self.told = to;
        self.say(
            kind,
            json!({"start": stream_time(start), "discarded": stream_time(discarded)}),
            messages,
        );
    }

    fn close(&mut self, reason: &str, parting: Parting, messages: &mut Vec<Outgoing>) {
        self.say("close", json!({"reason": reason}), messages);
        self.state = State::Leaving { parting, by: None };
    }

    /// Ends the session as the recorder does not keep to the protocol.
    fn give_up(&mut self, Fault { code, message }: Fault, messages: &mut Vec<Outgoing>) {
        tracing::warn!(
            code,
            problem = message,
            "the recorder breaks AudioHook's rules; the session is ended"
        );
        self.say("error", json!({"code": code, "message": message}), messages);
        self.close("error", Parting::Again, messages);
    }

    fn text(
        &mut self,
        text: &str,
        since: Duration,
        messages: &mut Vec<Outgoing>,
    ) -> Result<(), Fault> {
        if is_too_long(text) {
            return Err(fault(413, "a message of more than 65535 characters"));
        }
        // serde's errors quote the input: they are not passed on.
        let message: Message = serde_json::from_str(text).map_err(|_| {
            fault(
                400,
                "not a JSON message with version, type, id, seq, clientseq and parameters",
            )
        })?;
        if let State::Leaving { parting, .. } = self.state {
            // Messages that were on their way mean nothing any more.
            self.read = self.read.max(message.seq);
            if message.kind == "closed" {
                self.state = State::Over(parting);
            }
            return Ok(());
        }
        if message.version != "2" {
            return Err(fault(400, "version is not 2"));
        }
        if message.seq != self.read.saturating_add(1) {
            return Err(fault(
                500,
                "seq is not one more than that of the message before",
            ));
        }
        self.read = message.seq;
        if message.clientseq > self.sent {
            return Err(fault(500, "clientseq is higher than any seq that was sent"));
        }
        if !message
            .id
            .eq_ignore_ascii_case(&self.ids.session.to_string())
        {
            return Err(fault(400, "id is not the session's"));
        }
        self.dispatch(message, since, messages)
    }

    fn dispatch(
        &mut self,
        message: Message,
        since: Duration,
        messages: &mut Vec<Outgoing>,
    ) -> Result<(), Fault> {
        let is_open = matches!(self.state, State::Active | State::Paused);
        match message.kind.as_str() {
            "opened" if self.state == State::Opening => {
                return self.opened(message, since, messages);
            }
            "pong" => self.pong(message.clientseq, since, messages),
            "pause" if is_open => {
                if self.state == State::Active {
                    tracing::info!(at = %stream_time(self.given), "the recorder pauses the stream");
                }
                self.state = State::Paused;
                self.say("paused", json!({}), messages);
            }
            "resume" if is_open => {
                let discarded = stream_time(self.given - self.told);
                if self.state == State::Paused {
                    tracing::info!(%discarded, "the recorder resumes the stream");
                }
                self.state = State::Active;
                self.discard("resumed", self.given, messages);
            }
            "disconnect" => {
                let parting = match message.parameters.reason.as_str() {
                    "completed" => Parting::Declined,
                    _ => Parting::Again,
                };
                tracing::info!(?parting, "the recorder disconnects");
                self.close("disconnect", parting, messages);
            }
            "reconnect" => self.close("reconnect", Parting::Again, messages),
            "updated" | "event" => {}
            "opened" => return Err(fault(409, "opened, though the session is open")),
            "pause" | "resume" => return Err(fault(409, "pause or resume before opened")),
            "closed" => return Err(fault(409, "closed, though close was not sent")),
            _ => return Err(fault(500, "type is not a message that a server sends")),
        }
        Ok(())
    }

    fn opened(
        &mut self,
        message: Message,
        since: Duration,
        messages: &mut Vec<Outgoing>,
    ) -> Result<(), Fault> {
        let opened = message.parameters;
        self.media = match opened.media.as_slice() {
            [] => None,
            [one] => {
                let taken = self.offers.iter().find(|offer| offer.is(one));
                Some(
                    taken
                        .cloned()
                        .ok_or(fault(400, "media that was not offered"))?,
                )
            }
            _ => return Err(fault(400, "more than one of media was taken")),
        };
        if self.media.is_none() {
            tracing::warn!("the recorder takes no audio of this call");
        }
        if let Some(to) = &opened.discard_to {
            self.discard_to = samples(to).ok_or(fault(400, "discardTo is not a duration"))?;
        }
        self.ping.due = since + FIRST_PING;
        self.ping.is_first = true;
        self.state = State::Active;
        if opened.start_paused {
            self.state = State::Paused;
            self.say("paused", json!({}), messages);
        }
        Ok(())
    }

    fn ping(&mut self, since: Duration, messages: &mut Vec<Outgoing>) {
        let parameters = match self.ping.rtt {
            Some(rtt) => json!({"rtt": seconds(rtt)}),
            None => json!({}),
        };
        self.say("ping", parameters, messages);
        self.ping.open = Some((self.sent, since));
        self.ping.due = since + PING;
    }

    /// A pong that answers nothing is told, and does no harm.
    fn pong(&mut self, clientseq: u64, since: Duration, messages: &mut Vec<Outgoing>) {
        let (code, problem) = match self.ping.open {
            None => (409, "pong without ping"),
            Some((number, _)) if number != clientseq => {
                (400, "clientseq of pong is not seq of ping")
            }
            Some((_, at)) => {
                self.ping.open = None;
                self.ping.rtt = Some(since.saturating_sub(at));
                if std::mem::take(&mut self.ping.is_first) {
                    self.ping(since, messages);
                }
                return;
            }
        };
        self.say("error", json!({"code": code, "message": problem}), messages);
    }
}

impl Speaker for AudioHookSpeaker {
    fn handshake(&self) -> Handshake {
        let ids = [
            ("audiohook-organization-id", self.ids.organization),
            ("audiohook-session-id", self.ids.session),
            ("audiohook-correlation-id", self.ids.correlation),
        ];
        Handshake {
            subprotocol: None,
            headers: ids.map(|(name, id)| (name, id.to_string())).into(),
        }
    }

    fn follows(&mut self, past: &[Past]) {
        self.past = past.to_vec();
    }

    fn begin(&mut self, messages: &mut Vec<Outgoing>) -> Result<(), CannotSpeak> {
        if self.facts.rate != SampleRate::TELEPHONE {
            return Err(CannotSpeak::Rate {
                protocol: "AudioHook",
                hertz: self.facts.rate.hertz(),
                expected: "8000 Hz",
            });
        }
        let mut open = self.open(true);
        // With room for what every message has.
        if is_too_long(&format!("{open}{:300}", "")) {
            open = self.open(false);
        }
        self.say("open", open, messages);
        Ok(())
    }

    fn standing(&self) -> Standing {
        match self.state {
            State::Opening => Standing::Opening,
            // A paused stream goes on, unheard.
            State::Active | State::Paused => Standing::Ready,
            State::Leaving { parting, .. } => Standing::Leaving(parting),
            State::Over(parting) => Standing::Over(parting),
        }
    }

    fn audio(&mut self, audio: &CleanAudio, messages: &mut Vec<Outgoing>) {
        let start = audio.start().0.saturating_sub(self.begins);
        let end = start + audio.len() as u64;
        let media = match self.state {
            State::Active => self.media.clone(),
            State::Paused => None,
            State::Opening | State::Leaving { .. } | State::Over(_) => return,
        };
        let first = start.max(self.discard_to);
        if let Some(media) = media.filter(|_| first < end) {
            if first > self.told {
                self.given = first;
                self.discard("discarded", first, messages);
            }
            let mut from = (first - start) as usize;
            while from < audio.len() {
                let to = audio.len().min(from + PACKET);
                messages.push(Outgoing::Binary(media.encode(audio, from, to)));
                from = to;
            }
            self.told = end;
        }
        self.given = end;
    }

    fn hear(&mut self, said: Heard<'_>, since: Duration, messages: &mut Vec<Outgoing>) {
        if matches!(self.state, State::Over(_)) {
            return;
        }
        let is_leaving = matches!(self.state, State::Leaving { .. });
        let outcome = match said {
            Heard::Text(text) => self.text(text, since, messages),
            Heard::Binary(_) => Err(fault(415, "a binary message")),
        };
        if let Err(fault) = outcome
            && !is_leaving
        {
            self.give_up(fault, messages);
        }
    }

    fn due(&self) -> Option<Duration> {
        match self.state {
            State::Opening => Some(OPENING),
            State::Active | State::Paused => Some(self.ping.due),
            // At once, to learn what time it is.
            State::Leaving { by, .. } => Some(by.unwrap_or_default()),
            State::Over(_) => None,
        }
    }

    fn idle(&mut self, since: Duration, messages: &mut Vec<Outgoing>) {
        match &mut self.state {
            State::Opening if since >= OPENING => {
                self.give_up(fault(408, "open was not answered in time"), messages);
            }
            State::Active | State::Paused if since >= self.ping.due => match self.ping.open {
                Some(_) => self.give_up(fault(408, "ping was not answered in time"), messages),
                None => self.ping(since, messages),
            },
            State::Leaving { by: by @ None, .. } => *by = Some(since + CLOSING),
            State::Leaving { by: Some(by), .. } if since >= *by => {
                tracing::warn!("the recorder does not answer close");
                let parameters = json!({"code": 408, "message": "close was not answered in time"});
                self.say("error", parameters, messages);
                self.state = State::Over(Parting::Again);
            }
            _ => {}
        }
    }

    fn end(&mut self, messages: &mut Vec<Outgoing>) {
        if matches!(self.state, State::Opening | State::Active | State::Paused) {
            self.close("end", Parting::Confirmed, messages);
        }
    }

    /// A session that was never opened is none that can be continued.
    fn past(&self) -> Option<Past> {
        (self.read > 0).then(|| Past {
            id: self.ids.session.to_string(),
            read: self.read,
            sent: self.sent,
        })
    }
}

/// A language as `open` may have it: `^[a-z]{2,3}-[A-Za-z]{2,3}$`.
fn is_language(text: &str) -> bool {
    let is = |part: &str, allowed: fn(&u8) -> bool| {
        (2..=3).contains(&part.len()) && part.as_bytes().iter().all(allowed)
    };
    text.split_once('-').is_some_and(|(language, region)| {
        is(language, u8::is_ascii_lowercase) && is(region, u8::is_ascii_alphabetic)
    })
}

#[cfg(test)]
mod tests;
