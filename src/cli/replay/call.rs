//! One call from its file to its recording and report.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use super::inputs::Input;
use crate::audio::{MediaTime, SampleRate, Span};
use crate::call::Leg;
use crate::config::Config;
use crate::egress::{CallFacts, Recorder, Recording, Report, ReportBuilder};
use crate::gateway::Transcriber;
use crate::gateway::replay::{self, Clocked, Listener, Replayed};
use crate::session::CleanAudio;
use crate::speech::{Transcript, Word};
use crate::telemetry::Event;

/// What all calls of a command have in common.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) hold: MediaTime,
    pub(crate) policy: Arc<crate::policy::Policy>,
    pub(crate) workers: NonZeroUsize,
    pub(crate) model_sha256: String,
    /// Where recordings go; nowhere when calls are only measured.
    pub(crate) out: Option<PathBuf>,
}

/// A call that was played.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) recording: Option<Recording>,
    pub(crate) report: Report,
    pub(crate) replayed: Replayed,
    /// What was kept for measuring, if it was to be.
    pub(crate) kept: Kept,
}

/// What measuring needs beside the report; in memory only.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The clean audio on the call's timeline.
    pub(crate) audio: Vec<Vec<i16>>,
    /// Every transcribed window in order of its answer, with nothing hidden.
    pub(crate) heard: Vec<HeardWindow>,
}

/// What one window was heard as.
#[derive(Debug)]
pub(crate) struct HeardWindow {
    pub(crate) leg: Leg,
    /// In media time.
    pub(crate) words: Vec<Word>,
}

impl Plan {
    pub(crate) fn new(
        config: &Config,
        model_sha256: &str,
        out: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            hold: config.hold,
            policy: config.policy.clone(),
            workers: NonZeroUsize::new(config.virtual_workers)
                .context("--workers: expected at least 1")?,
            model_sha256: model_sha256.to_owned(),
            out,
        })
    }

    fn facts(&self, input: &Input, legs: &'static [Leg], rate: SampleRate) -> CallFacts {
        CallFacts {
            call: input.call.clone(),
            legs,
            rate,
            hold: self.hold,
            policy_version: self.policy.version().to_owned(),
            model_sha256: self.model_sha256.clone(),
            particulars: Default::default(),
        }
    }

    /// Plays one call on the virtual clock. When that fails, nothing of it is left on disk.
    pub(crate) fn play(
        &self,
        input: &Input,
        recogniser: &mut dyn Clocked,
        keep: bool,
        heard: &dyn Fn(MediaTime),
    ) -> anyhow::Result<Played> {
        let mut source = input.open()?;
        let legs = Leg::of_channels(source.channels()).context("one or two legs are expected")?;
        let rate = source.rate();
        let facts = self.facts(input, legs, rate);
        let settings = replay::Settings {
            session: self.session(legs, rate),
            workers: self.workers,
        };
        let mut tape = Tape {
            sink: match &self.out {
                Some(folder) => Sink::Recorder(Recorder::create(folder, facts)?),
                None => Sink::Report(ReportBuilder::new(facts)),
            },
            kept: keep.then(|| Kept {
                audio: vec![Vec::new(); legs.len()],
                heard: Vec::new(),
            }),
            heard,
        };
        match replay::play(&settings, &mut source, recogniser, &mut tape) {
            Ok(replayed) => tape.finish(replayed),
            Err(error) => {
                tape.discard()?;
                Err(error.context(input.file().display().to_string()))
            }
        }
    }
}

impl Plan {
    /// Plays one call as it was spoken, like a live one. When that fails, nothing of it is left on disk.
    pub(crate) async fn play_live(
        &self,
        input: &Input,
        engine: Arc<dyn Transcriber>,
        heard: &dyn Fn(MediaTime),
    ) -> anyhow::Result<Played> {
        let mut source = input.open()?;
        let legs = Leg::of_channels(source.channels()).context("one or two legs are expected")?;
        let settings = self.session(legs, source.rate());
        let folder = self.out.as_deref().context("recordings need a folder")?;
        let call = input.call.clone();
        let (recording, report) =
            replay::play_live(settings, call, &mut source, engine, folder, heard)
                .await
                .with_context(|| input.file().display().to_string())?;
        Ok(Played {
            recording: Some(recording),
            replayed: Replayed {
                length: MediaTime::from_seconds(report.duration_s),
                engine: report.engine.clone(),
                examined: Vec::new(),
            },
            report,
            kept: Kept::default(),
        })
    }

    fn session(&self, legs: &'static [Leg], rate: SampleRate) -> crate::session::Settings {
        crate::session::Settings {
            legs,
            rate,
            hold: self.hold,
            policy: Arc::clone(&self.policy),
            examination: crate::session::Examination::Everything,
        }
    }
}

/// Takes what a session gives: to the recording, the report, and memory if asked to.
struct Tape<'a> {
    sink: Sink,
    kept: Option<Kept>,
    heard: &'a dyn Fn(MediaTime),
}

enum Sink {
    Recorder(Recorder),
    Report(ReportBuilder),
}

impl Tape<'_> {
    fn finish(self, replayed: Replayed) -> anyhow::Result<Played> {
        let (recording, report) = match self.sink {
            Sink::Recorder(recorder) => {
                let (recording, report) = recorder.finish(replayed.engine.clone(), None)?;
                (Some(recording), report)
            }
            Sink::Report(builder) => (None, builder.finish(replayed.engine.clone(), None)),
        };
        Ok(Played {
            recording,
            report,
            replayed,
            kept: self.kept.unwrap_or_default(),
        })
    }

    fn discard(self) -> anyhow::Result<()> {
        match self.sink {
            Sink::Recorder(recorder) => Ok(recorder.discard()?),
            Sink::Report(_) => Ok(()),
        }
    }
}

impl Listener for Tape<'_> {
    fn released(&mut self, audio: &CleanAudio) -> anyhow::Result<()> {
        match &mut self.sink {
            Sink::Recorder(recorder) => recorder.write(audio)?,
            Sink::Report(builder) => builder.audio(audio),
        }
        // What was left out stands as silence, so that times stay those of the call.
        let kept = self.kept.iter_mut().flat_map(|kept| &mut kept.audio);
        for (leg, samples) in kept.zip(audio.channels()) {
            leg.resize(audio.start().0 as usize, 0);
            leg.extend(samples);
        }
        Ok(())
    }

    fn happened(&mut self, event: &Event) {
        match &mut self.sink {
            Sink::Recorder(recorder) => recorder.event(event),
            Sink::Report(builder) => builder.event(event),
        }
    }

    fn heard(&mut self, head: MediaTime) {
        (self.heard)(head);
    }

    fn transcribed(&mut self, leg: Leg, window: Span, transcript: &Transcript) {
        let Some(kept) = &mut self.kept else { return };
        let at_media_time = |word: &Word| Word {
            span: Span::new(
                window.start + word.span.start,
                (window.start + word.span.end).min(window.end),
            ),
            ..word.clone()
        };
        kept.heard.push(HeardWindow {
            leg,
            words: transcript.words.iter().map(at_media_time).collect(),
        });
    }
}
