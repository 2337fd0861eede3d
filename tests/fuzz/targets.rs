//! What fuzzing calls: one function for each reader of foreign input.
//!
//! Each takes any bytes, and panics if an invariant is broken. `make fuzz` feeds them from libFuzzer;
//! `tests/it/fuzzed.rs` runs them on damaged seeds with the other tests.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use hushgate::audio::wav_file::WavFile;
use hushgate::call::Leg;
use hushgate::detect::Kind;
use hushgate::detect::text::{TextSearch, find_in_text};
use hushgate::ingress::twilio::{Dialect, TwilioAdapter};
use hushgate::ingress::{Adapter, Arrival, Incoming, ProtocolError};
use hushgate::model::ggml::check;
use hushgate::policy::Policy;

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All of them by name.
pub const ALL: [(&str, Target); 5] = [
    ("detect", detect),
    ("wav", wav),
    ("twilio", twilio),
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
    in_a_file(bytes, |path| {
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

/// The messages of a connection, one a line.
pub fn twilio(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for dialect in [
        Dialect::Twilio,
        Dialect::SignalWire,
        Dialect::Telnyx,
        Dialect::Plivo,
    ] {
        text_messages(TwilioAdapter::new(dialect, Leg::Agent), &text);
    }
}

/// Whatever a peer says, a connection begins at most once, ends at most once, and gives no more audio than
/// it brought.
fn text_messages(mut adapter: impl Adapter, text: &str) {
    let mut arrivals = Vec::new();
    let mut messages = 0;
    for message in text.lines() {
        messages += 1;
        let since = Duration::from_millis(20 * messages);
        let answer = adapter.handle(Incoming::Text(message), since, &mut arrivals);
        if matches!(answer, Err(ProtocolError::Closed { .. })) {
            break;
        }
    }
    let tally = adapter.tally();
    assert!(tally.accepted + tally.ignored + tally.malformed <= messages);
    let mut samples = 0;
    for (place, arrival) in arrivals.iter().enumerate() {
        match arrival {
            Arrival::Started { .. } => assert_eq!(place, 0),
            Arrival::Audio(frame) => samples += frame.samples.expose().len(),
            Arrival::KeyPressed { .. } | Arrival::Reply(_) => {}
            Arrival::Stopped => assert_eq!(place + 1, arrivals.len()),
        }
    }
    // Base64 is longer than what it stands for.
    assert!(samples <= text.len());
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
            assert!(!error.problem.contains('\n'));
        }
    }
}

/// Speech models.
pub fn ggml(bytes: &[u8]) {
    in_a_file(bytes, |path| {
        if let Ok(info) = check(path) {
            assert_eq!(info.bytes, bytes.len() as u64);
        }
    });
}

/// Gives a reader of files some bytes.
#[expect(clippy::unwrap_used, reason = "without a file there is nothing to try")]
fn in_a_file(bytes: &[u8], read: impl Fn(&Path)) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    read(file.path());
}
