//! Pauses, resumptions and blanking by hand, whatever else happens: what they cover never leaves audible, what they
//! do not cover leaves as it would have.

use proptest::prelude::*;

use super::super::*;
use super::harness::{loud, settings};
use crate::speech::Transcript;

#[derive(Debug, Clone, Copy)]
enum Ask {
    Pause,
    Resume,
    /// So many milliseconds.
    Blank(u64),
}

/// A call of both legs: what is asked for at which frame, and how long answers take, in frames.
#[derive(Debug, Clone)]
struct Call {
    frames: usize,
    asks: Vec<(usize, Ask)>,
    delays: Vec<usize>,
    /// How many frames the customer's leg comes later.
    lag: usize,
}

#[derive(Debug, Default)]
struct Played {
    released: [Vec<i16>; 2],
    /// Samples that must be hidden, and those that may be: a pause begins a little before it is asked for.
    must: Vec<(u64, u64)>,
    may: Vec<(u64, u64)>,
    events: Vec<Event>,
}

const FRAME: usize = 160;
const LEGS: [Leg; 2] = [Leg::Agent, Leg::Customer];

fn input(call: &Call) -> [Vec<i16>; 2] {
    [11, 12].map(|seed| loud(seed, call.frames * FRAME))
}

fn play(call: &Call) -> Played {
    let mut session = Session::new(settings(2, 8_000, 2_000));
    let rate = session.settings.rate;
    let input = input(call);
    let mut played = Played::default();
    let mut waiting: Vec<(usize, WindowId)> = Vec::new();
    let mut asked = 0;
    let mut paused: Option<(u64, u64)> = None;
    let mut take =
        |session: &mut Session, now: usize, played: &mut Played, waiting: &mut Vec<_>| {
            while let Some(output) = session.poll_output() {
                match output {
                    Output::Release(audio) => {
                        assert_eq!(audio.start().0, played.released[0].len() as u64);
                        for (leg, samples) in played.released.iter_mut().zip(audio.channels()) {
                            leg.extend(samples);
                        }
                    }
                    Output::Transcribe(window) => {
                        waiting.push((now + call.delays[asked % call.delays.len()], window.id));
                        asked += 1;
                    }
                    Output::Event(event) => played.events.push(event),
                    Output::Ended => {}
                }
            }
        };
    for frame in 0..call.frames + call.lag {
        for (leg, behind) in [(0, 0), (1, call.lag)] {
            let Some(at) = frame.checked_sub(behind).filter(|at| *at < call.frames) else {
                continue;
            };
            let samples = input[leg][at * FRAME..(at + 1) * FRAME].to_vec();
            session.handle_audio(RawFrame {
                leg: LEGS[leg],
                at: SampleIndex((at * FRAME) as u64),
                samples: Sensitive::new(samples),
            });
        }
        take(&mut session, frame, &mut played, &mut waiting);
        let (due, later): (Vec<_>, _) = waiting.drain(..).partition(|(at, _)| *at <= frame);
        waiting = later;
        for (_, window) in due {
            session.handle_transcript(window, Ok(Transcript::default()));
            take(&mut session, frame, &mut played, &mut waiting);
        }
        let asks = call.asks.iter().filter(|(at, _)| *at == frame);
        for (_, ask) in asks {
            let (head, left) = (session.head_index(), session.cursor);
            match ask {
                Ask::Pause => {
                    let from = session.handle_pause();
                    assert_eq!(session.paused_since(), Some(from));
                    assert_eq!(session.wants_protection().unwrap().kind, Kind::MANUAL);
                    paused.get_or_insert((left, head));
                }
                Ask::Resume => {
                    assert_eq!(session.handle_resume(), paused.is_some());
                    assert_eq!(session.paused_since(), None);
                    if let Some((left, from)) = paused.take() {
                        // What was said before may still be on its way.
                        let end = head + 8_000;
                        played.must.push((from, end));
                        played.may.push((left.max(from.saturating_sub(8_000)), end));
                    }
                }
                Ask::Blank(millis) => {
                    let wanted = rate.samples_in(MediaTime::from_millis(*millis));
                    let from = head.saturating_sub(wanted);
                    let blanked = session.handle_blank(MediaTime::from_millis(*millis));
                    assert_eq!(rate.index_at(blanked.span.start).0, from.max(left));
                    assert_eq!(rate.index_at(blanked.span.end).0, head);
                    assert_eq!(rate.samples_in(blanked.too_late), left.saturating_sub(from));
                    played.must.push((from.max(left), head));
                    played.may.push((from.max(left), head));
                }
            }
        }
    }
    session.handle_end();
    take(&mut session, usize::MAX / 2, &mut played, &mut waiting);
    for (_, window) in std::mem::take(&mut waiting) {
        session.handle_transcript(window, Ok(Transcript::default()));
        take(&mut session, 0, &mut played, &mut waiting);
    }
    session.handle_drain_deadline();
    take(&mut session, 0, &mut played, &mut waiting);
    if let Some((left, from)) = paused {
        played.must.push((from, u64::MAX));
        played
            .may
            .push((left.max(from.saturating_sub(8_000)), u64::MAX));
    }
    let filled = session.filled();
    let silent = played
        .released
        .iter()
        .flatten()
        .filter(|sample| **sample == 0);
    assert_eq!(
        filled.hidden + filled.late + filled.failed,
        silent.count() as u64
    );
    played
}

