//! One call under way, as others see it: what stays so of it, what is so now, what has happened lately.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::timeout;

use super::decided::Decided;
use super::happening::{Mark, Said, Told, What};
use super::lock;
use super::peaks::{Levels, Peaks};
use super::tap::Block;
use crate::access::Subject;
use crate::audio::{MediaTime, SampleRate, Span};
use crate::call::Leg;
use crate::call::note::Note;
use crate::call::particulars::{Label, Particulars};
use crate::telemetry::Person;

/// What is remembered of a call for who looks at it later: spans, utterances and marks of at most the last half hour.
const REMEMBERED: MediaTime = MediaTime::from_millis(30 * 60 * 1_000);
/// And never more of each than this.
const MOST: usize = 2_000;
/// Messages and alerts that are remembered.
const MOST_MESSAGES: usize = 20;
/// How long a call's task may take to answer: it does so between two packets.
const PATIENCE: Duration = Duration::from_secs(2);

/// What stays so of a call.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Its name here: its id, with a number where several of one id are under way.
    pub name: String,
    /// When it began.
    pub began: Timestamp,
    /// The door through which it came.
    pub door: String,
    /// Who takes part, and where.
    pub particulars: Particulars,
    /// Its legs in channel order.
    pub legs: &'static [Leg],
    /// The rate of each.
    pub rate: SampleRate,
    /// Delay between hearing and releasing.
    pub hold: MediaTime,
    /// Whether it is listened to.
    pub examined: bool,
    /// Where it is recorded.
    pub recorder: RecorderPlace,
}

impl Facts {
    /// Where the call is, for who may see it.
    pub fn subject(&self) -> Subject<'_> {
        let parts = &self.particulars;
        Subject::Call {
            site: parts.site.as_ref().map(Label::as_str),
            queue: parts.queue.as_ref().map(Label::as_str),
            agent: parts.agent.as_ref().map(Label::as_str),
        }
    }
}

/// Where a call is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecorderPlace {
    /// By this gateway alone.
    Here,
    /// Here and by one that the clean audio goes on to.
    Forwarded,
    /// Here and by one that the gateway pauses.
    Elsewhere,
}

/// How a call's recorder does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecorderState {
    /// As it should.
    #[default]
    Ok,
    /// Audio is lost to it, or it was not confirmed to be paused or to go on.
    Failed,
    /// It is paused.
    Paused,
}

/// What is going on in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Nothing in particular.
    #[default]
    Recording,
    /// Something sensitive was asked for, and not yet said.
    Armed,
    /// Something sensitive is being said, or is still held.
    Hidden,
    /// Somebody paused it.
    Paused,
    /// Lately audio left as fill because it was not examined in time.
    Late,
    /// Lately audio left as fill because it could not be examined.
    Failed,
    /// It is over.
    Ended,
}

/// What is so of a call at a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Now {
    /// Up to where audio has arrived.
    pub head: MediaTime,
    /// Up to where it has left.
    pub released: MediaTime,
    /// What is going on.
    pub state: CallState,
    /// The kind of data that this is about, or `manual`.
    pub why: Option<String>,
    /// Who paused it.
    pub by: Option<String>,
    /// From where on it is paused, or what is hidden now begins.
    pub since: Option<MediaTime>,
    /// Seconds of one leg that left hidden.
    pub hidden_s: f64,
    /// Seconds that left as fill because they were late.
    pub late_s: f64,
    /// Seconds that left as fill because they could not be examined.
    pub failed_s: f64,
    /// Stretches that were hidden.
    pub hidden: u32,
    /// Alerts that were raised.
    pub alerts: u32,
    /// Places that were marked.
    pub marks: u32,
    /// How its recorder does.
    pub recorder: RecorderState,
}

/// What has happened in a call lately.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// What left as fill, in order.
    pub spans: Vec<Told>,
    /// What will, as far as is decided.
    pub hiding: Vec<Decided>,
    /// What was said, masked.
    pub transcript: Vec<Arc<Said>>,
    /// Marked places.
    pub marks: Vec<Mark>,
    /// The last alerts.
    pub alerts: Vec<Value>,
    /// Peaks of what left.
    pub peaks: Levels,
}

/// A message to the agent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Message {
    /// Tells it from the call's others.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Who wrote it.
    pub by: String,
    /// What.
    pub text: Note,
}

/// What a call's task is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// To pause the recording.
    Pause {
        /// Why.
        reason: Option<Note>,
    },
    /// To resume it.
    Resume,
    /// To hide what was said last.
    Blank(MediaTime),
    /// To mark a place.
    Mark(Note),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Answered {
    /// It is as it was asked for.
    Done,
    /// Of what was said last, this is hidden; so much had left already.
    Blanked {
        /// What is hidden.
        span: Span,
        /// How much had left.
        too_late: MediaTime,
    },
    /// The mark.
    Marked(Mark),
    /// The call has as many marks as it may.
    TooMany,
}

/// Why a call's task did not do what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    /// The call is over.
    #[error("the call is over")]
    Ended,
    /// It has too much to do.
    #[error("the call's task does not answer")]
    Busy,
}

/// A question to a call's task.
#[derive(Debug)]
pub(in crate::gateway) struct Command {
    pub(in crate::gateway) by: Person,
    pub(in crate::gateway) asked: Asked,
    pub(in crate::gateway) reply: oneshot::Sender<(Answered, Now)>,
}

/// A call under way.
#[derive(Debug)]
pub struct LiveCall {
    facts: Arc<Facts>,
    state: Mutex<State>,
    commands: mpsc::Sender<Command>,
    tap: Mutex<Tap>,
}

