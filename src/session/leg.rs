//! What a session keeps of one leg, and how it tells what became of its samples.

use std::collections::VecDeque;

use super::clearance::Clearance;
use super::conversation::{Conversation, KEPT};
use super::keys::LegKeys;
use super::redactor::{LegView, Verdict};
use super::timeline::Timeline;
use super::transcript::{Covered, utterances};
use super::{Examination, Output, Settings};
use crate::audio::{MediaTime, SampleIndex, SampleRate, Span};
use crate::call::Leg;
use crate::policy::{Mode, Redaction};
use crate::speech::{Heard, LegListener};
use crate::telemetry::{Event, FailureCause};

/// Words are told this long after their audio has left, when what is hidden after them is known too.
const TOLD_AFTER: MediaTime = MediaTime::from_millis(1_600);

/// One leg of a session.
pub(super) struct LegState {
    pub(super) leg: Leg,
    rate: SampleRate,
    pub(super) timeline: Timeline,
    ear: Ear,
    pub(super) keys: LegKeys,
    pub(super) clearance: Clearance,
    /// The stretch of samples that did not get through and has not ended.
    open: Option<OpenRun>,
    /// Where samples did not get through, to mask the transcript.
    covered: Vec<Covered>,
    /// Words before this were told.
    told: MediaTime,
}

/// What is made of the samples that have arrived.
enum Ear {
    Listens(Box<LegListener>),
    /// Takes all for silence, up to the sample of this index.
    Deaf(u64),
}

impl Ear {
    fn hear(&mut self, rate: SampleRate, samples: &[i16], heard: &mut Vec<Heard>) {
        match self {
            Ear::Listens(listener) => listener.push(samples, heard),
            Ear::Deaf(taken) => {
                let from = rate.time_of(SampleIndex(*taken));
                *taken += samples.len() as u64;
                let span = Span::new(from, rate.time_of(SampleIndex(*taken)));
                heard.push(Heard::Silence(span));
            }
        }
    }

    fn flush(&mut self, heard: &mut Vec<Heard>) {
        match self {
            Ear::Listens(listener) => listener.flush(heard),
            Ear::Deaf(_) => {}
        }
    }

    fn hurry(&mut self, hurries: bool) {
        match self {
            Ear::Listens(listener) => listener.hurry(hurries),
            Ear::Deaf(_) => {}
        }
    }
}

/// Samples of one fate, still growing.
#[derive(Debug, Clone)]
struct OpenRun {
    span: Span,
    fate: Fate,
}

#[derive(Debug, Clone)]
enum Fate {
    Late,
    Failed(FailureCause),
    Hidden(Redaction),
}

impl Fate {
    fn continues(&self, other: &Fate) -> bool {
        match (self, other) {
            (Fate::Late, Fate::Late) => true,
            (Fate::Failed(one), Fate::Failed(two)) => one == two,
            (Fate::Hidden(one), Fate::Hidden(two)) => one.kind == two.kind && one.mode == two.mode,
            (Fate::Late | Fate::Failed(_) | Fate::Hidden(_), _) => false,
        }
    }

    /// The longer a run lasts the more is known: the surest evidence is told.
    fn strengthen(&mut self, other: Fate) {
        if let (Fate::Hidden(known), Fate::Hidden(new)) = (self, other)
            && new.confidence >= known.confidence
        {
            *known = new;
        }
    }

    fn label(&self) -> &str {
        match self {
            Fate::Late => "late",
            Fate::Failed(_) => "failed",
            Fate::Hidden(redaction) => redaction.kind.name(),
        }
    }
}

impl LegState {
    pub(super) fn new(
        leg: Leg,
        settings: &Settings,
        margin: MediaTime,
        capacity: usize,
        patience: u64,
    ) -> Self {
        let rate = settings.rate;
        let (ear, keys) = match settings.examination {
            Examination::Everything => (
                Ear::Listens(Box::new(LegListener::new(rate, settings.hold, margin))),
                LegKeys::new(leg, rate, &settings.policy),
            ),
            Examination::NothingAtAll => (Ear::Deaf(0), LegKeys::deaf(leg, rate)),
        };
        Self {
            leg,
            rate,
            timeline: Timeline::new(capacity, patience),
            ear,
            keys,
            clearance: Clearance::default(),
            open: None,
            covered: Vec::new(),
            told: MediaTime::ZERO,
        }
    }

    /// Hears the samples that are settled; all of them when the leg is `over`.
    pub(super) fn hear(&mut self, over: bool, heard: &mut Vec<Heard>) {
        self.timeline.listen(over, |samples| {
            self.ear.hear(self.rate, samples, heard);
            self.keys.listen(samples);
        });
        if over {
            self.ear.flush(heard);
            self.keys.finish();
        }
    }

