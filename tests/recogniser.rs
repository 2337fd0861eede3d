//! The real recognisers on real speech, every engine of this build. Needs the default model (`hushgate model install`) and
//! `audio-samples`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers outside of test functions may panic too"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, mpsc};
use std::time::Duration;

use hushgate::audio::{MediaTime, Span};
use hushgate::call::{Leg, Sensitive};
use hushgate::engine::pool::{Caller, Job, Pool, PoolSettings};
use hushgate::engine::{self, Engine, HearingSettings, RecogniserFactory};
use hushgate::model;
use hushgate::speech::{Transcript, Window, WindowId};

fn model_path() -> PathBuf {
    model::resolve(model::DEFAULT_MODEL).expect("the tests need the default model")
}

static FACTORIES: LazyLock<Vec<Arc<dyn RecogniserFactory>>> = LazyLock::new(|| {
    let load =
        |engine: &Engine| engine::load(*engine, &model_path(), HearingSettings::default()).unwrap();
    Engine::BUILT.iter().map(load).collect()
});

/// A stretch of a channel of a sample, in seconds, at 16 kHz.
fn sample(name: &str, channel: usize, start: f64, end: f64) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("audio-samples")
        .join(name);
    let mut reader = hound::WavReader::open(path).expect("the tests need audio-samples");
    assert_eq!(reader.spec().sample_rate, 8_000);
    let samples: Vec<f32> = reader
        .samples::<i16>()
        .map(|sample| f32::from(sample.unwrap()) / 32_768.0)
        .skip(channel)
        .step_by(2)
        .skip((start * 8_000.0) as usize)
        .take(((end - start) * 8_000.0) as usize)
        .collect();
    samples
        .windows(2)
        .flat_map(|pair| [pair[0], f32::midpoint(pair[0], pair[1])])
        .collect()
}

fn window(id: u64, samples: Vec<f32>) -> Window {
    let length = MediaTime::from_seconds(samples.len() as f64 / 16_000.0);
    Window {
        id: WindowId(id),
        leg: Leg::Customer,
        span: Span::new(MediaTime::ZERO, length),
        samples: Sensitive::new(samples),
        deadline: MediaTime::MAX,
    }
}

#[test]
fn digits_are_heard_in_their_place() {
    for factory in &*FACTORIES {
        // The first eight digits of a card number that payment networks publish for tests.
        let samples = sample("amex_full.wav", 1, 8.85, 14.2);
        let mut recogniser = factory.create().unwrap();
        let transcript = recogniser.transcribe(&window(0, samples)).unwrap();
        assert!(!transcript.unreliable);
        let words = transcript.words;
        let digits: String = words
            .iter()
            .flat_map(|word| word.text.expose().chars().filter(char::is_ascii_digit))
            .collect();
        assert_eq!(digits, "37828224");
        let (first, last) = (&words[0].span, &words[words.len() - 1].span);
        assert!((first.start.seconds() - 0.4).abs() < 0.3, "{first:?}");
        assert!((last.end.seconds() - 4.95).abs() < 0.45, "{last:?}");
        for pair in words.windows(2) {
            assert!(pair[0].span.start <= pair[1].span.start);
        }
        assert!(
            words
                .iter()
                .all(|word| word.confidence > 0.1 && word.confidence <= 1.0)
        );
    }
}

#[test]
fn any_sound_is_survived() {
    for factory in &*FACTORIES {
        let mut recogniser = factory.create().unwrap();
        let noise: Vec<f32> = (0_u32..48_000)
            .map(|index| (index.wrapping_mul(2_654_435_761) >> 16) as f32 / 32_768.0 - 1.0)
            .collect();
        let mut broken = noise.clone();
        broken[7] = f32::NAN;
        broken[8] = f32::INFINITY;
        for samples in [
            Vec::new(),
            vec![0.1; 3],
            vec![0.0; 16_000],
            noise.iter().map(|sample| sample * 0.01).collect(),
            broken,
            noise.iter().cycle().take(31 * 16_000).copied().collect(),
        ] {
            let length = samples.len() as f64 / 16_000.0;
            let transcript = recogniser.transcribe(&window(0, samples)).unwrap();
            for word in &transcript.words {
                assert!(word.span.end.seconds() <= length + 1e-6);
            }
        }
        let silent = recogniser
            .transcribe(&window(0, vec![0.0; 32_000]))
            .unwrap();
        assert!(silent.words.is_empty() && !silent.unreliable);
    }
}

