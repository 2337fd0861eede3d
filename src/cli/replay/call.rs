//! One call from its file to its recording and report.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use super::inputs::Input;
use crate::audio::{MediaTime, SampleRate};
use crate::call::Leg;
use crate::config::Config;
use crate::egress::{CallFacts, Recorder, Recording, Report, ReportBuilder};
use crate::gateway::Transcriber;
use crate::gateway::replay::{self, Clocked, Listener, Replayed};
use crate::session::CleanAudio;
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
    /// The clean audio on the call's timeline, if it was to be kept.
    pub(crate) audio: Vec<Vec<i16>>,
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
        }
    }

    /// Plays one call on the virtual clock. When that fails, nothing of it is left on disk.
    pub(crate) fn play(
        &self,
        input: &Input,
        recogniser: &mut dyn Clocked,
        keep_audio: bool,
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
            kept: keep_audio.then(|| vec![Vec::new(); legs.len()]),
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
                engine: report.engine,
                examined: Vec::new(),
            },
            report,
            audio: Vec::new(),
        })
    }

    fn session(&self, legs: &'static [Leg], rate: SampleRate) -> crate::session::Settings {
        crate::session::Settings {
            legs,
            rate,
            hold: self.hold,
            policy: Arc::clone(&self.policy),
        }
    }
}

/// Takes what a session gives: to the recording, the report, and memory if asked to.
struct Tape<'a> {
    sink: Sink,
    kept: Option<Vec<Vec<i16>>>,
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
                let (recording, report) = recorder.finish(replayed.engine, None)?;
                (Some(recording), report)
            }
            Sink::Report(builder) => (None, builder.finish(replayed.engine, None)),
        };
        Ok(Played {
            recording,
            report,
            replayed,
            audio: self.kept.unwrap_or_default(),
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
        for (leg, samples) in self.kept.iter_mut().flatten().zip(audio.channels()) {
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
}
