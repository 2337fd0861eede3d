//! One recording session: invited, spoken in, and ended.

use std::collections::VecDeque;
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::media::{Media, PACKET, Sent};
use super::metadata::Story;
use super::pace::Pace;
use super::signalling::Signalling;
use super::{Loss, SessionRecorder, wide};
use crate::audio::{MediaTime, SampleIndex, SampleRate};
use crate::call::Sensitive;
use crate::egress::forward::StreamFacts;
use crate::gateway::forwarding::backlog::Backlog;
use crate::session::CleanAudio;
use crate::sip::client::{ClientAction, ClientEnd, ClientError, Src, SrcSettings, Target};
use crate::sip::message::{Message, Method, Reading};
use crate::sip::{Advertised, SessionId, Transport};

/// What was sent so long ago has arrived at a recorder that does not report, or less if less is kept.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);
/// A recorder that has reported and tells of nothing newer than this no longer does.
const REPORTS_WITHIN: Duration = Duration::from_secs(20);
/// A closed port is believed when it was so at two moments that are this far apart, and no further than that: a
/// recorder may open its port after it has answered.
const REFUSALS: std::ops::Range<Duration> = Duration::from_secs(1)..Duration::from_secs(10);
/// After the last packet, as SIP may be faster than RTP.
const LAST: Duration = Duration::from_millis(100);
/// For the recorder to say something to our farewell.
const FAREWELL: Duration = Duration::from_secs(4);

/// How a session came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The call is over, and the recorder has all of it, as far as is known.
    Complete,
    /// Nobody waited for it any longer.
    Left,
}

/// A session of one call with its recorder.
pub(super) struct Session<'a> {
    recorder: &'a SessionRecorder,
    backlog: &'a Backlog,
    src: Src,
    id: SessionId,
    signalling: Signalling,
    media: Media,
    rate: SampleRate,
    /// What the recorder was told, to be told again.
    document: Sensitive<String>,
    /// Where the session begins on the call's timeline.
    begins: MediaTime,
    begun: Instant,
    state: State,
    answered: bool,
    /// The call is over, and all of it is sent.
    is_over: bool,
    current: Option<Current>,
    pace: Option<Pace>,
    /// The first sample that was sent.
    first: u64,
    last: Option<u64>,
    unconfirmed: VecDeque<Unconfirmed>,
    arrives_within: Duration,
    doubt: Option<Doubt>,
    /// The recorder no longer reports, and lives.
    ignores_reports: bool,
    refused_since: Option<Instant>,
    was_deaf: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Inviting,
    Recording,
    /// We have said farewell; it is answered by then. `complete`: all was sent.
    Leaving {
        by: Instant,
        complete: bool,
    },
}

/// Why nothing counts as arrived until the recorder has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    NoReports,
    Refused,
    ConnectionLost,
}

/// The block that is being sent.
struct Current {
    number: u64,
    block: CleanAudio,
    /// What of it is sent next, and when.
    from: usize,
    to: usize,
    due: Instant,
}

/// A block that was sent.
struct Unconfirmed {
    number: u64,
    at: Instant,
    /// Packets of each stream with which it has arrived.
    packets: Vec<u32>,
}

