//! What fuzzing calls: one function for each reader of foreign input.
//!
//! Each takes any bytes, and panics if an invariant is broken. `make fuzz` feeds them from libFuzzer, beginning
//! with `seeds`; `tests/it/fuzzed.rs` runs them on damaged seeds with the other tests.

mod answers;
mod connections;
mod recorders;
mod sessions;
mod signatures;

use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

use hushgate::audio::wav_file::WavFile;
use hushgate::config::Config;
use hushgate::config::control::Control;
use hushgate::detect::Kind;
use hushgate::detect::text::{TextSearch, find_in_text};
use hushgate::model::ggml::check;
use hushgate::policy::Policy;
use tempfile::TempDir;

pub use answers::{answers, event_socket};
pub use connections::{
    ORGANIZATION, SESSION, audio_fork, audiohook, audiosocket, chan_websocket, messages, twilio,
    vonage,
};
pub use recorders::{heard, recorder, recorders};
pub use sessions::{description, metadata, rtp, sip};
pub use signatures::{lets_in, request, signatures};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All of them by name.
pub const ALL: [(&str, Target); 19] = [
    ("detect", detect),
    ("wav", wav),
    ("twilio", twilio),
    ("audiohook", audiohook),
    ("audiosocket", audiosocket),
    ("chan_websocket", chan_websocket),
    ("audio_fork", audio_fork),
    ("vonage", vonage),
    ("rtp", rtp),
    ("sip", sip),
    ("description", description),
    ("metadata", metadata),
    ("signatures", signatures),
    ("recorders", recorders),
    ("event_socket", event_socket),
    ("answers", answers),
    ("config", config),
    ("policy", policy),
    ("ggml", ggml),
];

/// Conversations in text.
pub fn detect(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let policy = Policy::default();
    let findings = find_in_text(&text, &policy);
    for finding in &findings {
        let hidden = text.get(finding.start..finding.end);
        assert!(hidden.is_some_and(|hidden| !hidden.trim().is_empty()));
        assert_eq!(
            text[..finding.start].matches('\n').count() + 1,
            finding.line
        );
        let mut digits = finding.reason.split(|c: char| !c.is_ascii_digit());
        assert!(digits.all(|run| run.len() < 3), "{}", finding.reason);
        assert!((0.0..=1.0).contains(&finding.confidence));
    }
    assert!(findings.is_sorted_by_key(|finding| finding.start));

    let (first, second) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let mut search = TextSearch::new(&policy);
    let mut again = search.push(first);
    again.extend(search.push(second));
    again.extend(search.finish());
    assert_eq!(again, findings);
}

/// Sound files.
pub fn wav(bytes: &[u8]) {
    in_a_file(&[bytes], |path| {
        let Ok(mut file) = WavFile::open(path) else {
            return;
        };
        let remaining = file.remaining();
        if let Ok(legs) = file.read_to_end() {
            assert!(matches!(legs.len(), 1 | 2));
            assert!(legs.iter().all(|leg| leg.len() as u64 == remaining));
            assert!(legs.concat().len() <= bytes.len());
        }
    });
}

/// What is in the file that configurations of seeds name as the one with a secret.
pub const SECRET: &str = "open sesame";

/// A folder for a configuration, with a file `secret`.
#[expect(clippy::unwrap_used, reason = "without a file there is nothing to try")]
pub fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("secret"), SECRET).unwrap();
    folder
}

/// Configuration files.
pub fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // A configuration may name any file; those that never end are not for trying.
    if ["/dev", "/proc", "/sys", SECRET]
        .iter()
        .any(|word| text.contains(word))
    {
        return;
    }
    let folder = folder();
    let name = folder.path().join("hushgate.toml").display().to_string();
    if let Ok(control) = Control::parse(&text, &name) {
        assert!(!format!("{control:?}").contains(SECRET));
    }
    match Config::parse(&text, &name) {
        Ok(config) => {
            assert!(!config.doors.is_empty());
            let (shown, json) = (config.to_toml(), config.to_json());
            assert!(!format!("{config:?} {shown} {json}").contains(SECRET));
            // It is seen from the working directory.
            let again = Config::parse(&shown, "shown.toml");
            let again = again.unwrap_or_else(|error| panic!("{error}\n{shown}"));
            assert_eq!(again.to_json(), json, "{shown}");
        }
        Err(error) => {
            let error = error.to_string();
            assert!(!error.contains(char::is_control), "{error:?}");
            assert!(!error.contains(SECRET));
        }
    }
}

/// Policy files.
pub fn policy(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Policy::parse(&text, "policy.toml") {
        Ok(policy) => {
            for kind in [Kind::CVV, Kind::PIN, Kind::TRACK_DATA] {
                assert!(policy.enabled(&kind), "{kind}");
            }
            find_in_text("agent: your member id?\ncustomer: AB 1234567\n", &policy);
        }
        Err(error) => {
            assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1);
            assert!(!error.problem.contains(char::is_control));
        }
    }
}

/// Speech models. Bytes that do not begin as a file does are what follows a small model's vocabulary.
pub fn ggml(bytes: &[u8]) {
    let before = if bytes.starts_with(b"lmgg") {
        &[]
    } else {
        small_model()
    };
    in_a_file(&[before, bytes], |path| {
        if let Ok(info) = check(path) {
            assert_eq!(info.bytes, (before.len() + bytes.len()) as u64);
        }
    });
}

/// A whisper.cpp model of one layer up to its first tensor.
pub fn small_model() -> &'static [u8] {
    const TOKENS: i32 = 50_257;
    static MODEL: OnceLock<Vec<u8>> = OnceLock::new();
    MODEL.get_or_init(|| {
        // Magic; vocabulary; context, width, heads and layers twice; mel bands; Q8_0; the mel filters' sizes.
        let mut numbers: Vec<i32> = vec![
            0x6767_6d6c,
            51_864,
            1_500,
            32,
            1,
            1,
            448,
            32,
            1,
            1,
            80,
            7,
            80,
            201,
        ];
        numbers.extend([0; 80 * 201]);
        numbers.push(TOKENS);
        let mut file: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        for _ in 0..TOKENS {
            file.extend(1_i32.to_le_bytes());
            file.push(b' ');
        }
        file
    })
}

/// Gives a reader of files some bytes.
#[expect(clippy::unwrap_used, reason = "without a file there is nothing to try")]
fn in_a_file(parts: &[&[u8]], read: impl Fn(&Path)) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for part in parts {
        file.write_all(part).unwrap();
    }
    read(file.path());
}
