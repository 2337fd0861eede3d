mod bundles;
mod entries;
mod killed;
mod tampering;
mod writing;

use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};

use super::*;

/// The keys of test logs.
fn keys() -> &'static AuditKeys {
    static KEYS: OnceLock<AuditKeys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        KeyFiles::new(folder.path()).generate().unwrap()
    })
}

/// A log in memory.
struct Written {
    head: Head,
    lines: Vec<Line>,
    time: Timestamp,
}

impl Written {
    fn new() -> Self {
        Self {
            head: Head::of_new(LogId::random()),
            lines: Vec::new(),
            time: "2026-11-22T10:00:00Z".parse().unwrap(),
        }
    }

    /// Of this many entries about a few calls, with a checkpoint after every `every`.
    fn of(count: usize, every: usize) -> Self {
        let mut log = Self::new();
        for number in 0..count {
            if every > 0 && number % every == every - 1 {
                log.checkpoint();
            } else {
                log.add(hidden(&format!("CA{}", number % 3)));
            }
        }
        log
    }

    fn add(&mut self, record: Record) {
        self.add_with(record, &keys().hmac);
    }

    fn add_with(&mut self, record: Record, key: &HmacKey) {
        self.time += SignedDuration::from_micros(1_500_000);
        let line = self.head.append(record, self.time, key);
        self.lines.push(line);
    }

    fn checkpoint(&mut self) {
        let checkpoint = self.anchor();
        self.add(checkpoint.record());
    }

    fn anchor(&self) -> Checkpoint {
        Checkpoint::sign(&self.head, self.time, &keys().signing)
    }

    /// Its text, each line ended.
    fn text(&self) -> Vec<u8> {
        text(&self.lines)
    }
}

fn text(lines: &[Line]) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        text.extend(line.canonical());
        text.push(b'\n');
    }
    text
}

fn hidden(call: &str) -> Record {
    Record::new(Action::SpanHidden)
        .about(call)
        .with_name("leg", "customer")
        .with_name("kind", "pan")
        .with_name("rule", "card_number")
        .with_words(
            "reason",
            "16 digits after the card number was asked for; Luhn holds",
        )
        .with("start_us", 1_500_000_u64)
        .with("end_us", 9_250_000_u64)
        .with("paused", false)
}

/// With both keys, or with the public one alone.
fn with_keys(hmac: bool, anchors: Vec<Checkpoint>) -> Verification {
    Verification {
        hmac: hmac.then(|| keys().hmac.clone()),
        public: vec![keys().signing.public()],
        anchors,
        is_live: false,
    }
}

/// Verifies segments of text, as files would have it.
fn verdict(segments: &[&[u8]], with: Verification) -> Verdict {
    let mut verifier = Verifier::new(with);
    for (number, segment) in segments.iter().enumerate() {
        verifier.segment(&format!("segment {number}"), None);
        for line in segment.split_inclusive(|&byte| byte == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(line) => verifier.line(line, true),
                None => verifier.line(line, false),
            };
        }
    }
    verifier.finish()
}
