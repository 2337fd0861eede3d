//! One call, from raw samples to clean audio, without a socket, clock, thread or file.
//!
//! A [`Session`] is driven: give it audio, transcripts and the end of the call, and take its outputs
//! with [`Session::poll_output`] until there are none after every input. Time is the call's own media
//! time: a sample is due when audio `hold` later than it has arrived.
//!
//! **Architecture invariants** (DESIGN 1 to 4): a sample leaves unhidden only if it and the margin after
//! it were examined; legs keep their length and alignment in blank mode; what is held is wiped when
//! dropped; every hidden, late or failed stretch is told in an event.

mod clearance;
mod conversation;
mod fill;
mod hold;
mod keys;
mod leg;
mod redactor;
mod supervision;
mod timeline;
mod transcript;
mod watching;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::alert::Watch;
use crate::audio::{MediaTime, SampleIndex, SampleRate, Span};
use crate::call::{Leg, Sensitive};
use crate::detect::{Finding, HeardUntil, Hearing, Kind};
use crate::engine::Outcome;
use crate::policy::{Policy, Redaction};
use crate::speech::{Heard, Window, WindowId};
use crate::telemetry::{Event, FailureCause};

pub(crate) use conversation::Conversation;
pub(crate) use conversation::digits_in;
use fill::Filler;
use leg::LegState;
pub use redactor::CleanAudio;
use redactor::Verdict;
pub use supervision::{Attention, Blanked, Filled};
use supervision::{ByHand, is_by_hand};

/// Samples as they came from the telephone system, placed on the timeline of one leg.
#[derive(Debug, Clone)]
pub struct RawFrame {
    /// Whose audio.
    pub leg: Leg,
    /// Index of the first sample on the leg's timeline.
    pub at: SampleIndex,
    /// Linear 16-bit samples.
    pub samples: Sensitive<Vec<i16>>,
}

/// What one session is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The legs, in channel order.
    pub legs: &'static [Leg],
    /// The rate of every leg.
    pub rate: SampleRate,
    /// Delay between hearing a sample and releasing it.
    pub hold: MediaTime,
    /// What to hide.
    pub policy: Arc<Policy>,
    /// Whether the call is listened to.
    pub examination: Examination,
}

/// What of a call is examined before it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Examination {
    /// All of it.
    Everything,
    /// Nothing at all: every sample leaves unhidden after the hold, whatever was said. Measures what it costs to
    /// carry a call; a recording made so has everything in it.
    ///
    /// **Architecture invariant:** no configuration, flag or message comes to this. Only a program written against
    /// the library can say it, and `tests/tidy.rs` finds it wherever in the sources it is said.
    NothingAtAll,
}

/// What the driver must do next.
#[derive(Debug)]
pub enum Output {
    /// Hand this to the recorder.
    Release(CleanAudio),
    /// Have this transcribed, nearest deadline first, and answer with [`Session::handle_transcript`].
    Transcribe(Window),
    /// Tell this.
    Event(Event),
    /// Everything has left; the session takes no more input.
    Ended,
}

/// How much after a sample must have been examined before it may leave: more than a pad and the error of
/// a word's start, so that what begins right after it can still be hidden whole.
const MARGIN: MediaTime = MediaTime::from_millis(300);
/// The longest gap that is filled; a longer one ends the call.
const LONGEST_GAP: MediaTime = MediaTime::from_millis(600_000);
/// How long packets out of order are waited for.
const PATIENCE: MediaTime = MediaTime::from_millis(60);
/// How far a leg may stay behind the other before its lack of packets counts as a gap.
const LEG_LAG: MediaTime = MediaTime::from_millis(500);
/// Audio is taken in steps of at most this, so that what is held stays within the hold.
const STEP: MediaTime = MediaTime::from_millis(100);
/// How far hearing should be ahead of what leaves, at most: a number that leaves was heard to its end then, and what was
/// misheard was heard again with what follows.
const AHEAD: MediaTime = MediaTime::from_millis(1_200);
/// The same as a part of the hold, where that is short.
const AHEAD_OF_HOLD: u64 = 5;
/// After a call ended nothing is due by age: so much is waited for. Twice [`AHEAD`].
const AHEAD_AT_END: MediaTime = MediaTime::from_millis(2_400);
/// How long after something to hide more of it may be said, or it be read back.
const READ_BACK: MediaTime = MediaTime::from_millis(30_000);
/// How long after speech that nobody examined its answer may come.
const ANSWERED: MediaTime = MediaTime::from_millis(12_000);
/// How far hearing may advance before the conversation is judged anew.
const JUDGE_EVERY: MediaTime = MediaTime::from_millis(200);

