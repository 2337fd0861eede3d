//! Genesys AudioHook, version 2: JSON text messages both ways, audio in binary messages, one connection for
//! each session.
//!
//! ```text
//! Preparing --open--> Active <--paused, resumed--> Paused
//!     \__________________|___________________________/
//!      | close                              | broken rule, or the gateway ends the session
//!      v                                    v
//!    Closed <-----------close----------- Leaving (`disconnect` was sent)
//! ```
//!
//! Source: the public reference implementation (purecloudlabs/audiohook-reference-implementation). Unknown
//! members are ignored; messages of the Audio Connector are tolerated. Of what `open` says of persons only the
//! numbers of the caller and the called are read, and what `customConfig` says of who takes part.
//!
//! A session with both channels has the legs agent and customer, whatever the order on the wire; one with a
//! single channel has that one leg alone, and nothing is known of what the other party says.
//!
//! **Architecture invariants:** every message that is told to be sent has the next number, so they must be
//! sent in order and without loss; nothing is said after `closed`; memory is bounded by one message.

mod media;
mod message;

use std::time::Duration;

use serde_json::{Value, json};

use super::{Adapter, Arrival, Incoming, LONGEST_MESSAGE, ProtocolError, Tally, close};
use crate::audio::encoding::Encoding;
use crate::audio::{SampleIndex, SampleRate};
use crate::call::particulars::Particulars;
use crate::call::{CallId, Leg};
use crate::session::RawFrame;

use media::Media;
pub use message::{CloseReason, ContinuedSession};
use message::{Gap, Head, Open, is_null, is_uuid, parameters};

/// Longest text message, in UTF-16 units as the platform counts.
const LONGEST_TEXT: usize = 65_535;

/// Who opened the connection, from the headers of its HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioHookHandshake {
    organization: Box<str>,
    session: Box<str>,
}

/// A header of the HTTP request that has not the form of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHandshake {
    /// `Audiohook-Organization-Id`.
    #[error("the header Audiohook-Organization-Id is not a UUID")]
    Organization,
    /// `Audiohook-Session-Id`.
    #[error("the header Audiohook-Session-Id is not a UUID")]
    Session,
}

impl AudioHookHandshake {
    /// From the values of the headers `Audiohook-Organization-Id` and `Audiohook-Session-Id`. A request
    /// without them is to be answered with 400.
    pub fn new(organization: &str, session: &str) -> Result<Self, InvalidHandshake> {
        if !is_uuid(organization) {
            return Err(InvalidHandshake::Organization);
        }
        if !is_uuid(session) {
            return Err(InvalidHandshake::Session);
        }
        Ok(Self {
            organization: organization.into(),
            session: session.into(),
        })
    }
}

/// Why the gateway ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisconnectReason {
    /// Nothing more is wanted.
    Completed,
    /// The request was let in, but may not have a session.
    Unauthorized,
    /// A rule was broken, or the gateway cannot go on.
    Error,
}

impl DisconnectReason {
    fn name(self) -> &'static str {
        match self {
            DisconnectReason::Completed => "completed",
            DisconnectReason::Unauthorized => "unauthorized",
            DisconnectReason::Error => "error",
        }
    }
}

/// One session's protocol state.
#[derive(Debug)]
pub struct AudioHookAdapter {
    handshake: AudioHookHandshake,
    state: State,
    /// What was selected of the offered media.
    media: Option<Media>,
    is_call: bool,
    particulars: Particulars,
    start_paused: bool,
    /// The number of the last message that was sent.
    sent: u64,
    /// The number of the last message that was read.
    read: u64,
    position: Position,
    continued: Vec<ContinuedSession>,
    close_reason: Option<CloseReason>,
    tally: Tally,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Preparing,
    Active,
    Paused,
    /// A rule was broken; `disconnect` is to be sent.
    Broken,
    Leaving,
    Closed,
}

/// How far the stream has come.
#[derive(Debug, Default)]
struct Position {
    /// Samples of one channel.
    heard: u64,
    /// What the platform left out, in nanoseconds; summed before it is rounded.
    discarded: u64,
}

impl Position {
    fn index(&self) -> SampleIndex {
        let hertz = u128::from(SampleRate::TELEPHONE.hertz());
        let discarded = (u128::from(self.discarded) * hertz + 500_000_000) / 1_000_000_000;
        SampleIndex(self.heard.saturating_add(discarded as u64))
    }
}

impl AudioHookAdapter {
    /// A connection whose request was let in.
    pub fn new(handshake: AudioHookHandshake) -> Self {
        Self {
            handshake,
            state: State::Preparing,
            media: None,
            is_call: false,
            particulars: Particulars::default(),
            start_paused: false,
            sent: 0,
            read: 0,
            position: Position::default(),
            continued: Vec::new(),
            close_reason: None,
            tally: Tally::default(),
        }
    }

    /// The sessions that this one continues, from `open`.
    pub fn continued_sessions(&self) -> &[ContinuedSession] {
        &self.continued
    }