#[test]
fn workers_share_a_model_and_hear_the_same() {
    for factory in &*FACTORIES {
        let samples = sample("amex_full.wav", 1, 21.6, 25.1);
        let settings = PoolSettings {
            workers: 2,
            job_limit: Duration::from_secs(120),
            ..PoolSettings::default()
        };
        let factory: Arc<dyn RecogniserFactory> = Arc::clone(factory);
        let pool = Pool::start(factory, settings);
        let (sender, replies) = mpsc::channel();
        for id in 0..4 {
            let sender = sender.clone();
            pool.submit(Job {
                caller: Caller::new(),
                is_armed: false,
                window: window(id, samples.clone()),
                deadline: tokio::time::Instant::now() + Duration::from_secs(300),
                reply: Box::new(move |_, outcome| sender.send(outcome).unwrap()),
            });
        }
        let texts: Vec<String> = (0..4)
            .map(|_| {
                let words = replies.recv().unwrap().unwrap().words;
                let words: Vec<&str> = words
                    .iter()
                    .map(|word| word.text.expose().as_str())
                    .collect();
                words.join(" ")
            })
            .collect();
        assert!(
            texts
                .iter()
                .all(|text| *text == texts[0] && !text.is_empty())
        );
        assert!(pool.close_and_wait(Duration::from_secs(60)));
        assert_eq!(pool.statistics().transcribed, 4);
    }
}

#[test]
fn windows_heard_together_are_heard_as_well_as_alone() {
    let samples = [
        sample("amex_full.wav", 1, 8.85, 14.2),
        vec![0.0; 20_000],
        sample("amex_full.wav", 1, 21.6, 25.1),
        sample("amex_full.wav", 0, 0.0, 5.0),
        sample("amex_full.wav", 1, 14.2, 20.0),
    ];
    let windows: Vec<Window> = (0..)
        .zip(samples)
        .map(|(id, samples)| window(id, samples))
        .collect();
    let digits = |transcript: &Transcript| -> String {
        let words = transcript.words.iter();
        words
            .flat_map(|word| word.text.expose().chars().filter(char::is_ascii_digit))
            .collect()
    };
    for factory in &*FACTORIES {
        let mut recogniser = factory.create().unwrap();
        let together = recogniser.transcribe_together(&windows).unwrap();
        assert_eq!(together.len(), windows.len());
        for (window, heard) in windows.iter().zip(&together) {
            let alone = recogniser.transcribe(window).unwrap();
            assert_eq!(digits(&alone), digits(heard));
            assert_eq!(alone.words.is_empty(), heard.words.is_empty());
        }
        assert_eq!(digits(&together[0]), "37828224");
        assert!(together[1].words.is_empty());
    }
}

#[test]
fn a_damaged_model_is_an_error_that_names_it() {
    let whole = std::fs::read(model_path()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.bin");
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        for engine in Engine::BUILT {
            let Err(error) = engine::load(*engine, &path, HearingSettings::default()) else {
                panic!("{} took a damaged model", engine.name());
            };
            assert!(error.to_string().contains("damaged.bin"), "{error}");
        }
    };
    for share in [0.0, 0.000_001, 0.001, 0.1, 0.5, 0.999_999] {
        refused(&whole[..(whole.len() as f64 * share) as usize]);
    }
    for (at, value) in [(0, 0), (4, 0xFF), (8, 1), (12, 0x81), (20, 99), (44, 42)] {
        let mut other = whole.clone();
        other[at] = value;
        refused(&other);
    }
}

#[test]
fn verify_listens_and_prints_nothing_else() {
    let output = Command::new(env!("CARGO_BIN_EXE_hushgate"))
        .args(["model", "verify"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("as listed") && text.contains("digits of"),
        "{text}"
    );
    assert!(output.stderr.is_empty());
}
