use std::fs;

use tempfile::TempDir;

use super::*;
use crate::audio::SampleRate;
use crate::call::Leg;
use crate::engine::pool::Job;
use crate::speech::Transcript;

/// Answers at once that nothing was said.
struct Quick;

impl Transcriber for Quick {
    fn submit(&self, job: Job) {
        (job.reply)(job.window.id, Ok(Transcript::default()));
    }
    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }
    fn model_sha256(&self) -> &str {
        "none"
    }
}

/// A loud leg of so many samples, which then ends or fails.
struct Loud {
    left: usize,
    fails: bool,
}

impl Source for Loud {
    fn read(&mut self, most: usize) -> anyhow::Result<Vec<Vec<i16>>> {
        if self.left == 0 && self.fails {
            bail!("the disk is gone");
        }
        let length = self.left.min(most);
        self.left -= length;
        Ok(vec![
            (0..length)
                .map(|at| if at % 2 == 0 { 3_000 } else { -3_000 })
                .collect(),
        ])
    }
}

async fn played(folder: &Path, mut source: Loud) -> anyhow::Result<(Recording, Report)> {
    let settings = Settings {
        legs: &[Leg::Mixed],
        rate: SampleRate::TELEPHONE,
        hold: MediaTime::from_seconds(2.0),
        policy: Default::default(),
        examination: crate::session::Examination::Everything,
    };
    let call = CallId::new("live").unwrap();
    play_live(
        settings,
        call,
        &mut source,
        Arc::new(Quick),
        folder,
        &|_| {},
    )
    .await
}

#[tokio::test]
async fn a_call_takes_its_time() {
    let folder = TempDir::new().unwrap();
    let begun = Instant::now();
    let source = Loud {
        left: 8_100,
        fails: false,
    };
    let (recording, report) = played(folder.path(), source).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let samples: Vec<i16> = hound::WavReader::open(&recording.wav)
        .unwrap()
        .into_samples()
        .map(Result::unwrap)
        .collect();
    assert_eq!(samples.len(), 8_100);
    assert!(samples.iter().all(|sample| sample.abs() == 3_000));
    assert!((report.duration_s - 8_100.0 / 8_000.0).abs() < 1e-9);
    assert!(recording.json.exists());
}

#[tokio::test]
async fn nothing_is_left_of_a_call_that_cannot_be_read() {
    let folder = TempDir::new().unwrap();
    let source = Loud {
        left: 800,
        fails: true,
    };
    let error = played(folder.path(), source).await.unwrap_err();
    assert_eq!(error.to_string(), "the disk is gone");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_told() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let source = Loud {
        left: 800,
        fails: false,
    };
    let error = format!("{:#}", played(&file, source).await.unwrap_err());
    assert!(error.contains("cannot create the folder"), "{error}");
}