    /// Why the platform closed the session, once it has.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.close_reason
    }

    /// Asks the platform to send no audio; returns what is to be sent. Before `open` the session is opened
    /// paused. The pause begins when the platform says so, and its length comes with the resuming.
    pub fn pause(&mut self) -> Option<String> {
        self.ask("pause", true)
    }

    /// Asks the platform to send audio again; returns what is to be sent. While the platform's own pause
    /// holds, nothing changes.
    pub fn resume(&mut self) -> Option<String> {
        self.ask("resume", false)
    }

    fn ask(&mut self, kind: &str, start_paused: bool) -> Option<String> {
        match self.state {
            State::Preparing => {
                self.start_paused = start_paused;
                None
            }
            // Asking twice is allowed: the answer tells the state.
            State::Active | State::Paused => Some(self.say(kind, json!({}))),
            State::Broken | State::Leaving | State::Closed => None,
        }
    }

    /// Ends the session by the gateway's wish; returns what is to be sent, or `None` if it has ended or its
    /// end was told. The platform answers with `close`.
    pub fn disconnect(&mut self, reason: DisconnectReason, info: &str) -> Option<String> {
        if matches!(self.state, State::Leaving | State::Closed) {
            return None;
        }
        self.state = State::Leaving;
        let mut parameters = json!({"reason": reason.name()});
        if !info.is_empty() {
            parameters["info"] = info.into();
        }
        Some(self.say("disconnect", parameters))
    }

    /// The next message to the platform.
    fn say(&mut self, kind: &str, parameters: Value) -> String {
        self.sent += 1;
        json!({
            "version": "2",
            "type": kind,
            "id": &*self.handshake.session,
            "seq": self.sent,
            "clientseq": self.read,
            "parameters": parameters,
        })
        .to_string()
    }

    fn text(&mut self, text: &str, arrivals: &mut Vec<Arrival>) -> Result<(), &'static str> {
        match self.state {
            State::Preparing | State::Active | State::Paused => {}
            State::Broken | State::Leaving => {
                self.take_leave(text, arrivals);
                return Ok(());
            }
            State::Closed => {
                self.tally.ignored += 1;
                return Ok(());
            }
        }
        if is_too_long(text) {
            return Err("a text message of more than 65535 characters");
        }
        let head = Head::parse(text).ok_or(
            "not a JSON message with version, type, id, seq, serverseq, position and parameters",
        )?;
        if head.version != "2" {
            return Err("version is not \"2\"");
        }
        if head.seq != self.read.saturating_add(1) {
            return Err("seq is not one more than that of the message before");
        }
        self.read = head.seq;
        if head.serverseq > self.sent {
            return Err("serverseq is higher than any seq that was sent");
        }
        if !head.is_of(&self.handshake.session) {
            return Err("id is not the session's of the request");
        }
        self.dispatch(&head.kind, text, arrivals)
    }

    fn dispatch(
        &mut self,
        kind: &str,
        text: &str,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), &'static str> {
        let is_open = matches!(self.state, State::Active | State::Paused);
        match kind {
            "open" if self.state == State::Preparing => return self.open(text, arrivals),
            "close" => self.close(text, arrivals),
            "ping" => arrivals.push(Arrival::Reply(self.say("pong", json!({})))),
            "update" if is_open => arrivals.push(Arrival::Reply(self.say("updated", json!({})))),
            "paused" if is_open => self.state = State::Paused,
            "resumed" if is_open => {
                self.discard(text, "resumed without start and discarded as durations")?;
                self.state = State::Active;
            }
            "discarded" if is_open => {
                self.discard(text, "discarded without start and discarded as durations")?;
            }
            "dtmf" if self.is_call => arrivals.push(Arrival::KeyPressed { leg: Leg::Customer }),
            // Informational: what follows of an error is told by `close`.
            "error" => {}
            "open" | "update" | "paused" | "resumed" | "discarded" | "dtmf"
            | "playback_started" | "playback_completed" => {
                self.tally.ignored += 1;
                return Ok(());
            }
            _ => return Err("type is not a message that a client sends"),
        }
        self.tally.accepted += 1;
        Ok(())
    }

    fn open(&mut self, text: &str, arrivals: &mut Vec<Arrival>) -> Result<(), &'static str> {
        let open: Open<'_> = parameters(text).ok_or(
            "open without organizationId, conversationId, participant.id or media, or one is malformed",
        )?;
        if ![
            &*open.organization,
            &open.conversation,
            &open.participant.id,
        ]
        .iter()
        .all(|id| is_uuid(id))
        {
            return Err("organizationId, conversationId or participant.id in open is not a UUID");
        }
        if !self
            .handshake
            .organization
            .eq_ignore_ascii_case(&open.organization)
        {
            return Err("organizationId in open is not that of the request's header");
        }
        if open.continued.iter().any(|session| !is_uuid(&session.id)) {
            return Err("an id in open.continuedSessions is not a UUID");
        }
        let call =
            CallId::new(&open.conversation).map_err(|_| "conversationId in open is not a UUID")?;
        // Sent when the integration is set up: nobody speaks.
        let is_probe = is_null(&open.conversation) && is_null(&open.participant.id);

        let media = Media::select(&open.media);
        if media.is_none() && !open.media.is_empty() && !is_probe {
            return Err(
                "none of the media in open is audio of PCMU or L16 at 8000 Hz with the channels external, \
                 internal or both",
            );
        }
        self.particulars = open.particulars();
        self.continued = open.continued;
        self.state = State::Active;
        self.tally.accepted += 1;

        let selected = media.iter().map(Media::describe).collect::<Value>();
        let mut opened = json!({"media": selected, "startPaused": self.start_paused});
        if open.asks_for_languages {
            opened["supportedLanguages"] = json!([]);
        }
        // First, as a call that cannot begin is ended by a message with a later number.
        arrivals.push(Arrival::Reply(self.say("opened", opened)));
        if let Some(media) = media.filter(|_| !is_probe) {
            self.is_call = true;
            arrivals.push(Arrival::Started {
                call,
                legs: media.legs(),
                rate: SampleRate::TELEPHONE,
            });
        }
        self.media = media;
        Ok(())
    }

    /// Leaves a gap on the timeline.
    fn discard(&mut self, text: &str, problem: &'static str) -> Result<(), &'static str> {
        let gap: Gap = parameters(text).ok_or(problem)?;
        self.position.discarded = self
            .position
            .discarded
            .saturating_add(gap.discarded.nanoseconds());
        Ok(())
    }

    fn close(&mut self, text: &str, arrivals: &mut Vec<Arrival>) {
        self.close_reason = Some(CloseReason::of(text));
        arrivals.push(Arrival::Reply(self.say("closed", json!({}))));
        self.state = State::Closed;
        arrivals.push(Arrival::Stopped);
    }

    /// The session is ending by the gateway's wish: only what ends it counts, and rules are broken freely,
    /// as messages may have been lost to the rule that was broken first.
    fn take_leave(&mut self, text: &str, arrivals: &mut Vec<Arrival>) {
        let head = Head::parse(text)
            .filter(|head| !is_too_long(text) && head.is_of(&self.handshake.session));
        match head {
            Some(head) if head.kind == "close" => {
                self.read = self.read.max(head.seq);
                self.tally.accepted += 1;
                self.close(text, arrivals);
            }
            _ => self.tally.ignored += 1,
        }
    }

    fn binary(&mut self, bytes: &[u8], arrivals: &mut Vec<Arrival>) -> Result<(), &'static str> {
        match self.state {
            State::Active => {}
            State::Preparing => return Err("audio before open"),
            State::Paused => return Err("audio while the session is paused"),
            State::Closed => return Err("audio after close"),
            State::Broken | State::Leaving => {
                self.tally.ignored += 1;
                return Ok(());
            }
        }
        let Some(media) = self.media else {
            return Err("audio, though no media was selected");
        };
        if bytes.len() > LONGEST_MESSAGE {
            return Err("a binary message of more than 64 KiB");
        }
        if !bytes.len().is_multiple_of(media.width()) {
            return Err("a binary message without a whole number of samples for each channel");
        }
        self.tally.accepted += 1;
        let at = self.position.index();
        // A message without bytes occurs.
        self.position.heard += (bytes.len() / media.width()) as u64;
        if !self.is_call || bytes.is_empty() {
            return Ok(());
        }
        for (leg, samples) in media.decode(bytes) {
            arrivals.push(Arrival::Audio(RawFrame { leg, at, samples }));
        }
        Ok(())
    }
}