impl<'a> Session<'a> {
    /// Invites the recorder; to a telephone's encodings alone if it is `narrow`.
    pub(super) async fn invite(
        recorder: &'a SessionRecorder,
        facts: &StreamFacts,
        narrow: bool,
        story: &Story,
        backlog: &'a Backlog,
    ) -> Result<Self, Loss> {
        let addresses = recorder.addresses().await?;
        let signalling = Signalling::open(recorder, &addresses).await;
        let signalling = signalling.map_err(Loss::Unreachable)?;
        let local = signalling.local();
        let is_secure = recorder.transport() == Transport::Tls;
        let chance = ChaCha20Rng::from_os_rng();
        let streams = story.streams();
        let media = Media::open(local.ip(), streams, facts.rate, is_secure, chance)
            .await
            .map_err(Loss::Ports)?;
        let mut settings = SrcSettings::new(Advertised {
            host: local.ip().to_string(),
            udp: local.port(),
            tcp: local.port(),
            tls: local.port(),
        });
        "hushgate".clone_into(&mut settings.user);
        settings.most_sessions = 1;
        settings.credentials = recorder.credentials().cloned();
        let mut chance = ChaCha20Rng::from_os_rng();
        let mut src = Src::new(settings, Box::new(move || wide(&mut chance)));
        let document = Sensitive::new(story.document(facts.attempt, facts.begins));
        let target = Target {
            uri: recorder.uri().to_owned(),
            flow: signalling.flow(),
        };
        let lines = media.lines(facts, narrow);
        let id = src
            .invite(Duration::ZERO, target, lines, document.expose().clone())
            .map_err(|error: ClientError| Loss::Unreachable(std::io::Error::other(error)))?;
        let keeps = Duration::from_micros(backlog.limit().micros());
        Ok(Self {
            recorder,
            backlog,
            src,
            id,
            signalling,
            media,
            rate: facts.rate,
            document,
            begins: facts.begins,
            begun: Instant::now(),
            state: State::Inviting,
            answered: false,
            is_over: false,
            current: None,
            pace: None,
            first: 0,
            last: None,
            unconfirmed: VecDeque::new(),
            arrives_within: ARRIVES_WITHIN.min(keeps / 3),
            doubt: None,
            ignores_reports: false,
            refused_since: None,
            was_deaf: false,
        })
    }

    /// Speaks until the call is over. Tells, too, whether the recorder ever answered.
    pub(super) async fn run(mut self, leave: &CancellationToken) -> (Result<Outcome, Loss>, bool) {
        let outcome = loop {
            if let Some(outcome) = self.act().await {
                break outcome;
            }
            if let Some(outcome) = self.step(leave).await {
                // What SIP has to say to that.
                let _ = self.act().await;
                break outcome;
            }
        };
        (outcome, self.answered)
    }

    /// Waits for the next thing that happens.
    async fn step(&mut self, leave: &CancellationToken) -> Option<Result<Outcome, Loss>> {
        let now = Instant::now();
        let is_recording = self.state == State::Recording;
        let (leave_by, complete) = match self.state {
            State::Leaving { by, complete } => (Some(by), complete),
            State::Inviting | State::Recording => (None, false),
        };
        let signal_due = self.src.next_timeout().map(|due| self.begun + due);
        let report_due = self.media.report_due().map(|due| self.begun + due);
        let piece_due = self.current.as_ref().map(|current| current.due);
        let takes_audio = is_recording && self.current.is_none() && !self.is_over;
        let begun = self.begun;
        tokio::select! {
            biased;
            () = leave.cancelled(), if leave_by.is_none() => self.leave(false).await,
            () = sleep_until(leave_by.unwrap_or(now)), if leave_by.is_some() => {
                return Some(if complete { Err(Loss::Silent) } else { Ok(Outcome::Left) });
            }
            () = sleep_until(piece_due.unwrap_or(now)), if is_recording && piece_due.is_some() => {
                return self.say().await.err().map(Err);
            }
            received = self.signalling.receive() => match received {
                Some((flow, bytes)) => {
                    self.src.handle_message(begun.elapsed(), flow, &bytes);
                    return self.answered(&bytes);
                }
                None => {
                    self.src.flow_closed(begun.elapsed(), self.signalling.flow());
                    self.doubt(Doubt::ConnectionLost);
                }
            },
            () = sleep_until(signal_due.unwrap_or(now)), if signal_due.is_some() => {
                self.src.handle_timeout(begun.elapsed());
            }
            () = self.media.hear(|| begun.elapsed()), if is_recording => self.confirm(),
            () = sleep_until(report_due.unwrap_or(now)), if is_recording && report_due.is_some() => {
                let position = self.position();
                self.media.report(begun.elapsed(), position).await;
            }
            block = self.backlog.next(), if takes_audio => match block {
                Some((number, block)) => self.begin_block(number, block),
                None => {
                    self.is_over = true;
                    self.leave(true).await;
                }
            },
        }
        None
    }

