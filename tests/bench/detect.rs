//! How fast the detector is: on text, and on the words of a live call.
//!
//! `make bench`. One thread; the time to compile the patterns, once in a process, is left out.

mod conversation;

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use hushgate::audio::{MediaTime, Span};
use hushgate::call::{Leg, Sensitive};
use hushgate::detect::text::find_in_text;
use hushgate::detect::{HeardWord, find};
use hushgate::policy::Policy;

/// What `hushgate detect` does to 1 MB of conversations.
fn text(criterion: &mut Criterion) {
    let text = conversation::text(1, 1_000_000);
    let policy = Policy::default();
    let mut group = criterion.benchmark_group("detect");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("text_1_mb", |bencher| {
        bencher.iter(|| find_in_text(black_box(&text), &policy));
    });
    group.finish();
}

/// What a live call asks for at each transcript: three minutes of two legs, 900 words.
fn live(criterion: &mut Criterion) {
    let words = spoken(&conversation::text(2, 20_000), 900);
    let heard_until = words.last().map_or(MediaTime::ZERO, |word| word.span.end);
    let policy = Policy::default();
    criterion.bench_function("detect/live_900_words", |bencher| {
        bencher.iter(|| find(black_box(&words), heard_until, &policy));
    });
}

/// The first words of a text, five a second.
fn spoken(text: &str, count: usize) -> Vec<HeardWord> {
    let said = text.lines().filter_map(|line| line.split_once(": "));
    let words = said.flat_map(|(speaker, said)| {
        let leg = match speaker {
            "agent" => Leg::Agent,
            _ => Leg::Customer,
        };
        said.split_whitespace().map(move |word| (leg, word))
    });
    (0..)
        .step_by(200)
        .zip(words)
        .take(count)
        .map(|(start, (leg, word))| HeardWord {
            leg,
            span: Span::new(
                MediaTime::from_millis(start),
                MediaTime::from_millis(start + 180),
            ),
            text: Sensitive::new(word.to_owned()),
            confidence: 0.9,
        })
        .collect()
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    text(&mut criterion);
    live(&mut criterion);
    criterion.final_summary();
}
