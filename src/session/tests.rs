//! DESIGN's invariants as properties of whole calls: random speech and pauses, packets lost, repeated and
//! out of order, windows answered late, wrongly, or never.

mod harness;
mod keys;
mod redaction;
mod supervision;

use harness::{Answer, Arrival, Call, check, play};
use proptest::prelude::*;

use super::*;

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    prop::collection::vec(
        prop_oneof![
            6 => (0_u64..1_500).prop_map(Answer::heard_after),
            2 => (1_500_u64..6_000).prop_map(Answer::heard_after),
            1 => (0_u64..3_000).prop_map(Answer::failed_after),
            1 => Just(Answer::Never),
        ],
        1..12,
    )
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    prop::collection::vec(
        prop_oneof![
            12 => Just(Arrival::InOrder),
            1 => Just(Arrival::Lost),
            1 => Just(Arrival::Twice),
            1 => Just(Arrival::BeforeStall),
            1 => (1_usize..12).prop_map(Arrival::LaterBy),
        ],
        1..40,
    )
}

fn calls() -> impl Strategy<Value = Call> {
    (
        prop::collection::vec((0_u8..3, 5_usize..80), 1..8),
        answers(),
        arrivals(),
        prop::sample::select(vec![1_usize, 2]),
        prop::sample::select(vec![8_000_u32, 8_000, 8_000, 16_000]),
        1_500_u64..4_000,
    )
        .prop_map(|(sound, answers, arrivals, channels, rate, hold)| Call {
            sound,
            answers,
            arrivals,
            channels,
            rate,
            hold,
        })
}

macro_rules! invariants_hold {
    ($($name:ident: $cases:expr;)*) => {
        proptest! {
            $(
                #![proptest_config(ProptestConfig { cases: $cases, failure_persistence: None, ..ProptestConfig::default() })]
                #[test]
                fn $name(call in calls()) {
                    check(&call, &play(&call))?;
                }
            )*
        }
    };
}

// Five times the same property, so that the cases spread over the machine's cores.
mod part_1 {
    use super::*;
    invariants_hold! { random_calls_keep_the_invariants: 2_100; }
}
mod part_2 {
    use super::*;
    invariants_hold! { random_calls_keep_the_invariants: 2_100; }
}
mod part_3 {
    use super::*;
    invariants_hold! { random_calls_keep_the_invariants: 2_100; }
}
mod part_4 {
    use super::*;
    invariants_hold! { random_calls_keep_the_invariants: 2_100; }
}
mod part_5 {
    use super::*;
    invariants_hold! { random_calls_keep_the_invariants: 2_100; }
}

fn steady(answers: Vec<Answer>) -> Call {
    Call {
        sound: vec![(2, 100), (0, 40), (2, 120)],
        answers,
        arrivals: vec![Arrival::InOrder],
        channels: 2,
        rate: 8_000,
        hold: 3_000,
    }
}

#[test]
fn what_is_answered_in_time_leaves_bit_for_bit() {
    let played = play(&steady(vec![Answer::heard_after(200)]));
    assert_eq!(played.released, played.input);
    assert!(
        played.unexplained_events().is_empty(),
        "{:?}",
        played.events
    );
}

#[test]
fn a_call_that_is_not_examined_leaves_as_it_was() {
    let mut session = Session::new(Settings {
        examination: Examination::NothingAtAll,
        ..harness::settings(2, 8_000, 2_000)
    });
    let input = harness::loud(0, 8_000 * 5);
    let mut released: [Vec<i16>; 2] = Default::default();
    let mut take = |session: &mut Session| {
        while let Some(output) = session.poll_output() {
            match output {
                Output::Release(audio) => {
                    for (leg, samples) in released.iter_mut().zip(audio.channels()) {
                        leg.extend(samples);
                    }
                }
                Output::Ended => {}
                other => panic!("{other:?}"),
            }
        }
        released[0].len()
    };
    for (frame, samples) in (0..).zip(input.chunks(160)) {
        for leg in [Leg::Agent, Leg::Customer] {
            let at = SampleIndex(frame * 160);
            let samples = Sensitive::new(samples.to_vec());
            session.handle_audio(RawFrame { leg, at, samples });
        }
        session.handle_key(Leg::Customer, None);
        let held = (frame as usize + 1) * 160 - take(&mut session);
        assert!(held <= 16_000, "{held} samples are held");
    }
    session.handle_end();
    assert_eq!(take(&mut session), input.len());
    assert!(released[0] == input && released[1] == input);
}

#[test]
fn what_is_never_answered_leaves_as_silence() {
    let played = play(&steady(vec![Answer::Never]));
    let audible = played
        .released
        .iter()
        .flatten()
        .filter(|sample| **sample != 0)
        .count();
    assert_eq!(audible, 0);
    assert_eq!(played.released[0].len(), played.input[0].len());
}

#[test]
fn frames_of_any_size_give_the_same_call() {
    let call = steady(vec![Answer::heard_after(300)]);
    let whole = play(&call);
    for frame in [37, 80, 500, 4_000] {
        assert_eq!(
            harness::play_in_frames(&call, frame).released,
            whole.released
        );
    }
}