/// How long after a number more of it may come, so that what is said is examined at once and not together with
/// what comes later.
const NUMBERS_MAY_GO_ON: MediaTime = MediaTime::from_millis(6_000);
/// How long after a hidden stretch the next group of the same number may come.
const MAY_GO_ON: MediaTime = MediaTime::from_millis(3_000);

/// One call. See the module's documentation.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    legs: Vec<LegState>,
    /// The first sample that has not left.
    cursor: u64,
    /// The end of the call, once known.
    end: Option<u64>,
    ended: bool,
    waiting: BTreeMap<WindowId, Waiting>,
    next_window: u64,
    conversation: Conversation,
    /// What was found in the conversation, and up to where it was heard then.
    findings: Vec<Finding>,
    judged_at: HeardUntil,
    /// What had left then.
    judged_from: MediaTime,
    stale: bool,
    /// Whether audio left lately before it was examined.
    is_late: bool,
    /// What is to be hidden as far as is known; first what people hid.
    plan: Vec<Redaction>,
    plan_number: u64,
    by_hand: ByHand,
    filled: Filled,
    filler: Filler,
    /// Who is shown what was heard, and raises alerts.
    watch: Option<Watch>,
    outputs: VecDeque<Output>,
}

/// A window that was not answered yet.
#[derive(Debug)]
struct Waiting {
    leg: usize,
    listened: Span,
    decides: Span,
}

impl Session {
    /// Starts a call at media time zero.
    pub fn new(settings: Settings) -> Self {
        let rate = settings.rate;
        let capacity = rate.samples_in(settings.hold + LEG_LAG + STEP + STEP) as usize;
        let patience = rate.samples_in(PATIENCE);
        let new_leg = |&leg| LegState::new(leg, &settings, MARGIN, capacity, patience);
        Self {
            legs: settings.legs.iter().map(new_leg).collect(),
            cursor: 0,
            end: None,
            ended: false,
            waiting: BTreeMap::new(),
            next_window: 0,
            conversation: Conversation::default(),
            findings: Vec::new(),
            judged_at: HeardUntil::from(MediaTime::ZERO),
            judged_from: MediaTime::ZERO,
            stale: false,
            is_late: false,
            plan: Vec::new(),
            plan_number: 0,
            by_hand: ByHand::default(),
            filled: Filled::default(),
            filler: Filler::new(rate, settings.policy.default_fill()),
            watch: None,
            outputs: VecDeque::new(),
            settings,
        }
    }

    /// Takes audio. Frames may come late, twice or out of order; a leg this session does not have is
    /// ignored. A gap of more than ten minutes ends the call.
    pub fn handle_audio(&mut self, frame: RawFrame) {
        let Some(leg) = self.legs.iter().position(|state| state.leg == frame.leg) else {
            return;
        };
        if self.end.is_some() {
            return;
        }
        if frame.at.0 > self.head_index() + self.settings.rate.samples_in(LONGEST_GAP) {
            return self.handle_end();
        }
        let samples = frame.samples.expose();
        let head = self.legs[leg].timeline.held.head();
        let known = head.saturating_sub(frame.at.0).min(samples.len() as u64) as usize;
        if known > 0 {
            self.legs[leg].timeline.mend(frame.at.0, &samples[..known]);
        }
        let step = self.settings.rate.samples_in(STEP);
        while known < samples.len() && self.legs[leg].timeline.held.head() < frame.at.0 {
            let to = (self.legs[leg].timeline.held.head() + step).min(frame.at.0);
            self.legs[leg].timeline.pad_to(to);
            self.advance();
        }
        for piece in samples[known..].chunks(step as usize) {
            self.legs[leg].timeline.append(piece);
            self.advance();
        }
    }