    /// Does what the signalling asks for until it asks for nothing more.
    async fn act(&mut self) -> Option<Result<Outcome, Loss>> {
        let mut outcome = None;
        while let Some(action) = self.src.poll() {
            match action {
                ClientAction::Send { flow, bytes } => {
                    let sent = self.signalling.send(self.recorder, flow, &bytes).await;
                    if let Err(error) = sent {
                        return Some(Err(Loss::Unreachable(error)));
                    }
                }
                ClientAction::Answered { streams, .. } => {
                    let offered = streams.len();
                    match self.media.agree(self.begun.elapsed(), streams).await {
                        Ok(taken) => self.recorded(taken, offered),
                        Err(error) => outcome = Some(Err(Loss::Unreachable(error))),
                    }
                }
                ClientAction::Changed { streams, .. } => {
                    for block in &mut self.unconfirmed {
                        block.packets.fill(0);
                    }
                    if let Err(error) = self.media.agree(self.begun.elapsed(), streams).await {
                        outcome = Some(Err(Loss::Unreachable(error)));
                    }
                }
                ClientAction::Refused {
                    status,
                    retry_after,
                    ..
                } => {
                    outcome = Some(Err(match status {
                        Some(status) => Loss::Refused {
                            status,
                            retry_after,
                        },
                        None => Loss::Silent,
                    }));
                }
                // It lives; it has been told all that before.
                ClientAction::UpdateRefused { .. } => self.believe(),
                ClientAction::Ended { reason, .. } => match (self.state, reason) {
                    // The answer to our farewell is waited for.
                    (State::Leaving { complete: true, .. }, ClientEnd::HungUp) => {}
                    (State::Leaving { .. }, ClientEnd::HungUp) if self.answered => {}
                    (State::Leaving { .. }, ClientEnd::HungUp) => {
                        outcome = Some(Ok(Outcome::Left));
                    }
                    (_, reason) => outcome = Some(Err(Loss::Ended(reason))),
                },
            }
        }
        outcome
    }

    fn recorded(&mut self, taken: usize, offered: usize) {
        let host = self.recorder.host();
        if taken < offered {
            tracing::warn!(host, taken, offered, "the recorder does not take all legs");
        }
        tracing::info!(host, "forwarding the call");
        self.answered = true;
        if self.state == State::Inviting {
            self.state = State::Recording;
        }
        self.backlog.trust(true);
    }

    /// Takes note of an answer: to our farewell, or to the question whether the recorder lives.
    fn answered(&mut self, bytes: &[u8]) -> Option<Result<Outcome, Loss>> {
        let Ok(Reading {
            message: Message::Response(response),
            fault: None,
        }) = Message::read(bytes)
        else {
            return None;
        };
        let method = response.essentials().ok()?.cseq.method;
        match (method, response.status, self.state) {
            (Method::Invite, 200..300, _) => self.believe(),
            (Method::Bye, 481, State::Leaving { complete: true, .. }) => {
                return Some(Err(Loss::Ended(ClientEnd::Lost)));
            }
            (Method::Bye, 200.., State::Leaving { complete, .. }) => {
                if !complete {
                    return Some(Ok(Outcome::Left));
                }
                if let Some(last) = self.last {
                    self.backlog.acknowledge(last);
                }
                return Some(Ok(Outcome::Complete));
            }
            _ => {}
        }
        None
    }

    fn begin_block(&mut self, number: u64, block: CleanAudio) {
        if block.is_empty() {
            return;
        }
        let now = Instant::now();
        if self.pace.is_none() {
            self.first = block.start().0;
            self.pace = Some(Pace::new(self.rate.time_of(block.start()), now));
        }
        self.current = Some(Current {
            number,
            block,
            from: 0,
            to: 0,
            due: now,
        });
        self.line_up(now);
    }

    /// Finds the next piece: to the next border between packets.
    fn line_up(&mut self, now: Instant) {
        let (Some(current), Some(pace)) = (&mut self.current, &mut self.pace) else {
            return;
        };
        let size = packet_size(self.rate);
        let start = current.block.start().0 + current.from as u64;
        let into = start.saturating_sub(self.first) % size;
        let length = usize::try_from(size - into).unwrap_or(1);
        current.to = (current.from + length).min(current.block.len());
        let end = current.block.start().0 + current.to as u64;
        let (start, end) = (SampleIndex(start), SampleIndex(end));
        let (start, end) = (self.rate.time_of(start), self.rate.time_of(end));
        current.due = pace.due(start, end, self.backlog.waiting(), now);
    }