#[test]
fn a_gap_of_minutes_is_filled_and_a_longer_one_ends_the_call() {
    let mut session = Session::new(harness::settings(2, 8_000, 2_000));
    let frame = |leg, at| RawFrame {
        leg,
        at: SampleIndex(at),
        samples: Sensitive::new(vec![900; 160]),
    };
    session.handle_audio(frame(Leg::Agent, 0));
    session.handle_audio(frame(Leg::Agent, 8_000 * 300));
    let mut released = 0;
    while let Some(output) = session.poll_output() {
        if let Output::Release(audio) = output {
            assert_eq!(audio.start().0, released);
            released += audio.len() as u64;
        }
    }
    assert_eq!(released, 8_000 * 298 + 160);
    session.handle_audio(frame(Leg::Customer, 8_000 * 1_200));
    session.handle_drain_deadline();
    let ended = std::iter::from_fn(|| session.poll_output()).any(|o| matches!(o, Output::Ended));
    assert!(ended);
    assert_eq!(session.released().seconds(), 300.02);
}

#[test]
fn where_nothing_is_ever_heard_nothing_is_kept_for_the_transcript() {
    let mut session = Session::new(harness::settings(1, 8_000, 2_000));
    let turn = 8_000 * 2;
    let mut kept = Vec::new();
    for number in 0..300_u64 {
        let sound = if number % 2 == 0 {
            harness::loud(number, turn)
        } else {
            vec![0; turn]
        };
        session.handle_audio(RawFrame {
            leg: Leg::Mixed,
            at: SampleIndex(number * turn as u64),
            samples: Sensitive::new(sound),
        });
        kept.push(session.legs[0].kept_for_transcript());
        while let Some(output) = session.poll_output() {
            if let Output::Transcribe(window) = output {
                session.handle_transcript(window.id, Err(FailureCause::Overload));
            }
        }
    }
    let (halfway, in_the_end) = (kept[149], kept[299]);
    assert!(halfway > 0, "stretches that were filled are kept");
    assert!(in_the_end <= halfway + 10, "{halfway}, then {in_the_end}");
}

#[test]
fn a_stall_has_what_was_heard_examined() {
    let mut session = Session::new(harness::settings(1, 8_000, 3_000));
    session.handle_audio(RawFrame {
        leg: Leg::Mixed,
        at: SampleIndex(0),
        samples: Sensitive::new(harness::loud(0, 8_000)),
    });
    assert!(std::iter::from_fn(|| session.poll_output()).count() == 0);
    session.handle_stall();
    let asked: Vec<Span> = std::iter::from_fn(|| session.poll_output())
        .filter_map(|output| match output {
            Output::Transcribe(window) => Some(window.span),
            _ => None,
        })
        .collect();
    // To the last sample, also of what is waited for when packets are out of order.
    assert_eq!(
        asked,
        [Span::new(MediaTime::ZERO, MediaTime::from_millis(1_000))]
    );
}

/// Words spread evenly over a window.
fn words(text: &str, length: MediaTime) -> crate::speech::Transcript {
    let count = text.split(' ').count() as u64;
    let step = length.micros() / count;
    let word = |(text, index): (&str, u64)| crate::speech::Word {
        text: text.to_owned().into(),
        span: Span::new(
            MediaTime::from_micros(step * index),
            MediaTime::from_micros(step * (index + 1)),
        ),
        confidence: 0.9,
    };
    crate::speech::Transcript {
        words: text.split(' ').zip(0..).map(word).collect(),
        unreliable: false,
        ..crate::speech::Transcript::default()
    }
}

#[test]
fn protection_is_wanted_from_the_question_until_no_answer_is_expected() {
    let mut session = Session::new(harness::settings(2, 8_000, 4_000));
    let mut asked = false;
    let mut wanted = Vec::new();
    for second in 0..60_u64 {
        // The agent speaks in the third and fourth second, and nobody does otherwise.
        let agent = if matches!(second, 2 | 3) {
            harness::loud(second, 8_000)
        } else {
            vec![0; 8_000]
        };
        for (leg, samples) in [(Leg::Agent, agent), (Leg::Customer, vec![0; 8_000])] {
            session.handle_audio(RawFrame {
                leg,
                at: SampleIndex(second * 8_000),
                samples: Sensitive::new(samples),
            });
        }
        while let Some(output) = session.poll_output() {
            if let Output::Transcribe(window) = output {
                let text = if asked {
                    "Okay."
                } else {
                    "What is the card number?"
                };
                asked = true;
                let outcome = Ok(words(text, window.span.length()));
                session.handle_transcript(window.id, outcome);
            }
        }
        wanted.push(session.wants_protection().cloned());
    }
    assert!(
        wanted[..2].iter().all(Option::is_none),
        "before the question"
    );
    let first = wanted.iter().position(Option::is_some).unwrap();
    assert!((3..=8).contains(&first), "from second {first}");
    let redaction = wanted[first].as_ref().unwrap();
    assert_eq!(
        (redaction.leg, redaction.kind.name()),
        (Leg::Customer, "pan")
    );
    let end = first + wanted[first..].iter().position(Option::is_none).unwrap();
    assert!((20..=45).contains(&end), "until second {end}");
    assert!(
        wanted[end..].iter().all(Option::is_none),
        "it is wanted no more"
    );
    session.handle_end();
    assert!(session.wants_protection().is_none());
}