    /// Takes what came of a window. Answers to unknown windows are ignored.
    pub fn handle_transcript(&mut self, window: WindowId, outcome: Outcome) {
        let Some(waiting) = self.waiting.remove(&window) else {
            return;
        };
        let state = &mut self.legs[waiting.leg];
        let leg = state.leg;
        match outcome {
            Ok(transcript) => {
                if transcript.unreliable {
                    let cause = FailureCause::Unintelligible;
                    state.clearance.failed(waiting.decides, cause);
                    self.conversation.miss(leg, waiting.decides);
                } else {
                    state.clearance.examined(waiting.decides);
                }
                self.conversation
                    .add(leg, waiting.listened, waiting.decides, transcript);
                let lately = waiting.listened.end - NUMBERS_MAY_GO_ON;
                state.hurry(self.conversation.has_numbers_after(leg, lately));
            }
            Err(cause) => {
                state.clearance.failed(waiting.decides, cause);
                self.conversation.miss(leg, waiting.decides);
            }
        }
        self.stale = true;
        self.release();
    }

    /// Takes the platform's word that a key was pressed at a media time; without one, where the leg's audio
    /// has arrived. Which key it was is not asked. For a leg this session does not have, every leg is
    /// taken, as the sound may be on any.
    pub fn handle_key(&mut self, leg: Leg, at: Option<MediaTime>) {
        if self.end.is_some() {
            return;
        }
        let is_known = self.legs.iter().any(|state| state.leg == leg);
        for state in &mut self.legs {
            if state.leg == leg || !is_known {
                let head = SampleIndex(state.timeline.held.head());
                let at = at.unwrap_or(self.settings.rate.time_of(head));
                state.keys.told(at);
            }
        }
        self.note_keys();
    }

    /// Nothing has arrived for a while: what was heard so far is sent to the recogniser, so that it is
    /// examined when the stream goes on.
    pub fn handle_stall(&mut self) {
        self.listen(LegState::stall);
    }

    /// The call is over: what is held leaves as its windows are answered.
    pub fn handle_end(&mut self) {
        if self.end.is_some() {
            return;
        }
        let end = self.head_index();
        let step = self.settings.rate.samples_in(STEP);
        while self
            .legs
            .iter()
            .any(|state| state.timeline.held.head() < end)
        {
            for state in &mut self.legs {
                let to = (state.timeline.held.head() + step).min(end);
                state.timeline.pad_to(to);
            }
            self.advance();
        }
        self.end = Some(end);
        self.listen(|state, heard| state.hear(true, heard));
        self.release();
    }

    /// No more answers will be waited for: what is held and not examined leaves as fill.
    pub fn handle_drain_deadline(&mut self) {
        self.handle_end();
        for waiting in std::mem::take(&mut self.waiting).into_values() {
            let clearance = &mut self.legs[waiting.leg].clearance;
            clearance.failed(waiting.decides, FailureCause::DrainDeadline);
        }
        self.release();
    }

    /// Up to where audio has arrived.
    pub fn head(&self) -> MediaTime {
        self.settings.rate.time_of(SampleIndex(self.head_index()))
    }

    /// Up to where audio has left.
    pub fn released(&self) -> MediaTime {
        self.settings.rate.time_of(SampleIndex(self.cursor))
    }

    /// What is to be kept out of a recording that is made elsewhere, now: a pause by hand, or what is suspected.
    /// `None` once there is neither. Ask again after every input.
    pub fn wants_protection(&self) -> Option<&Redaction> {
        let is_open = |hidden: &&Redaction| is_by_hand(hidden) && hidden.span.end == MediaTime::MAX;
        self.plan.iter().find(is_open).or_else(|| self.suspects())
    }

    /// The first stretch to hide that has not ended as far as was heard, which is always a little in the past, or has
    /// ended so shortly before that it may go on; not what people hid.
    pub fn suspects(&self) -> Option<&Redaction> {
        let heard = self.judged_at.everywhere();
        let may_go_on = |hidden: &&Redaction| hidden.span.end + MAY_GO_ON >= heard;
        self.plan
            .iter()
            .find(|hidden| !is_by_hand(hidden) && may_go_on(hidden))
    }