fn calls() -> impl Strategy<Value = Call> {
    let ask = prop_oneof![
        3 => Just(Ask::Pause),
        3 => Just(Ask::Resume),
        2 => (100_u64..4_000).prop_map(Ask::Blank),
    ];
    (
        60_usize..250,
        prop::collection::vec(1_usize..150, 1..6),
        0_usize..20,
    )
        .prop_flat_map(move |(frames, delays, lag)| {
            let asks = prop::collection::vec((0..frames + lag, ask.clone()), 0..12);
            asks.prop_map(move |asks| Call {
                frames,
                asks,
                delays: delays.clone(),
                lag,
            })
        })
}

/// For each of so many samples, whether it is in one of the ranges.
fn within(length: usize, ranges: &[(u64, u64)]) -> Vec<bool> {
    let mut within = vec![false; length];
    for (from, to) in ranges {
        let place = |index: u64| usize::try_from(index).unwrap_or(length).min(length);
        within[place(*from)..place(*to).max(place(*from))].fill(true);
    }
    within
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_paused_never_leaves_audible(call in calls()) {
        let input = input(&call);
        let played = play(&call);
        let rate = SampleRate::TELEPHONE;
        for (leg, released) in played.released.iter().enumerate() {
            prop_assert_eq!(released.len(), input[leg].len());
            let must = within(released.len(), &played.must);
            let told: Vec<(u64, u64)> = played.events.iter().filter_map(|event| match event {
                Event::Hidden { leg: of, span, .. } | Event::Late { leg: of, span } | Event::Failed { leg: of, span, .. }
                    if *of == LEGS[leg] => Some((rate.index_at(span.start).0, rate.index_at(span.end).0)),
                _ => None,
            }).collect();
            let told = within(released.len(), &told);
            for (at, (&out, &heard)) in released.iter().zip(&input[leg]).enumerate() {
                let is_right = if must[at] || told[at] { out == 0 } else { out == heard };
                prop_assert!(is_right && (told[at] || !must[at]), "leg {} sample {}", leg, at);
            }
        }
    }

    #[test]
    fn what_is_not_paused_leaves_as_it_would(mut call in calls()) {
        call.delays = vec![1];
        call.lag = 0;
        let input = input(&call);
        let played = play(&call);
        for (leg, released) in played.released.iter().enumerate() {
            let hidden = within(released.len(), &played.may);
            for (at, (&out, &heard)) in released.iter().zip(&input[leg]).enumerate() {
                prop_assert!(out == if hidden[at] { 0 } else { heard }, "leg {} sample {}", leg, at);
            }
        }
        for event in &played.events {
            let Event::Hidden { kind, rule, paused, .. } = event else {
                prop_assert!(false, "{:?}", event);
                continue;
            };
            prop_assert_eq!(kind, "manual");
            prop_assert!(rule == "manual_pause" || rule == "manual_blank");
            prop_assert!(!paused);
        }
    }
}

#[test]
fn a_pause_and_blanking_change_what_is_hiding() {
    let mut session = Session::new(settings(1, 8_000, 2_000));
    let number = session.plan_number();
    assert_eq!(session.handle_pause(), MediaTime::ZERO);
    assert_eq!(session.handle_pause(), MediaTime::ZERO, "it is paused");
    assert_eq!(session.plan_number(), number + 1);
    assert_eq!(session.hiding().count(), 1);
    assert_eq!(session.attention(), Attention::Nothing);
    assert!(session.handle_resume());
    assert!(!session.handle_resume());
    let spans: Vec<_> = session.hiding().map(|hidden| hidden.span).collect();
    let under_way = MediaTime::from_millis(1_000);
    assert_eq!(spans, [crate::audio::Span::new(MediaTime::ZERO, under_way)]);
    let blanked = session.handle_blank(MediaTime::from_millis(500));
    assert!(blanked.span.is_empty());
    assert_eq!(blanked.too_late, MediaTime::ZERO, "nothing was said");
}