/// Where listeners subscribe.
#[derive(Debug)]
enum Tap {
    /// Nobody has listened yet.
    Shut,
    /// Somebody has.
    Open(broadcast::Sender<Arc<Block>>),
    /// The call is over.
    Gone,
}

/// What is so, and was lately.
#[derive(Debug)]
pub(super) struct State {
    pub(super) now: Now,
    pub(super) hiding: Vec<Decided>,
    pub(super) peaks: Peaks,
    spans: VecDeque<Told>,
    transcript: VecDeque<Arc<Said>>,
    marks: VecDeque<Mark>,
    alerts: VecDeque<Value>,
    messages: VecDeque<Message>,
}

impl LiveCall {
    pub(super) fn new(facts: Facts, commands: mpsc::Sender<Command>) -> Self {
        let state = State {
            now: Now::default(),
            hiding: Vec::new(),
            peaks: Peaks::new(facts.legs.len(), facts.rate, REMEMBERED),
            spans: VecDeque::new(),
            transcript: VecDeque::new(),
            marks: VecDeque::new(),
            alerts: VecDeque::new(),
            messages: VecDeque::new(),
        };
        Self {
            facts: Arc::new(facts),
            state: Mutex::new(state),
            commands,
            tap: Mutex::new(Tap::Shut),
        }
    }

    /// What stays so of it.
    pub fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    /// What is so now.
    pub fn now(&self) -> Now {
        lock(&self.state).now.clone()
    }

    /// What has happened lately.
    pub fn past(&self) -> Past {
        let state = lock(&self.state);
        Past {
            spans: state.spans.iter().cloned().collect(),
            hiding: state.hiding.clone(),
            transcript: state.transcript.iter().cloned().collect(),
            marks: state.marks.iter().cloned().collect(),
            alerts: state.alerts.iter().cloned().collect(),
            peaks: state.peaks.all(),
        }
    }

    /// The last messages to its agent.
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.state).messages.iter().cloned().collect()
    }

    /// Its clean audio from now on; `None` when it is over.
    pub fn listen(&self) -> Option<broadcast::Receiver<Arc<Block>>> {
        let mut tap = lock(&self.tap);
        match &*tap {
            Tap::Gone => None,
            Tap::Open(blocks) => Some(blocks.subscribe()),
            Tap::Shut => {
                let (blocks, listener) = super::tap::tap();
                *tap = Tap::Open(blocks);
                Some(listener)
            }
        }
    }

    /// Has the call's task do something, and waits until it is done; with what is so then.
    pub async fn ask(&self, by: Person, asked: Asked) -> Result<(Answered, Now), NotAnswered> {
        let (reply, answer) = oneshot::channel();
        let command = Command { by, asked, reply };
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => NotAnswered::Busy,
                mpsc::error::TrySendError::Closed(_) => NotAnswered::Ended,
            })?;
        match timeout(PATIENCE, answer).await {
            Ok(Ok(answered)) => Ok(answered),
            Ok(Err(_)) => Err(NotAnswered::Ended),
            Err(_) => Err(NotAnswered::Busy),
        }
    }

    pub(super) fn raised(&self, alert: &Value) {
        let mut state = lock(&self.state);
        let is_known = |known: &&mut Value| known.get("id").is_some() && known["id"] == alert["id"];
        match state.alerts.iter_mut().find(is_known) {
            // It was answered.
            Some(known) => *known = alert.clone(),
            None => {
                state.now.alerts += 1;
                keep(&mut state.alerts, alert.clone(), MOST_MESSAGES);
            }
        }
    }

    pub(super) fn wrote(&self, message: Message) {
        keep(&mut lock(&self.state).messages, message, MOST_MESSAGES);
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut lock(&self.state))
    }

    /// Where audio goes if somebody listens.
    pub(super) fn listeners(&self) -> Option<broadcast::Sender<Arc<Block>>> {
        match &*lock(&self.tap) {
            Tap::Open(blocks) if blocks.receiver_count() > 0 => Some(blocks.clone()),
            _ => None,
        }
    }

    pub(super) fn end(&self) {
        *lock(&self.tap) = Tap::Gone;
        lock(&self.state).now.state = CallState::Ended;
    }
}

impl State {
    /// Takes what left as fill; what continues the last of its kind is joined to it.
    pub(super) fn told(&mut self, told: &Told) {
        let lately = self.spans.iter_mut().rev().take(8);
        let mut same = lately.filter(|last| last.leg == told.leg && last.what.is_same(&told.what));
        if let Some(last) = same.next()
            && told.span.start <= last.span.end + MediaTime::from_millis(1)
        {
            last.span.end = last.span.end.max(told.span.end);
            return;
        }
        if matches!(told.what, What::Hidden { .. }) {
            self.now.hidden += 1;
        }
        let oldest = told.span.end - REMEMBERED;
        keep(&mut self.spans, told.clone(), MOST);
        while self
            .spans
            .front()
            .is_some_and(|span| span.span.end < oldest)
        {
            self.spans.pop_front();
        }
    }

    pub(super) fn said(&mut self, said: Arc<Said>) {
        let oldest = said.span.end - REMEMBERED;
        keep(&mut self.transcript, said, MOST);
        while self
            .transcript
            .front()
            .is_some_and(|said| said.span.end < oldest)
        {
            self.transcript.pop_front();
        }
    }

    pub(super) fn marked(&mut self, mark: Mark) {
        self.now.marks += 1;
        keep(&mut self.marks, mark, MOST);
    }
}

/// Adds to what is kept; the oldest makes room.
fn keep<T>(kept: &mut VecDeque<T>, new: T, most: usize) {
    if kept.len() >= most {
        kept.pop_front();
    }
    kept.push_back(new);
}
