//! The call's end of what others see of it: told after each step, and cheap where nothing changed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::call::{
    Answered, Asked, CallState, Command, LiveCall, Now, RecorderPlace, RecorderState,
};
use super::decided;
use super::happening::{Happening, Mark, Said, Told, What};
use super::{Live, tap};
use crate::audio::{MediaTime, SampleIndex};
use crate::session::{Attention, CleanAudio, Filled, Session};
use crate::store::alerts::Alert;
use crate::telemetry::{Deed, Event, Person};

/// What is so is looked at anew after so much audio; a change of plan is at once.
const LOOK: MediaTime = MediaTime::from_millis(100);
/// States of one call are told no faster, but for what somebody did.
const PACE: Duration = Duration::from_millis(250);
/// How far a call has come is told so often.
const BEAT: Duration = Duration::from_secs(1);
/// So long after audio that was not examined this is what is so of a call.
const LATELY: MediaTime = MediaTime::from_millis(10_000);
/// Marks of one call: its report and the audit log have each.
const MOST_MARKS: u32 = 500;
/// Why, where somebody paused it.
const MANUAL: &str = "manual";

/// What a call's task tells others through.
#[derive(Debug)]
pub(in crate::gateway) struct Publisher {
    live: Arc<Live>,
    call: Arc<LiveCall>,
    commands: mpsc::Receiver<Command>,
    plan: u64,
    looked: Option<MediaTime>,
    decided: u32,
    marks: u32,
    paused_by: Option<String>,
    filled: Filled,
    late_at: Option<MediaTime>,
    failed_at: Option<MediaTime>,
    recorder: RecorderState,
    told: Instant,
    beat: Instant,
    /// What was told last.
    state: (CallState, Option<String>, Option<String>, RecorderState),
    is_over: bool,
}

impl Publisher {
    pub(super) fn new(
        live: Arc<Live>,
        call: Arc<LiveCall>,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        let now = Instant::now();
        Self {
            live,
            call,
            commands,
            plan: 0,
            looked: None,
            decided: 0,
            marks: 0,
            paused_by: None,
            filled: Filled::default(),
            late_at: None,
            failed_at: None,
            recorder: RecorderState::Ok,
            told: now,
            beat: now,
            state: Default::default(),
            is_over: false,
        }
    }

    #[cfg(test)]
    pub(super) fn call(&self) -> &Arc<LiveCall> {
        &self.call
    }

    /// What somebody asks the call for; for ever pending when nobody can any more.
    pub(in crate::gateway) async fn asked(&mut self) -> Command {
        match self.commands.recv().await {
            Some(command) => command,
            None => std::future::pending().await,
        }
    }

    /// Has the session do what was asked for. Returns what happened, for the record, if anything changed. The answer
    /// goes out by [`Publisher::answer`], when everybody can see what is so.
    pub(in crate::gateway) fn perform(
        &mut self,
        session: &mut Session,
        by: Person,
        asked: Asked,
    ) -> (Answered, Option<Event>) {
        let at = session.head();
        let done = |deed| {
            Some(Event::DoneByHand {
                by: by.clone(),
                at,
                deed,
            })
        };
        match asked {
            Asked::Pause { reason } => {
                if session.paused_since().is_some() {
                    return (Answered::Done, None);
                }
                let from = session.handle_pause();
                self.paused_by = Some(by.name.clone());
                (Answered::Done, done(Deed::Paused { from, reason }))
            }
            Asked::Resume => {
                let was_paused = session.handle_resume();
                self.paused_by = None;
                (
                    Answered::Done,
                    was_paused.then(|| done(Deed::Resumed)).flatten(),
                )
            }
            Asked::Blank(length) => {
                let blanked = session.handle_blank(length);
                let (span, too_late) = (blanked.span, blanked.too_late);
                let deed = Deed::Blanked {
                    from: span.start,
                    too_late,
                };
                (Answered::Blanked { span, too_late }, done(deed))
            }
            Asked::Mark(_) if self.marks >= MOST_MARKS => (Answered::TooMany, None),
            Asked::Mark(note) => {
                self.marks += 1;
                let mark = Mark {
                    id: format!("m{}", self.marks),
                    at,
                    by: by.name.clone(),
                    note: note.clone(),
                };
                let deed = Deed::Marked {
                    id: mark.id.clone(),
                    note,
                };
                (Answered::Marked(mark), done(deed))
            }
        }
    }