    /// Sends the piece that is due.
    async fn say(&mut self) -> Result<(), Loss> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let sent = self
            .media
            .say(&current.block, current.from, current.to)
            .await;
        self.backlog.said();
        current.from = current.to;
        if current.from >= current.block.len() {
            let end = current.block.start().0 + current.block.len() as u64;
            let is_whole = (end - self.first).is_multiple_of(packet_size(self.rate));
            let mut packets = self.media.sent();
            for count in &mut packets {
                // The rest of it comes with the next packet.
                *count += u32::from(!is_whole);
            }
            self.last = Some(current.number);
            self.unconfirmed.push_back(Unconfirmed {
                number: current.number,
                at: Instant::now(),
                packets,
            });
            self.current = None;
            self.confirm();
        } else {
            self.line_up(Instant::now());
        }
        match sent {
            Sent::Refused => self.refused(),
            Sent::Unknown => Ok(()),
        }
    }

    /// Something that was sent came back.
    fn refused(&mut self) -> Result<(), Loss> {
        let since = *self.refused_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= REFUSALS.end {
            self.refused_since = None;
        } else if since.elapsed() >= REFUSALS.start && self.doubt.is_none() {
            if self.was_deaf {
                // It has answered since, and yet its ports are closed.
                let now = self.begun.elapsed();
                self.src.hang_up(now, self.id);
                return Err(Loss::Deaf);
            }
            self.was_deaf = true;
            self.refused_since = None;
            self.doubt(Doubt::Refused);
        }
        Ok(())
    }

    /// Lets go of what has arrived.
    fn confirm(&mut self) {
        while let Some(first) = self.unconfirmed.front() {
            if self.doubt.is_some() {
                return;
            }
            let reported = self.media.has_arrived(&first.packets);
            let has_arrived = match reported.filter(|_| !self.ignores_reports) {
                Some(true) => true,
                Some(false) if first.at.elapsed() > REPORTS_WITHIN => {
                    self.doubt(Doubt::NoReports);
                    return;
                }
                Some(false) => false,
                None => first.at.elapsed() > self.arrives_within,
            };
            if !has_arrived {
                return;
            }
            self.backlog.acknowledge(first.number);
            self.unconfirmed.pop_front();
        }
    }

    /// Asks the recorder whether it still knows the session; until it answers nothing counts as arrived.
    fn doubt(&mut self, doubt: Doubt) {
        if self.state != State::Recording || self.doubt.is_some() {
            return;
        }
        tracing::debug!(
            host = self.recorder.host(),
            ?doubt,
            "asking the recorder whether it is there"
        );
        self.doubt = Some(doubt);
        self.backlog.trust(false);
        let document = self.document.expose().clone();
        // A session that is over is told so.
        let _ = self
            .src
            .update(self.begun.elapsed(), self.id, None, Some(document));
    }

    /// The recorder has answered.
    fn believe(&mut self) {
        if self.doubt.take() == Some(Doubt::NoReports) {
            self.ignores_reports = true;
        }
        if self.state == State::Recording {
            self.backlog.trust(true);
        }
    }

    /// Says farewell. `complete`: all was sent.
    async fn leave(&mut self, complete: bool) {
        if self.state == State::Recording {
            self.media
                .finish(self.begun.elapsed(), self.position())
                .await;
            sleep(LAST).await;
        }
        self.src.hang_up(self.begun.elapsed(), self.id);
        self.state = State::Leaving {
            by: Instant::now() + FAREWELL,
            complete,
        };
    }

    /// Which time of the call is said now.
    fn position(&self) -> MediaTime {
        let pace = self.pace.as_ref();
        pace.map_or(self.begins, |pace| pace.position(Instant::now()))
    }
}

/// Samples of a packet.
fn packet_size(rate: SampleRate) -> u64 {
    let length = MediaTime::from_micros(PACKET.as_micros() as u64);
    rate.samples_in(length).max(1)
}
