//! One leg's ear: samples in, silence and windows out.

use zeroize::{Zeroize, Zeroizing};

use super::activity::{ActivityDetector, FRAME};
use super::cutter::{CutterSettings, Decision, LEISURELY_HEARD, WindowCutter};
use super::resample::SpeechResampler;
use crate::audio::{MediaTime, SampleIndex, SampleRate, Span};
use crate::call::Sensitive;

/// What a leg's audio amounts to.
#[derive(Debug, Clone)]
pub(crate) enum Heard {
    /// Nothing audible.
    Silence(Span),
    /// Something that must be transcribed.
    Utterance {
        /// What the answer decides.
        decides: Span,
        /// What is sent to the recogniser; holds `decides`.
        listened: Span,
        /// The samples of `listened`.
        samples: Sensitive<Vec<f32>>,
    },
}

/// Listens to one leg from its first sample on.
pub(crate) struct LegListener {
    resampler: SpeechResampler,
    activity: ActivityDetector,
    cutter: WindowCutter,
    /// Samples at the speech rate from frame `oldest` on; never grows past its first capacity.
    speech: Zeroizing<Vec<f32>>,
    oldest: u64,
    /// Frames measured.
    measured: u64,
    /// Samples of the leg taken in.
    taken: u64,
    /// The frame that began when the leg last began or went on after a stall, and at which sample.
    resumed: (u64, u64),
    rate: SampleRate,
}

impl LegListener {
    /// For a leg of this rate, whose windows must be answered within the hold.
    pub(crate) fn new(rate: SampleRate, hold: MediaTime, margin: MediaTime) -> Self {
        let settings = CutterSettings::for_hold(hold, margin);
        Self::with(rate, settings, hold.seconds().min(10.0))
    }

    /// For a leg of a recording, whose words nobody waits for.
    pub(crate) fn at_leisure(rate: SampleRate) -> Self {
        let heard = LEISURELY_HEARD as f64 / 1_000.0;
        Self::with(rate, CutterSettings::at_leisure(), heard)
    }

    /// `heard` is the longest window in seconds.
    fn with(rate: SampleRate, settings: CutterSettings, heard: f64) -> Self {
        // The longest window, its overlap and pre-roll, and what one push adds.
        let kept = heard + 4.0;
        let capacity = (kept * f64::from(SampleRate::SPEECH_HERTZ)) as usize;
        Self {
            resampler: SpeechResampler::new(rate),
            activity: ActivityDetector::new(),
            cutter: WindowCutter::new(settings),
            speech: Zeroizing::new(Vec::with_capacity(capacity)),
            oldest: 0,
            measured: 0,
            taken: 0,
            resumed: (0, 0),
            rate,
        }
    }

    /// Takes the next samples, at most a second at a time.
    pub(crate) fn push(&mut self, samples: &[i16], heard: &mut Vec<Heard>) {
        self.taken += samples.len() as u64;
        self.resampler.push(samples, &mut self.speech);
        self.measure(heard);
    }

    /// Whether what is said is to be examined as soon as there is a pause.
    pub(crate) fn hurry(&mut self, hurries: bool) {
        self.cutter.hurry(hurries);
    }

    /// Hears all that was taken to its last sample and cuts there, because nothing arrives; the leg may go
    /// on, with a frame of its own.
    pub(crate) fn flush(&mut self, heard: &mut Vec<Heard>) {
        if self.taken == self.resumed.1 {
            return;
        }
        self.resampler.finish(&mut self.speech);
        let whole = self.speech.len().div_ceil(FRAME) * FRAME;
        self.speech.resize(whole, 0.0);
        self.measure(heard);
        if let Some(decision) = self.cutter.flush() {
            self.tell(decision, heard);
        }
        self.resampler = SpeechResampler::new(self.rate);
        self.resumed = (self.measured, self.taken);
    }

    fn measure(&mut self, heard: &mut Vec<Heard>) {
        loop {
            let from = (self.measured - self.oldest) as usize * FRAME;
            let Some(frame) = self.speech.get(from..from + FRAME) else {
                break;
            };
            let activity = self.activity.measure(frame);
            self.measured += 1;
            if let Some(decision) = self.cutter.push(activity) {
                self.tell(decision, heard);
            }
        }
        self.forget();
    }

    fn tell(&self, decision: Decision, heard: &mut Vec<Heard>) {
        match decision {
            Decision::Silence { from, to } => {
                let span = self.span_of(from, to);
                match heard.last_mut() {
                    Some(Heard::Silence(last)) if last.end == span.start => last.end = span.end,
                    _ => heard.push(Heard::Silence(span)),
                }
            }
            Decision::Window {
                from,
                to,
                listen_from,
                listen_to,
            } => {
                let index = |frame: u64| frame.saturating_sub(self.oldest) as usize * FRAME;
                let samples = self.speech.get(index(listen_from)..index(listen_to));
                heard.push(Heard::Utterance {
                    decides: self.span_of(from, to),
                    listened: self.span_of(listen_from, listen_to),
                    samples: Sensitive::new(samples.unwrap_or_default().to_vec()),
                });
            }
        }
    }

    /// Lets go of what no window can ask for, a second at a time to move little memory.
    fn forget(&mut self) {
        let needed = self.cutter.oldest_needed();
        let second = u64::from(SampleRate::SPEECH_HERTZ) / FRAME as u64;
        if needed < self.oldest + second {
            return;
        }
        let gone = (needed - self.oldest) as usize * FRAME;
        self.speech.copy_within(gone.., 0);
        let kept = self.speech.len() - gone;
        self.speech[kept..].zeroize();
        self.speech.truncate(kept);
        self.oldest = needed;
    }

    fn span_of(&self, from: u64, to: u64) -> Span {
        Span::new(self.time_of(from), self.time_of(to))
    }

    /// When a frame begins. The frame that a stall found open was filled up, so that those before it began
    /// up to a frame later than this says; nobody asks for them but to hear them again. What was not taken
    /// in is no part of any frame.
    fn time_of(&self, frame: u64) -> MediaTime {
        let (first, sample) = self.resumed;
        let start = self.rate.time_of(SampleIndex(sample));
        let time = if frame >= first {
            start + length_of(frame - first)
        } else {
            start - length_of(first - frame)
        };
        time.min(self.rate.time_of(SampleIndex(self.taken)))
    }
}

fn length_of(frames: u64) -> MediaTime {
    MediaTime::from_micros(frames * FRAME as u64 * 1_000_000 / u64::from(SampleRate::SPEECH_HERTZ))
}