    /// Answers, after everybody can see what is so.
    pub(in crate::gateway) fn answer(
        &mut self,
        session: &Session,
        reply: oneshot::Sender<(Answered, Now)>,
        answered: Answered,
    ) {
        self.look(session, true);
        // Who asked may have gone.
        let _ = reply.send((answered, self.call.now()));
    }

    /// Takes audio that is released.
    pub(in crate::gateway) fn audio(&mut self, audio: &CleanAudio) {
        if let Some(levels) = self.call.with(|state| state.peaks.add(audio)) {
            let stream = &self.live.stream;
            stream.mention(self.call.facts(), || Happening::Levels(levels));
        }
        if let Some(tap) = self.call.listeners() {
            for block in tap::blocks(audio.clone()) {
                // The last listener may have gone just now.
                let _ = tap.send(Arc::new(block));
            }
        }
    }

    /// As the interface lists it.
    fn alert(&self, event: &Event) {
        let facts = self.call.facts();
        let raised = Alert::raised(event, &facts.name, &facts.particulars, Timestamp::now());
        let Some(alert) = raised else {
            return;
        };
        if let Ok(alert) = serde_json::to_value(alert) {
            self.live.publish_alert(&self.call, alert);
        }
    }

    /// Takes what happened in the call. What others have no word for is not told.
    pub(in crate::gateway) fn event(&mut self, event: &Event) {
        let happening = match event {
            Event::Hidden {
                leg,
                span,
                kind,
                reason,
                rule,
                confidence,
                paused,
            } => Happening::Filled(Told {
                leg: *leg,
                span: *span,
                what: What::Hidden {
                    kind: kind.clone(),
                    reason: reason.clone(),
                    rule: rule.clone(),
                    confidence: *confidence,
                    paused: *paused,
                },
            }),
            Event::Late { leg, span } => Happening::Filled(Told {
                leg: *leg,
                span: *span,
                what: What::Late,
            }),
            Event::Failed { leg, span, cause } => Happening::Filled(Told {
                leg: *leg,
                span: *span,
                what: What::Failed(*cause),
            }),
            Event::Transcribed {
                leg, span, words, ..
            } => Happening::Said(Arc::new(Said::new(*leg, *span, words))),
            Event::DoneByHand {
                by,
                at,
                deed: Deed::Marked { id, note },
            } => Happening::Marked(Mark {
                id: id.clone(),
                at: *at,
                by: by.name.clone(),
                note: note.clone(),
            }),
            Event::Alerted { .. } => return self.alert(event),
            Event::RecorderPaused { .. } => return self.recorder = RecorderState::Paused,
            Event::RecorderResumed { .. } => return self.recorder = RecorderState::Ok,
            Event::RecorderNotPaused { .. }
            | Event::RecorderNotResumed { .. }
            | Event::NotForwarded { .. } => return self.recorder = RecorderState::Failed,
            _ => return,
        };
        self.call.with(|state| match &happening {
            Happening::Filled(told) => state.told(told),
            Happening::Said(said) => state.said(Arc::clone(said)),
            Happening::Marked(mark) => state.marked(mark.clone()),
            _ => {}
        });
        self.live
            .stream
            .publish(Arc::clone(self.call.facts()), happening);
    }

    /// Nothing more is recorded of the call.
    pub(in crate::gateway) fn recording_failed(&mut self) {
        self.recorder = RecorderState::Failed;
    }

