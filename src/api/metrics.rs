//! What the gateway has counted, in Prometheus's text form.
//!
//! Counted on the recorders' threads, of the same events as reports are made of. The library's counters are whole
//! numbers: seconds are summed up in microseconds here, and told as whole ones.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use metrics::{Key, KeyName, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use super::lock;
use crate::audio::Span;
use crate::egress::{CallFacts, EngineWork};
use crate::gateway::{Around, Tape, TapeFactory};
use crate::session::CleanAudio;
use crate::store::vault::RecordName;
use crate::telemetry::Event;
use crate::telemetry::metrics::{Metric, Movement};

const META: Metadata<'static> = Metadata::new("hushgate", Level::INFO, None);

type Queue = Box<dyn Fn() -> usize + Send + Sync>;

/// The gateway's metrics.
pub struct Metrics {
    recorder: PrometheusRecorder,
    /// Microseconds, of what is told in seconds.
    micros: Mutex<BTreeMap<(Metric, String), u64>>,
    queue: OnceLock<Queue>,
}

impl Default for Metrics {
    fn default() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        for metric in Metric::ALL {
            let name = KeyName::from(metric.name());
            let help = metric.help().into();
            match metric.movement() {
                Movement::Counter => recorder.describe_counter(name, None, help),
                Movement::Gauge => recorder.describe_gauge(name, None, help),
            }
        }
        let metrics = Self {
            recorder,
            micros: Mutex::default(),
            queue: OnceLock::new(),
        };
        // Those without a label are told from the beginning on.
        for metric in Metric::ALL {
            match metric.movement() {
                Movement::Counter if metric.label().is_none() => metrics.add(metric, "", 0),
                Movement::Counter => {}
                Movement::Gauge => metrics.gauge(metric, 0.0),
            }
        }
        metrics
    }
}

fn key(metric: Metric, label: &str) -> Key {
    key_of_two(metric, label, "")
}

fn key_of_two(metric: Metric, label: &str, second: &str) -> Key {
    let labels: Vec<Label> = [(metric.label(), label), (metric.second_label(), second)]
        .into_iter()
        .filter_map(|(name, value)| Some(Label::new(name?, value.to_owned())))
        .collect();
    Key::from_parts(metric.name(), labels)
}

impl Metrics {
    fn add(&self, metric: Metric, label: &str, count: u64) {
        self.recorder
            .register_counter(&key(metric, label), &META)
            .increment(count);
    }

    /// Counts once, under the values of the metric's labels.
    pub(crate) fn count(&self, metric: Metric, label: &str, second: &str) {
        self.recorder
            .register_counter(&key_of_two(metric, label, second), &META)
            .increment(1);
    }

    /// Says how much there is of something.
    pub(crate) fn set(&self, metric: Metric, value: f64) {
        self.gauge(metric, value);
    }

    fn add_seconds(&self, metric: Metric, label: &str, micros: u64) {
        let mut sums = lock(&self.micros);
        let sum = sums.entry((metric, label.to_owned())).or_default();
        *sum += micros;
        self.recorder
            .register_counter(&key(metric, label), &META)
            .absolute(*sum / 1_000_000);
    }

    fn gauge(&self, metric: Metric, value: f64) {
        self.recorder
            .register_gauge(&key(metric, ""), &META)
            .set(value);
    }

    fn active(&self, change: f64) {
        self.recorder
            .register_gauge(&key(Metric::CallsActive, ""), &META)
            .increment(change);
    }

    /// Tells from where on how many windows wait.
    pub fn watch_queue(&self, queue: impl Fn() -> usize + Send + Sync + 'static) {
        // The first one stays.
        let _ = self.queue.set(Box::new(queue));
    }

    /// All of them as text.
    pub fn render(&self) -> String {
        if let Some(queue) = self.queue.get() {
            self.gauge(Metric::QueueWindows, queue() as f64);
        }
        self.recorder.handle().render()
    }

    /// Tapes whose calls are counted.
    pub fn tapes(self: &Arc<Self>, tapes: Arc<dyn TapeFactory>) -> Arc<dyn TapeFactory> {
        Arc::new(CountedTapes {
            tapes,
            metrics: Arc::clone(self),
        })
    }
}

struct CountedTapes {
    tapes: Arc<dyn TapeFactory>,
    metrics: Arc<Metrics>,
}

impl Around for CountedTapes {
    fn inside(&self) -> &dyn TapeFactory {
        &*self.tapes
    }

    fn begin_tape(&self, facts: CallFacts) -> anyhow::Result<Box<dyn Tape>> {
        let metrics = Arc::clone(&self.metrics);
        metrics.add(Metric::CallsBegun, "", 1);
        let tape = self.tapes.create(facts).inspect_err(|_| {
            metrics.add(Metric::RecordingsFailed, "", 1);
        })?;
        metrics.active(1.0);
        Ok(Box::new(Counted {
            tape: Some(tape),
            call: Under { metrics },
        }))
    }
}

/// One call under way, for as long as it is held.
struct Under {
    metrics: Arc<Metrics>,
}

impl Drop for Under {
    fn drop(&mut self) {
        self.metrics.active(-1.0);
    }
}

struct Counted {
    /// Until it is finished; a tape that is dropped before has failed.
    tape: Option<Box<dyn Tape>>,
    call: Under,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.tape.is_some() {
            self.call.metrics.add(Metric::RecordingsFailed, "", 1);
        }
    }
}