    /// Hears everything that has arrived, because nothing more does; the leg may go on. Packets that are
    /// still on their way come too late then.
    pub(super) fn stall(&mut self, heard: &mut Vec<Heard>) {
        self.timeline.listen(true, |samples| {
            self.ear.hear(self.rate, samples, heard);
            self.keys.listen(samples);
        });
        self.ear.flush(heard);
    }

    /// Whether what is said is to be examined as soon as there is a pause.
    pub(super) fn hurry(&mut self, hurries: bool) {
        self.ear.hurry(hurries);
    }

    pub(super) fn view<'a>(&'a self, plan: &'a [Redaction]) -> LegView<'a> {
        let concerns = |(_, redaction): &(usize, &Redaction)| redaction.leg == self.leg;
        LegView {
            held: &self.timeline.held,
            clearance: &self.clearance,
            redactions: plan.iter().enumerate().filter(concerns).collect(),
        }
    }

    /// Follows what became of samples that have just left.
    pub(super) fn account(
        &mut self,
        verdicts: &[(Span, Verdict)],
        plan: &[Redaction],
        outputs: &mut VecDeque<Output>,
    ) {
        for &(span, verdict) in verdicts {
            let fate = match verdict {
                Verdict::Clear => None,
                Verdict::Late => Some(Fate::Late),
                Verdict::Failed(cause) => Some(Fate::Failed(cause)),
                Verdict::Hidden(number) => plan.get(number).cloned().map(Fate::Hidden),
            };
            match (&mut self.open, fate) {
                (Some(open), Some(fate)) if open.fate.continues(&fate) => {
                    open.span.end = span.end;
                    open.fate.strengthen(fate);
                    if let Some(last) = self.covered.last_mut() {
                        last.span.end = span.end;
                    }
                }
                (_, fate) => {
                    self.end_run(outputs);
                    self.open = fate.map(|fate| {
                        let label = fate.label().to_owned();
                        // Where no word is ever heard none is told, after which they are forgotten else.
                        let oldest = span.start - KEPT;
                        self.covered.retain(|cover| cover.span.end >= oldest);
                        self.covered.push(Covered { span, label });
                        OpenRun { span, fate }
                    });
                }
            }
        }
        let dropped = self.timeline.take_dropped();
        if dropped > 0 {
            outputs.push_back(Output::Event(Event::PacketsDropped {
                leg: self.leg,
                samples: dropped,
            }));
        }
    }

    /// Tells the words whose audio left a while ago; all of them when the call is over.
    pub(super) fn tell(
        &mut self,
        conversation: &Conversation,
        released: MediaTime,
        over: bool,
        outputs: &mut VecDeque<Output>,
    ) {
        let until = if over {
            MediaTime::MAX
        } else {
            // A series of keys is told whole, in its place among the words.
            let open_keys = self.keys.open_since(released).unwrap_or(released);
            (released - TOLD_AFTER).min(open_keys).max(self.told)
        };
        let due = Span::new(self.told, until);
        let last_word = conversation.spoken_in(self.leg, due).last();
        let keys = self.keys.masks_before(until);
        let ends = keys.iter().map(|keys| keys.span.end);
        let Some(last_end) = ends.chain(last_word.map(|word| word.span.end)).max() else {
            return;
        };
        // An utterance is told whole, unless it goes on and on.
        let paused = last_end + TOLD_AFTER < until;
        let long = due.length() > MediaTime::from_millis(12_000);
        if !(paused || long) {
            return;
        }
        let words = conversation.spoken_in(self.leg, due);
        outputs.extend(
            utterances(self.leg, words, keys, &self.covered)
                .into_iter()
                .map(Output::Event),
        );
        self.told = until;
        self.keys.forget_series_before(until);
        self.covered
            .retain(|cover| cover.span.end + TOLD_AFTER + TOLD_AFTER >= until);
    }

    /// The call is over: tells what was still open.
    pub(super) fn close(&mut self, conversation: &Conversation, outputs: &mut VecDeque<Output>) {
        self.end_run(outputs);
        self.tell(conversation, MediaTime::MAX, true, outputs);
    }

    #[cfg(test)]
    pub(super) fn kept_for_transcript(&self) -> usize {
        self.covered.len()
    }

    fn end_run(&mut self, outputs: &mut VecDeque<Output>) {
        let Some(OpenRun { span, fate }) = self.open.take() else {
            return;
        };
        let leg = self.leg;
        outputs.push_back(Output::Event(match fate {
            Fate::Late => Event::Late { leg, span },
            Fate::Failed(cause) => Event::Failed { leg, span, cause },
            Fate::Hidden(redaction) => Event::Hidden {
                leg,
                span,
                kind: redaction.kind.name().to_owned(),
                reason: redaction.reason,
                rule: redaction.rule.to_owned(),
                confidence: redaction.confidence,
                paused: redaction.mode == Mode::Pause,
            },
        }));
    }
}

impl std::fmt::Debug for LegState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LegState")
            .field("leg", &self.leg)
            .finish_non_exhaustive()
    }
}