    /// Looks at the session after a step.
    pub(in crate::gateway) fn step(&mut self, session: &Session) {
        let is_due = self
            .looked
            .is_none_or(|looked| session.head() >= looked + LOOK);
        if is_due || session.plan_number() != self.plan {
            self.look(session, false);
        }
    }

    fn look(&mut self, session: &Session, at_once: bool) {
        let (head, released) = (session.head(), session.released());
        self.looked = Some(head);
        if session.plan_number() != self.plan {
            self.plan = session.plan_number();
            let next = &mut self.decided;
            let changes = self
                .call
                .with(|state| decided::follow(&mut state.hiding, session.hiding(), released, next));
            for change in changes {
                let facts = Arc::clone(self.call.facts());
                self.live.stream.publish(facts, Happening::Hiding(change));
            }
        }
        let filled = session.filled();
        if filled.late > self.filled.late {
            self.late_at = Some(released);
        }
        if filled.failed > self.filled.failed {
            self.failed_at = Some(released);
        }
        self.filled = filled;
        let (state, why, since) = self.what_is_so(session, released);
        let rate = self.call.facts().rate;
        let seconds = |samples| rate.time_of(SampleIndex(samples)).seconds();
        let paused_by = self.paused_by.clone();
        let recorder = self.recorder;
        let now = self.call.with(|kept| {
            kept.hiding.retain(|decided| decided.span.end > released);
            let now = &mut kept.now;
            *now = Now {
                head,
                released,
                state,
                why,
                by: paused_by,
                since,
                hidden_s: seconds(filled.hidden),
                late_s: seconds(filled.late),
                failed_s: seconds(filled.failed),
                recorder,
                ..*now
            };
            now.clone()
        });
        let clock = Instant::now();
        let told = (now.state, now.why.clone(), now.by.clone(), now.recorder);
        let changed = told != self.state;
        if changed && (at_once || clock.duration_since(self.told) >= PACE) {
            self.state = told;
            (self.told, self.beat) = (clock, clock);
            let facts = Arc::clone(self.call.facts());
            self.live.stream.publish(facts, Happening::State(now));
        } else if clock.duration_since(self.beat) >= BEAT {
            self.beat = clock;
            let stream = &self.live.stream;
            stream.mention(self.call.facts(), || Happening::State(now));
        }
    }

    /// What is going on, why, and since when.
    fn what_is_so(
        &self,
        session: &Session,
        released: MediaTime,
    ) -> (CallState, Option<String>, Option<MediaTime>) {
        if let Some(since) = session.paused_since() {
            return (CallState::Paused, Some(MANUAL.into()), Some(since));
        }
        let kind = |redaction: &crate::policy::Redaction| Some(redaction.kind.name().to_owned());
        match session.attention() {
            Attention::Hides(what) => {
                return (CallState::Hidden, kind(what), Some(what.span.start));
            }
            Attention::Armed(what) => return (CallState::Armed, kind(what), None),
            Attention::Nothing => {}
        }
        let is_lately = |at: Option<MediaTime>| at.is_some_and(|at| released <= at + LATELY);
        let state = if is_lately(self.failed_at) {
            CallState::Failed
        } else if is_lately(self.late_at) {
            CallState::Late
        } else {
            CallState::Recording
        };
        (state, None, None)
    }

    /// The call is over, perhaps for a reason: all of its audio has left.
    pub(in crate::gateway) fn end(&mut self, reason: Option<String>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        self.commands.close();
        self.call.end();
        self.live.forget(&self.call);
        let facts = Arc::clone(self.call.facts());
        self.live.stream.publish(facts, Happening::Ended { reason });
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.end(Some("the call's task failed".into()));
    }
}

impl RecorderPlace {
    /// Of a call that goes on to a recorder behind, or whose recorder elsewhere is paused.
    pub(in crate::gateway) fn of(is_forwarded: bool, is_controlled: bool) -> Self {
        match (is_controlled, is_forwarded) {
            (true, _) => RecorderPlace::Elsewhere,
            (false, true) => RecorderPlace::Forwarded,
            (false, false) => RecorderPlace::Here,
        }
    }
}