impl Tape for Counted {
    fn write(&mut self, audio: &CleanAudio) -> anyhow::Result<()> {
        match &mut self.tape {
            Some(tape) => tape.write(audio),
            None => Ok(()),
        }
    }

    fn name(&self) -> Option<&RecordName> {
        self.tape.as_ref()?.name()
    }

    fn event(&mut self, event: &Event) {
        if let Some(tape) = &mut self.tape {
            tape.event(event);
        }
        let metrics = &self.call.metrics;
        let micros = |span: &Span| span.length().micros();
        match event {
            Event::Hidden { span, kind, .. } => {
                metrics.add_seconds(Metric::HiddenSeconds, kind, micros(span));
            }
            Event::Late { span, .. } => metrics.add_seconds(Metric::LateSeconds, "", micros(span)),
            Event::Failed { span, cause, .. } => {
                let cause = serde_json::to_value(cause).ok();
                let cause = cause.as_ref().and_then(|cause| cause.as_str());
                let label = cause.unwrap_or("unknown");
                metrics.add_seconds(Metric::FailedSeconds, label, micros(span));
            }
            Event::RecorderNotPaused { .. } | Event::RecorderNotResumed { .. } => {
                metrics.add(Metric::ControlFailures, "", 1);
            }
            Event::Alerted { kind, severity, .. } => {
                metrics.count(Metric::Alerts, kind.name(), severity.name());
            }
            _ => {}
        }
    }

    fn finish(
        mut self: Box<Self>,
        work: EngineWork,
        abnormal_end: Option<String>,
    ) -> anyhow::Result<PathBuf> {
        let metrics = Arc::clone(&self.call.metrics);
        metrics.add(Metric::Windows, "", work.windows);
        metrics.add(Metric::WindowsLate, "", work.late_answers);
        metrics.add(Metric::WindowsFailed, "", work.failures);
        let cpu = (work.cpu_s.max(0.0) * 1e6) as u64;
        metrics.add_seconds(Metric::RecognitionSeconds, "", cpu);
        let end = if abnormal_end.is_some() {
            "abnormal"
        } else {
            "normal"
        };
        metrics.add(Metric::CallsEnded, end, 1);
        let Some(tape) = self.tape.take() else {
            anyhow::bail!("the recording was finished already");
        };
        tape.finish(work, abnormal_end).inspect_err(|_| {
            metrics.add(Metric::RecordingsFailed, "", 1);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{MediaTime, SampleRate};
    use crate::call::{CallId, Leg};

    struct Nowhere;

    impl TapeFactory for Nowhere {
        fn create(&self, _: CallFacts) -> anyhow::Result<Box<dyn Tape>> {
            Ok(Box::new(Nothing))
        }

        fn check(&self) -> anyhow::Result<()> {
            Ok(())
        }
    }

    struct Nothing;

    impl Tape for Nothing {
        fn write(&mut self, _: &CleanAudio) -> anyhow::Result<()> {
            Ok(())
        }

        fn event(&mut self, _: &Event) {}

        fn name(&self) -> Option<&RecordName> {
            None
        }

        fn finish(self: Box<Self>, _: EngineWork, _: Option<String>) -> anyhow::Result<PathBuf> {
            Ok(PathBuf::new())
        }
    }

    #[track_caller]
    fn check(metrics: &Metrics, line: &str) {
        let text = metrics.render();
        assert!(
            text.lines().any(|found| found == line),
            "{text}\nlacks {line}"
        );
    }

    #[test]
    fn calls_are_counted() {
        let metrics = Arc::new(Metrics::default());
        let text = metrics.render();
        for metric in Metric::ALL.iter().filter(|metric| metric.label().is_none()) {
            assert!(text.contains(&format!("{} 0", metric.name())), "{text}");
            assert!(text.contains(metric.help()), "{text}");
        }
        let tapes = metrics.tapes(Arc::new(Nowhere));
        let facts = CallFacts {
            call: CallId::new("CA1").unwrap(),
            legs: &[Leg::Agent, Leg::Customer],
            rate: SampleRate::TELEPHONE,
            hold: MediaTime::from_millis(2_000),
            policy_version: "p".into(),
            model_sha256: "m".into(),
            particulars: crate::call::particulars::Particulars::default(),
        };
        let mut tape = tapes.create(facts.clone()).unwrap();
        check(&metrics, "hushgate_calls_active 1");
        for _ in 0..3 {
            tape.event(&Event::Hidden {
                leg: Leg::Customer,
                span: Span::new(MediaTime::ZERO, MediaTime::from_millis(700)),
                kind: "pan".into(),
                reason: "asked".into(),
                rule: "card".into(),
                confidence: 1.0,
                paused: false,
            });
        }
        let work = EngineWork {
            windows: 7,
            ..EngineWork::default()
        };
        tape.finish(work, None).unwrap();
        drop(tapes.create(facts).unwrap());
        check(&metrics, "hushgate_calls_active 0");
        check(&metrics, "hushgate_calls_begun_total 2");
        check(&metrics, "hushgate_calls_ended_total{end=\"normal\"} 1");
        check(&metrics, "hushgate_recordings_failed_total 1");
        check(&metrics, "hushgate_recognition_windows_total 7");
        check(
            &metrics,
            "hushgate_audio_hidden_seconds_total{kind=\"pan\"} 2",
        );
        metrics.watch_queue(|| 5);
        check(&metrics, "hushgate_recognition_queue_windows 5");
    }
}
