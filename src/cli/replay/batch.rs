//! Many calls at once, each with a recogniser of its own, with one progress display.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};

use super::super::shared::runtime;
use super::call::{Plan, Played};
use super::inputs::Input;
use crate::audio::MediaTime;
use crate::engine::RecogniserFactory;
use crate::gateway::Transcriber;
use crate::gateway::replay::Stopwatch;

/// How a list of calls is played.
pub(crate) struct Batch<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) jobs: NonZeroUsize,
    pub(crate) pace: Pace<'a>,
    /// Which of a command's several batches this is, for the progress display; else empty.
    pub(crate) title: String,
}

/// By which clock.
pub(crate) enum Pace<'a> {
    /// As fast as recognition allows. Each job has a recogniser of its own.
    Virtual {
        factory: &'a dyn RecogniserFactory,
        /// How long every answer takes, instead of the processor time it took.
        engine_delay: Option<MediaTime>,
    },
    /// As it was spoken.
    Realtime(Arc<dyn Transcriber>),
}

/// Plays a call; the flag says whether what measuring needs is kept in memory.
pub(crate) type Play<'a> = dyn FnMut(&Input, bool) -> anyhow::Result<Played> + 'a;

/// Plays the calls of one job, telling the last argument how far each is.
type Player<'a> = dyn FnMut(&Input, bool, &dyn Fn(MediaTime)) -> anyhow::Result<Played> + 'a;

impl Pace<'_> {
    /// Makes what one job needs.
    fn player<'a>(&'a self, plan: &'a Plan) -> anyhow::Result<Box<Player<'a>>> {
        Ok(match self {
            Pace::Virtual {
                factory,
                engine_delay,
            } => {
                let mut recogniser = Stopwatch::new(*factory, *engine_delay)?;
                Box::new(move |input, keep, heard| plan.play(input, &mut recogniser, keep, heard))
            }
            Pace::Realtime(engine) => {
                let runtime = runtime()?;
                Box::new(move |input, _, heard| {
                    runtime.block_on(plan.play_live(input, Arc::clone(engine), heard))
                })
            }
        })
    }
}

impl Batch<'_> {
    /// Does `work` for each call; the results are in the order of the calls, whatever the jobs.
    pub(crate) fn run<T: Send>(
        &self,
        inputs: &[Input],
        work: impl Fn(&Input, &mut Play<'_>) -> anyhow::Result<T> + Sync,
    ) -> anyhow::Result<Vec<anyhow::Result<T>>> {
        let progress = progress(inputs, &self.title);
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<(usize, anyhow::Result<T>)>> = Mutex::new(Vec::new());
        let worker = || -> anyhow::Result<()> {
            let mut player = self.pace.player(self.plan)?;
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(input) = inputs.get(index) else {
                    return Ok(());
                };
                let told = AtomicU64::new(0);
                let heard = |head: MediaTime| {
                    let millis = head.micros() / 1_000;
                    progress.inc(millis.saturating_sub(told.swap(millis, Ordering::Relaxed)));
                };
                let mut play = |input: &Input, keep: bool| player(input, keep, &heard);
                let result = work(input, &mut play);
                results
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((index, result));
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.jobs.get().min(inputs.len()))
                .map(|_| scope.spawn(worker))
                .collect();
            threads
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|_| Err(anyhow::anyhow!("a replay thread panicked")))
                })
                .collect::<anyhow::Result<Vec<()>>>()
        })?;
        progress.finish_and_clear();
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(index, _)| *index);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}

/// A bar over all audio on standard error; nothing where that is no terminal.
fn progress(inputs: &[Input], title: &str) -> ProgressBar {
    let millis = inputs
        .iter()
        .filter_map(|input| input.open().ok())
        .map(|file| file.remaining() * 1_000 / u64::from(file.rate().hertz()))
        .sum();
    let bar = ProgressBar::new(millis);
    let template = "{prefix}{bar:40} {percent:>3} % of the audio, {eta} to go";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    if !title.is_empty() {
        bar.set_prefix(format!("{title}: "));
    }
    bar
}