impl Adapter for AudioHookAdapter {
    fn encoding(&self) -> Encoding {
        self.media
            .as_ref()
            .map_or(Encoding::LinearLittle, Media::encoding)
    }

    /// A broken rule is told as [`ProtocolError::Closed`], once; then [`Adapter::farewell`] says it to the
    /// platform, and text messages are to be handed on until the platform closes the session.
    fn handle(
        &mut self,
        message: Incoming<'_>,
        _since: Duration,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        let outcome = match message {
            Incoming::Text(text) => self.text(text, arrivals),
            Incoming::Binary(bytes) => self.binary(bytes, arrivals),
        };
        outcome.map_err(|problem| {
            self.tally.malformed += 1;
            if self.state != State::Closed {
                self.state = State::Broken;
            }
            ProtocolError::Closed {
                code: close::PROTOCOL_ERROR,
                problem,
            }
        })
    }

    fn particulars(&self) -> Particulars {
        self.particulars.clone()
    }

    fn tally(&self) -> Tally {
        self.tally
    }

    /// The session's id: a conversation may have several at once, one for each participant.
    fn stream(&self) -> Option<&str> {
        self.is_call.then_some(&*self.handshake.session)
    }

    /// `disconnect`: with reason `completed` where no problem is told, otherwise `error`.
    fn farewell(&mut self, problem: &str) -> Option<String> {
        let reason = if problem.is_empty() {
            DisconnectReason::Completed
        } else {
            DisconnectReason::Error
        };
        self.disconnect(reason, problem)
    }

    fn stays_without_call(&self) -> bool {
        !self.is_call && matches!(self.state, State::Active | State::Paused)
    }
}

fn is_too_long(text: &str) -> bool {
    text.len() > LONGEST_TEXT && text.encode_utf16().count() > LONGEST_TEXT
}

#[cfg(test)]
mod tests;