    /// How many windows have not been answered.
    pub fn windows_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The next thing to do, or `None` until the next input.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if let Some(Output::Event(event)) = &output {
            self.handle_event(event);
        }
        output
    }

    fn head_index(&self) -> u64 {
        self.legs
            .iter()
            .map(|state| state.timeline.held.head())
            .max()
            .unwrap_or(0)
    }

    /// After the head moved: hears what is new and releases what is due.
    fn advance(&mut self) {
        let lag = self.settings.rate.samples_in(LEG_LAG);
        let behind = self.head_index().saturating_sub(lag);
        for state in &mut self.legs {
            if state.timeline.held.head() < behind {
                state.timeline.pad_to(behind);
            }
        }
        self.listen(|state, heard| state.hear(false, heard));
        self.release();
    }

    fn listen(&mut self, mut hear: impl FnMut(&mut LegState, &mut Vec<Heard>)) {
        for index in 0..self.legs.len() {
            let mut heard = Vec::new();
            hear(&mut self.legs[index], &mut heard);
            for part in heard {
                match part {
                    Heard::Silence(span) => self.legs[index].clearance.examined(span),
                    Heard::Utterance {
                        decides,
                        listened,
                        samples,
                    } => self.ask(index, decides, listened, samples),
                }
            }
        }
        self.note_keys();
    }

    /// Takes keys that were heard or told of into the plan.
    fn note_keys(&mut self) {
        let change = |changed, state: &mut LegState| state.keys.take_change() | changed;
        if self.legs.iter_mut().fold(false, change) {
            self.make_plan();
        }
    }

    fn make_plan(&mut self) {
        let keys = self.legs.iter().flat_map(|state| state.keys.findings());
        let findings: Vec<Finding> = self.findings.iter().chain(keys).cloned().collect();
        let (policy, legs) = (&self.settings.policy, self.settings.legs);
        // First, so that within them what is known to be sensitive is told as what it is.
        let mut plan = self.by_hand.redactions(legs, policy.rule(&Kind::MANUAL));
        plan.extend(policy.plan(&findings, legs));
        if plan != self.plan {
            self.plan_number += 1;
            self.plan = plan;
        }
    }

    fn ask(&mut self, leg: usize, decides: Span, listened: Span, samples: Sensitive<Vec<f32>>) {
        let id = WindowId(self.next_window);
        self.next_window += 1;
        let name = self.legs[leg].leg;
        self.waiting.insert(
            id,
            Waiting {
                leg,
                listened,
                decides,
            },
        );
        self.outputs.push_back(Output::Transcribe(Window {
            id,
            leg: name,
            span: listened,
            samples,
            deadline: decides.start - MARGIN + self.settings.hold,
        }));
    }

    /// Judges the conversation anew when something was heard since.
    fn judge(&mut self) {
        let cursor = self.released();
        let end = self.end.map(|end| self.time_of(end));
        let heard = self.legs.iter().map(|state| {
            let decided = state.clearance.decided_to(cursor);
            // At the end of the call nobody will say more: what was open is closed.
            let over = end.is_some_and(|end| decided + MediaTime::from_millis(1) >= end);
            (
                state.leg,
                if over { decided + LONGEST_GAP } else { decided },
            )
        });
        let heard = HeardUntil::of(heard.collect::<Vec<_>>());
        let is_news = self
            .legs
            .iter()
            .any(|state| heard.on(state.leg) >= self.judged_at.on(state.leg) + JUDGE_EVERY);
        // Where hearing is hardly ahead of what leaves, every bit that leaves is judged by what is known then.
        let is_behind = heard.everywhere() < cursor + self.ahead() + JUDGE_EVERY
            && cursor >= self.judged_from + JUDGE_EVERY;
        if !self.stale && !is_news && !is_behind {
            return;
        }
        self.stale = false;
        self.judged_at = heard;
        self.judged_from = cursor;
        self.conversation.forget_before(cursor);
        let words = self.conversation.words();
        let hearing = Hearing {
            until: heard,
            unheard: self.unheard().collect(),
            leaves_to: Some(cursor + self.ahead()),
        };
        self.findings = crate::detect::find(words, hearing, &self.settings.policy);
        self.make_plan();
        self.show_watch();
    }

    /// Recognition that fell behind has to be well ahead again before it counts as having caught up.
    fn note_lateness(&mut self, verdicts: &[Vec<(Span, Verdict)>]) {
        let cursor = self.released();
        let ahead = self.ahead();
        let caught_up = cursor + ahead + ahead;
        let mut verdicts = verdicts.iter().flatten();
        self.is_late = verdicts.any(|(_, verdict)| *verdict == Verdict::Late)
            || (self.is_late
                && self
                    .legs
                    .iter()
                    .any(|state| state.clearance.decided_to(cursor) < caught_up));
    }

    /// Speech that nobody could examine, or not yet though it is due.
    fn unheard(&self) -> impl Iterator<Item = (Leg, Span)> {
        let due = self.released() + MARGIN;
        self.waiting
            .values()
            .filter(move |waiting| waiting.decides.start <= due)
            .map(|waiting| (self.legs[waiting.leg].leg, waiting.decides))
            .chain(self.conversation.unheard().iter().copied())
    }

    fn ahead(&self) -> MediaTime {
        let part = MediaTime::from_micros(self.settings.hold.micros() / AHEAD_OF_HOLD);
        part.min(AHEAD)
    }

    /// How much after a sample must have been examined before it leaves. More where something sensitive was, or may
    /// have been, spoken of: one hearing may miss digits, and when recognition falls behind there is no second in time.
    fn margin(&self) -> MediaTime {
        let cursor = self.released();
        let said = self.plan.iter().any(|redaction| {
            !is_by_hand(redaction)
                && redaction.span.start <= cursor + self.settings.hold
                && redaction.span.end + READ_BACK >= cursor
        });
        if !said
            && !self
                .unheard()
                .any(|(_, span)| span.end + ANSWERED >= cursor)
        {
            return MARGIN;
        }
        let ahead = self.ahead();
        MARGIN.max(if self.is_late { ahead + ahead } else { ahead })
    }

    fn time_of(&self, index: u64) -> MediaTime {
        self.settings.rate.time_of(SampleIndex(index))
    }

    /// The sample before which everything is due.
    fn due(&self) -> u64 {
        let rate = self.settings.rate;
        let Some(end) = self.end else {
            return self
                .head_index()
                .saturating_sub(rate.samples_in(self.settings.hold));
        };
        // After the end nothing is due by age: audio leaves as it is decided, and what follows was heard.
        let (cursor, end_time) = (self.released(), self.time_of(end));
        let limit = |state: &LegState| {
            let decided = state.clearance.decided_to(cursor);
            if decided + MediaTime::from_millis(1) >= end_time {
                end
            } else {
                rate.index_at(decided - AHEAD_AT_END).0
            }
        };
        self.legs.iter().map(limit).min().unwrap_or(end).min(end)
    }

    fn release(&mut self) {
        self.judge();
        let due = self.due();
        if due > self.cursor {
            let released = redactor::release(
                self.settings.rate,
                &self
                    .legs
                    .iter()
                    .map(|state| state.view(&self.plan))
                    .collect::<Vec<_>>(),
                (self.cursor, due),
                self.margin(),
                self.end.map(|end| self.time_of(end)),
                &self.filler,
            );
            self.outputs
                .extend(released.audio.into_iter().map(Output::Release));
            self.cursor = due;
            self.note_lateness(&released.verdicts);
            self.filled.add(self.settings.rate, &released.verdicts);
            let cursor = self.released();
            for (state, verdicts) in self.legs.iter_mut().zip(&released.verdicts) {
                state.timeline.held.release_to(due);
                state.account(verdicts, &self.plan, &mut self.outputs);
                state.clearance.forget_before(cursor - MARGIN);
                state.keys.forget_before(cursor - MARGIN);
                state.tell(&self.conversation, cursor, false, &mut self.outputs);
            }
            self.by_hand.forget_before(cursor);
        }
        if self.end == Some(self.cursor) && !self.ended {
            self.ended = true;
            for state in &mut self.legs {
                state.close(&self.conversation, &mut self.outputs);
            }
            self.conversation = Conversation::default();
            self.outputs.push_back(Output::Ended);
        }
    }
}

#[cfg(test)]
mod tests;
