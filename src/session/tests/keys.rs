//! Pressed keys: wholly hidden wherever they sound, whatever recognition does, and never told apart.

use proptest::prelude::*;

use super::super::*;
use super::harness::settings;
use crate::speech::Transcript;

/// A key of a random call.
#[derive(Debug, Clone)]
struct Press {
    leg: usize,
    pair: (usize, usize),
    /// Parts of a thousand off, the same for both tones.
    off: i32,
    at: usize,
    length: usize,
    level: f64,
}

/// What became of a call.
struct Played {
    input: Vec<Vec<i16>>,
    output: Vec<Vec<i16>>,
    events: Vec<Event>,
}

const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];

/// Noise that comes and goes like syllables, never zero.
fn speech_like(seed: u64, length: usize, rate: u32, peak: f64) -> Vec<i16> {
    (0..length as u64)
        .map(|n| {
            let mixed = (n + seed * 104_729).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            let noise = (mixed % 2_001) as f64 / 1_000.0 - 1.0;
            let syllable = (n as f64 / f64::from(rate) * 4.0 * std::f64::consts::TAU).sin();
            let sample = (noise * peak * (0.3 + 0.7 * syllable.abs())) as i16;
            if sample == 0 { 1 } else { sample }
        })
        .collect()
}

fn add(samples: &mut [i16], rate: u32, press: &Press) {
    let off = 1.0 + f64::from(press.off) / 1_000.0;
    let end = (press.at + press.length).min(samples.len());
    for (offset, sample) in samples[press.at..end].iter_mut().enumerate() {
        let turns = offset as f64 / f64::from(rate) * std::f64::consts::TAU;
        let tones =
            (turns * LOW[press.pair.0] * off).sin() + (turns * HIGH[press.pair.1] * off).sin();
        *sample = (f64::from(*sample) + press.level * tones) as i16;
    }
}

fn press(at: usize, length: usize) -> Press {
    Press {
        leg: 0,
        pair: (1, 2),
        off: 0,
        at,
        length,
        level: 4_000.0,
    }
}

/// Plays a call whose windows are answered at once, not at all, or with a failure. Keys that the platform
/// tells of come as (leg, sample of the call).
fn play(
    mut session: Session,
    input: Vec<Vec<i16>>,
    answered: Option<bool>,
    text: &str,
    told: &[(Leg, usize)],
) -> Played {
    let legs = session.settings.legs;
    let mut played = Played {
        output: vec![Vec::new(); input.len()],
        input,
        events: Vec::new(),
    };
    let length = played.input[0].len();
    let frame = session.settings.rate.hertz() as usize / 50;
    for at in (0..=length + frame).step_by(frame) {
        for (channel, samples) in played.input.iter().enumerate() {
            if at < length {
                session.handle_audio(RawFrame {
                    leg: legs[channel],
                    at: SampleIndex(at as u64),
                    samples: Sensitive::new(samples[at..(at + frame).min(length)].to_vec()),
                });
            }
        }
        for (leg, _) in told
            .iter()
            .filter(|(_, told)| (at..at + frame).contains(told))
        {
            session.handle_key(*leg, None);
        }
        if at >= length {
            session.handle_end();
        }
        while let Some(output) = session.poll_output() {
            match output {
                Output::Release(audio) => {
                    for (out, samples) in played.output.iter_mut().zip(audio.channels()) {
                        out.extend(samples);
                    }
                }
                Output::Transcribe(window) => {
                    let transcript = Transcript {
                        words: words(text, window.span),
                        unreliable: false,
                        ..Transcript::default()
                    };
                    match answered {
                        Some(true) => session.handle_transcript(window.id, Ok(transcript)),
                        Some(false) => {
                            session.handle_transcript(window.id, Err(FailureCause::RecogniserError))
                        }
                        None => {}
                    }
                }
                Output::Event(event) => played.events.push(event),
                Output::Ended => {}
            }
        }
    }
    session.handle_drain_deadline();
    while let Some(output) = session.poll_output() {
        match output {
            Output::Release(audio) => {
                for (out, samples) in played.output.iter_mut().zip(audio.channels()) {
                    out.extend(samples);
                }
            }
            Output::Event(event) => played.events.push(event),
            Output::Transcribe(_) | Output::Ended => {}
        }
    }
    played
}

/// A word each half second of a window.
fn words(text: &str, span: Span) -> Vec<crate::speech::Word> {
    let step = 500_000;
    let count = if text.is_empty() {
        0
    } else {
        span.length().micros() / step
    };
    (0..count)
        .map(|n| crate::speech::Word {
            text: Sensitive::new(text.to_owned()),
            span: Span::new(
                MediaTime::from_micros(n * step),
                MediaTime::from_micros(n * step + 300_000),
            ),
            confidence: 0.9,
        })
        .collect()
}

