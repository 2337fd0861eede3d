//! Pressed keys of one leg: where they are hidden, and how the transcript shows them.
//!
//! Keys are told by their tones and by the platform's messages. Knows where keys sound and how many there
//! were, not which.

use crate::audio::{MediaTime, SampleIndex, SampleRate, Span};
use crate::call::Leg;
use crate::detect::{Finding, Kind};
use crate::policy::Policy;
use crate::speech::{KeyListener, KeyTone};
use crate::telemetry::MaskedWord;

/// What is hidden before and after a platform's message: some tell of a key when it goes down, some when
/// it comes up, and the message and the sound go different ways.
const AROUND_MESSAGE: MediaTime = MediaTime::from_millis(300);
/// Keys with less between them are one series.
const SERIES_GAP: MediaTime = MediaTime::from_millis(2_000);
/// Keys after which a series is told although it goes on.
const LONGEST_SERIES: usize = 64;

const TONE_RULE: &str = "key_tone";
const MESSAGE_RULE: &str = "key_event";

/// The keys of one leg.
pub(super) struct LegKeys {
    leg: Leg,
    rate: SampleRate,
    /// None where the policy leaves keys audible.
    listener: Option<KeyListener>,
    counted: bool,
    /// Keys whose sound may still be held.
    findings: Vec<Finding>,
    /// Keys that the transcript does not show yet.
    series: Vec<Series>,
    changed: bool,
}

/// Keys pressed one after the other. A key may be told by its tone, by a message or by both.
struct Series {
    span: Span,
    tones: usize,
    messages: usize,
}

impl Series {
    fn keys(&self) -> usize {
        self.tones.max(self.messages)
    }

    fn is_over(&self, released: MediaTime) -> bool {
        self.span.end + SERIES_GAP < released || self.keys() >= LONGEST_SERIES
    }
}

impl LegKeys {
    pub(super) fn new(leg: Leg, rate: SampleRate, policy: &Policy) -> Self {
        let hidden = policy.hides(&Kind::DTMF, leg, leg);
        Self {
            listener: hidden.then(|| KeyListener::new(rate)),
            counted: policy.rule(&Kind::DTMF).count_keys,
            ..Self::deaf(leg, rate)
        }
    }

    /// Leaves keys audible.
    pub(super) fn deaf(leg: Leg, rate: SampleRate) -> Self {
        Self {
            leg,
            rate,
            listener: None,
            counted: false,
            findings: Vec::new(),
            series: Vec::new(),
            changed: false,
        }
    }

    /// Listens to the leg's next samples.
    pub(super) fn listen(&mut self, samples: &[i16]) {
        self.hear(|listener, tones| listener.push(samples, tones));
    }

    /// The leg is over.
    pub(super) fn finish(&mut self) {
        self.hear(KeyListener::finish);
    }

    fn hear(&mut self, hear: impl FnOnce(&mut KeyListener, &mut Vec<KeyTone>)) {
        let mut tones = Vec::new();
        if let Some(listener) = &mut self.listener {
            hear(listener, &mut tones);
        }
        for tone in tones {
            self.sounds(&tone);
        }
    }

    fn sounds(&mut self, tone: &KeyTone) {
        let time = |index| self.rate.time_of(SampleIndex(index));
        let span = Span::new(time(tone.samples.start), time(tone.samples.end));
        let last = self.findings.iter_mut().rev();
        let known = last
            .filter(|_| !tone.begins)
            .find(|finding| finding.rule == TONE_RULE);
        match known {
            Some(finding) => {
                finding.span.end = finding.span.end.max(span.end);
                if let Some(series) = self.series.last_mut() {
                    series.span.end = series.span.end.max(span.end);
                }
                self.changed = true;
            }
            None => self.pressed(span, TONE_RULE),
        }
    }

    /// The platform says that a key was pressed about this time.
    pub(super) fn told(&mut self, at: MediaTime) {
        if self.listener.is_some() {
            let span = Span::new(at, at).padded(AROUND_MESSAGE, AROUND_MESSAGE);
            self.pressed(span, MESSAGE_RULE);
        }
    }

    fn pressed(&mut self, span: Span, rule: &'static str) {
        let is_tone = rule == TONE_RULE;
        self.changed = true;
        self.findings.push(Finding {
            leg: self.leg,
            span,
            kind: Kind::DTMF,
            rule,
            reason: if is_tone {
                "the tone of a pressed key".to_owned()
            } else {
                "the platform told of a pressed key".to_owned()
            },
            // A message says that there was a key for certain, but not quite where.
            confidence: if is_tone { 0.95 } else { 0.9 },
        });
        let (tones, messages) = (usize::from(is_tone), usize::from(!is_tone));
        match self.series.last_mut() {
            Some(last)
                if span.start <= last.span.end + SERIES_GAP && last.keys() < LONGEST_SERIES =>
            {
                last.span.start = last.span.start.min(span.start);
                last.span.end = last.span.end.max(span.end);
                last.tones += tones;
                last.messages += messages;
            }
            _ => self.series.push(Series {
                span,
                tones,
                messages,
            }),
        }
    }

    /// Where keys sound, as far as it may still be held.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter()
    }

    /// Whether there were keys since this was last asked.
    pub(super) fn take_change(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The start of a series that may go on.
    pub(super) fn open_since(&self, released: MediaTime) -> Option<MediaTime> {
        let open = self.series.iter().find(|series| !series.is_over(released));
        open.map(|series| series.span.start)
    }

    /// What the transcript shows for the series that begin before a time.
    pub(super) fn masks_before(&self, until: MediaTime) -> Vec<MaskedWord> {
        let series = self.series.iter();
        series
            .filter(|series| series.span.start < until)
            .map(|series| {
                let stars = if self.counted {
                    format!(" {}", "*".repeat(series.keys()))
                } else {
                    String::new()
                };
                MaskedWord {
                    span: series.span,
                    text: format!("[{}{stars}]", Kind::DTMF),
                    masked: true,
                }
            })
            .collect()
    }

    /// The series that begin before a time were told.
    pub(super) fn forget_series_before(&mut self, until: MediaTime) {
        self.series.retain(|series| series.span.start >= until);
    }

    /// Everything before this time has left, pads included.
    pub(super) fn forget_before(&mut self, released: MediaTime) {
        self.findings.retain(|key| key.span.end >= released);
    }
}