fn session_with(policy: &str, channels: usize) -> Session {
    let policy = Policy::parse(policy, "test").unwrap();
    Session::new(Settings {
        policy: Arc::new(policy),
        ..settings(channels, 8_000, 2_000)
    })
}

fn hidden(played: &Played) -> Vec<(Leg, &str, Span)> {
    played
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Hidden {
                leg,
                span,
                kind,
                rule,
                ..
            } if kind == "dtmf" => Some((*leg, rule.as_str(), *span)),
            _ => None,
        })
        .collect()
}

fn transcript(played: &Played, of: Leg) -> String {
    let texts = played.events.iter().filter_map(|event| match event {
        Event::Transcribed { leg, text, .. } if *leg == of => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join(" | ")
}

fn presses(channels: usize, rate: u32, length: usize) -> impl Strategy<Value = Vec<Press>> {
    let press = (
        0..channels,
        (0..4_usize, 0..4_usize),
        -15..=15_i32,
        0..length,
        40..400_u32,
        1_500.0..12_000.0,
    )
        .prop_map(move |(leg, pair, off, at, millis, level)| {
            let samples = (rate * millis / 1_000) as usize;
            Press {
                leg,
                pair,
                off,
                at: at.min(length - samples),
                length: samples,
                level,
            }
        });
    prop::collection::vec(press, 1..5)
}

fn calls() -> impl Strategy<Value = (usize, u32, Vec<Press>, Option<bool>, u64)> {
    let shape = (
        prop::sample::select(vec![1_usize, 2]),
        prop::sample::select(vec![8_000_u32, 8_000, 16_000]),
    );
    shape.prop_flat_map(|(channels, rate)| {
        (
            Just(channels),
            Just(rate),
            presses(channels, rate, rate as usize * 5),
            prop::sample::select(vec![Some(true), Some(true), Some(false), None]),
            0..1_000_u64,
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_tone_is_wholly_hidden_wherever_it_sounds((channels, rate, keys, answered, seed) in calls()) {
        let length = rate as usize * 5;
        // Two keys at once on a leg are no key.
        let mut kept: Vec<Press> = Vec::new();
        for key in keys {
            let apart = rate as usize / 10;
            let clear = |other: &Press| other.leg != key.leg
                || key.at > other.at + other.length + apart
                || other.at > key.at + key.length + apart;
            if kept.iter().all(clear) {
                kept.push(key);
            }
        }
        let mut input: Vec<Vec<i16>> = (0..channels)
            .map(|leg| speech_like(seed + leg as u64, length, rate, 400.0))
            .collect();
        for key in &kept {
            add(&mut input[key.leg], rate, key);
        }
        let played = play(Session::new(settings(channels, rate, 2_000)), input, answered, "", &[]);
        for (leg, (output, input)) in played.output.iter().zip(&played.input).enumerate() {
            prop_assert_eq!(output.len(), length);
            for key in kept.iter().filter(|key| key.leg == leg) {
                let sound = &output[key.at..key.at + key.length];
                prop_assert!(sound.iter().all(|&sample| sample == 0), "{:?} is heard", key);
                let name = played.events.iter().any(|event| matches!(event,
                    Event::Hidden { leg: of, span, kind, rule, .. }
                        if *of == Leg::of_channels(channels).unwrap()[leg]
                            && kind == "dtmf" && rule == "key_tone"
                            && span.start.seconds() <= key.at as f64 / f64::from(rate)
                            && span.end.seconds() >= (key.at + key.length) as f64 / f64::from(rate)));
                prop_assert!(name, "{:?} is not told of", key);
            }
            let reach = rate as usize / 8;
            for (at, (&out, &heard)) in output.iter().zip(input).enumerate() {
                let near = kept.iter().any(|key| key.leg == leg
                    && at + reach >= key.at && at <= key.at + key.length + reach);
                prop_assert!(out == heard || out == 0);
                prop_assert!(near || answered != Some(true) || out == heard, "sample {at} was lost");
            }
        }
    }
}

fn call_with(presses: &[Press], channels: usize) -> Vec<Vec<i16>> {
    let mut input: Vec<Vec<i16>> = (0..channels)
        .map(|leg| speech_like(leg as u64, 80_000, 8_000, 400.0))
        .collect();
    for key in presses {
        add(&mut input[key.leg], 8_000, key);
    }
    input
}

#[test]
fn the_policy_says_whether_keys_are_counted() {
    let four = [16_000, 20_000, 24_000, 30_000].map(|at| press(at, 800));
    for (policy, shown) in [
        ("", "[dtmf]"),
        ("[kinds.dtmf]\ncount_keys = true", "[dtmf ****]"),
    ] {
        let played = play(
            session_with(policy, 1),
            call_with(&four, 1),
            Some(true),
            "",
            &[],
        );
        assert_eq!(transcript(&played, Leg::Mixed), shown);
        assert_eq!(hidden(&played).len(), 4);
    }
    // Later than two seconds after the last key another series begins.
    let two = [16_000, 40_000].map(|at| press(at, 800));
    let policy = "[kinds.dtmf]\ncount_keys = true";
    let played = play(
        session_with(policy, 1),
        call_with(&two, 1),
        Some(true),
        "",
        &[],
    );
    assert_eq!(transcript(&played, Leg::Mixed), "[dtmf *] | [dtmf *]");
}

#[test]
fn a_key_stands_among_the_words_and_covers_what_was_made_of_its_sound() {
    let played = play(
        session_with("[kinds.dtmf]\ncount_keys = true", 1),
        call_with(&[press(16_000, 4_000), press(21_000, 4_000)], 1),
        Some(true),
        "okay",
        &[],
    );
    let said = transcript(&played, Leg::Mixed);
    assert!(said.starts_with("okay"), "{said}");
    assert!(said.ends_with("okay"), "{said}");
    assert_eq!(said.matches("[dtmf **]").count(), 1, "{said}");
    assert_eq!(said.matches('*').count(), 2, "{said}");
}

#[test]
fn a_key_that_the_platform_tells_of_is_hidden_about_its_time() {
    let told = [(Leg::Customer, 24_000)];
    let played = play(
        session_with("", 2),
        call_with(&[], 2),
        Some(true),
        "",
        &told,
    );
    let spans = hidden(&played);
    assert_eq!(spans.len(), 1);
    let (leg, rule, span) = spans[0];
    assert_eq!((leg, rule), (Leg::Customer, "key_event"));
    assert!(
        span.start.seconds() < 2.75 && span.end.seconds() > 3.25,
        "{span:?}"
    );
    assert!(span.length() < MediaTime::from_millis(750));
    assert_eq!(played.output[0], played.input[0]);
    assert_eq!(transcript(&played, Leg::Customer), "[dtmf]");
    // A leg that is not heard by itself: the sound may be on any.
    let told = [(Leg::Mixed, 24_000)];
    let played = play(
        session_with("", 2),
        call_with(&[], 2),
        Some(true),
        "",
        &told,
    );
    assert_eq!(hidden(&played).len(), 2);
}

#[test]
fn a_key_with_tone_and_message_counts_once() {
    let keys = [16_000, 22_000].map(|at| press(at, 800));
    let told = [(Leg::Mixed, 16_900), (Leg::Mixed, 22_900)];
    let session = session_with("[kinds.dtmf]\ncount_keys = true", 1);
    let played = play(session, call_with(&keys, 1), Some(true), "", &told);
    assert_eq!(transcript(&played, Leg::Mixed), "[dtmf **]");
}

#[test]
fn the_policy_says_where_and_how_keys_are_hidden() {
    let customer = Press {
        leg: 1,
        ..press(16_000, 800)
    };
    let input = || call_with(std::slice::from_ref(&customer), 2);
    let off = play(
        session_with("[kinds.dtmf]\nenabled = false", 2),
        input(),
        Some(true),
        "",
        &[],
    );
    assert_eq!(off.output, off.input);
    let agent = "[kinds.dtmf]\nlegs = [\"agent\"]";
    let agent = play(
        session_with(agent, 2),
        input(),
        Some(true),
        "",
        &[(Leg::Customer, 16_000)],
    );
    assert_eq!(agent.output, agent.input);
    assert_eq!(transcript(&agent, Leg::Customer), "");
    let both = play(
        session_with("[kinds.dtmf]\nlegs = \"both\"", 2),
        input(),
        Some(true),
        "",
        &[],
    );
    assert_eq!(hidden(&both).len(), 2);
    let paused = play(
        session_with("[kinds.dtmf]\nmode = \"pause\"", 2),
        input(),
        Some(true),
        "",
        &[],
    );
    let missing = paused.input[0].len() - paused.output[0].len();
    assert!((800 + 640..800 + 2_000).contains(&missing), "{missing}");
}
