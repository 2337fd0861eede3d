//! Calls as those who look after them see them: events in order, resumed, missed; levels and blocks as they left.

use proptest::prelude::*;

use super::*;
use crate::access::Subject;
use crate::audio::{MediaTime, SampleIndex, SampleRate, Span};
use crate::call::Leg;
use crate::call::note::Note;
use crate::call::particulars::{Label, Particulars};
use crate::detect::Kind;
use crate::policy::{Fill, Mode, Redaction};
use crate::session::CleanAudio;
use crate::telemetry::Event;

fn facts(name: &str, agent: &str) -> Facts {
    Facts {
        name: name.into(),
        began: jiff::Timestamp::now(),
        door: "twilio".into(),
        particulars: Particulars {
            agent: Some(Label::new(agent).unwrap()),
            ..Particulars::default()
        },
        legs: &[Leg::Agent, Leg::Customer],
        rate: SampleRate::TELEPHONE,
        hold: MediaTime::from_millis(2_000),
        examined: true,
        recorder: RecorderPlace::Here,
    }
}

fn late(millis: u64) -> Event {
    let start = MediaTime::from_millis(millis);
    Event::Late {
        leg: Leg::Agent,
        span: Span::new(start, start + MediaTime::from_millis(100)),
    }
}

/// What is there, by number.
fn taken(subscription: &mut Subscription) -> Vec<Result<Option<u64>, Missed>> {
    std::iter::from_fn(|| subscription.take())
        .map(|taken| taken.map(|published| published.number))
        .collect()
}

#[test]
fn calls_are_found_by_name_and_agent() {
    let live = Live::new();
    let first = live.begin(facts("CA1", "a7"));
    let second = live.begin(facts("CA1", "a8"));
    let names: Vec<String> = live
        .calls()
        .iter()
        .map(|call| call.facts().name.clone())
        .collect();
    assert_eq!(names, ["CA1", "CA1-2"]);
    assert_eq!(live.call_of("a8").unwrap().facts().name, "CA1-2");
    assert!(live.call_of("a9").is_none() && live.call("CA2").is_none());
    let expected = Subject::Call {
        site: None,
        queue: None,
        agent: Some("a7"),
    };
    assert_eq!(first.call().facts().subject(), expected);
    let call = Arc::clone(second.call());
    drop(second);
    assert_eq!(live.calls().len(), 1);
    assert_eq!(call.now().state, CallState::Ended);
    assert!(call.listen().is_none());
}

#[test]
fn events_are_resumed_after_an_id_and_missed_ones_are_told() {
    let live = Live::new();
    let mut watcher = live.subscribe(None);
    assert_eq!(live.last_event().to_string().parse(), Ok(live.last_event()));
    let mut call = live.begin(facts("CA1", "a7"));
    let after = live.last_event();
    for number in 0..5 {
        call.event(&late(number * 1_000));
    }
    assert_eq!(
        taken(&mut watcher),
        (1..=6).map(|n| Ok(Some(n))).collect::<Vec<_>>()
    );
    assert_eq!(watcher.last(), live.last_event());
    let mut resumed = live.subscribe(Some(&after));
    call.event(&late(9_000));
    assert_eq!(
        taken(&mut resumed),
        (2..=7).map(|n| Ok(Some(n))).collect::<Vec<_>>()
    );
    // Of another start, of the future, or too old.
    for wrong in ["x-1", &format!("{}9", live.last_event())] {
        let mut resumed = live.subscribe(Some(&wrong.parse().unwrap()));
        call.event(&late(10_000));
        let taken = taken(&mut resumed);
        assert_eq!(taken[0], Err(Missed));
        assert_eq!(taken.len(), 2);
    }
    for number in 0..5_000 {
        call.event(&late(20_000 + number * 1_000));
    }
    assert_eq!(taken(&mut live.subscribe(Some(&after)))[0], Err(Missed));
    // Who is slow misses the oldest, and goes on.
    let slow = taken(&mut watcher);
    assert_eq!(slow[0], Err(Missed));
    assert_eq!(slow.len(), 4_097);
    for wrong in ["", "-", "x-", "-1", "x-y", "x y-1", "x-1-"] {
        assert!(wrong.parse::<EventId>().is_err(), "{wrong}");
    }
}

#[test]
fn what_touches_is_one_stretch() {
    let live = Live::new();
    let mut call = live.begin(facts("CA1", "a7"));
    for start in [0, 100, 200, 500] {
        call.event(&late(start));
    }
    let spans: Vec<f64> = call
        .call()
        .past()
        .spans
        .iter()
        .map(|told| told.span.length().seconds())
        .collect();
    assert_eq!(spans, [0.3, 0.1]);
}

fn redaction(start: u64, end: u64, kind: Kind) -> Redaction {
    Redaction {
        leg: Leg::Customer,
        span: Span::new(MediaTime::from_millis(start), MediaTime::from_millis(end)),
        kind,
        rule: "test",
        reason: String::new(),
        confidence: 1.0,
        mode: Mode::Blank,
        fill: Fill::Silence,
    }
}

#[test]
fn what_is_decided_keeps_its_number_while_it_grows() {
    let (mut known, mut next) = (Vec::new(), 0);
    let mut follow = |plan: &[Redaction], released: u64| {
        let released = MediaTime::from_millis(released);
        let changes = decided::follow(&mut known, plan.iter(), released, &mut next);
        changes
            .iter()
            .map(|change| (change.number, change.lifted))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        follow(&[redaction(1_000, 2_000, Kind::PAN)], 0),
        [(1, false)]
    );
    assert_eq!(follow(&[redaction(1_000, 2_050, Kind::PAN)], 0), []);
    let plan = [
        redaction(1_000, 3_000, Kind::PAN),
        redaction(1_500, 2_000, Kind::CVV),
    ];
    assert_eq!(follow(&plan, 0), [(1, false), (2, false)]);
    assert_eq!(follow(&plan[..1], 500), [(2, true)]);
    assert_eq!(follow(&[], 3_000), [], "it has left");
    assert_eq!(follow(&plan[..1], 0), [(3, false)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    /// Peaks and blocks are those of the samples, however the audio was cut.
    #[test]
    fn levels_and_blocks_are_those_of_the_samples(
        lengths in prop::collection::vec(1_usize..2_500, 1..12),
        gaps in prop::collection::vec(0_u64..3_000, 12),
        samples in prop::collection::vec(any::<i16>(), 64),
    ) {
        let mut peaks = peaks::Peaks::new(2, SampleRate::TELEPHONE, MediaTime::from_millis(60_000));
        let mut at = 0;
        let mut whole: Vec<[i16; 2]> = Vec::new();
        let mut told = Vec::new();
        for (length, gap) in lengths.iter().zip(&gaps) {
            // Every third is left out, as pauses are.
            if gap % 3 == 0 {
                at += gap;
                whole.resize(at as usize, [0; 2]);
            }
            let sample = |index: u64, leg: u64| samples[((index * 7 + leg * 13) % 64) as usize];
            let channel = |leg| (at..at + *length as u64).map(|index| sample(index, leg)).collect();
            let audio = CleanAudio::for_test(SampleRate::TELEPHONE, SampleIndex(at), vec![channel(0), channel(1)]);
            if let Some(levels) = peaks.add(&audio) {
                prop_assert_eq!(levels.from, MediaTime::from_millis(told.len() as u64 * 100));
                told.extend(levels.legs[0].iter().copied().zip(levels.legs[1].iter().copied()));
            }
            let mut heard = at;
            for block in tap::blocks(audio) {
                let message = block.message(Channels::All);
                let word = |place: usize| u64::from_le_bytes(message[place..place + 8].try_into().unwrap());
                prop_assert_eq!(word(0), heard);
                prop_assert_eq!(word(8), 8_000 | 2 << 32);
                let body = message[16..].chunks(4).map(|frame| {
                    [i16::from_le_bytes([frame[0], frame[1]]), i16::from_le_bytes([frame[2], frame[3]])]
                });
                let body: Vec<[i16; 2]> = body.collect();
                prop_assert!((1..=800).contains(&body.len()));
                let one = block.message(Channels::One(1));
                let second: Vec<i16> = one[16..].chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
                prop_assert_eq!(one[12], 1);
                prop_assert_eq!(second, body.iter().map(|frame| frame[1]).collect::<Vec<_>>());
                heard += body.len() as u64;
                whole.extend(body);
            }
            at += *length as u64;
            prop_assert_eq!(heard, at);
        }
        let expected: Vec<Vec<u8>> = [0, 1].map(|leg| {
            let peak = |bin: &[[i16; 2]]| bin.iter().map(|frame| u32::from(frame[leg].unsigned_abs())).max().unwrap();
            whole.chunks_exact(800).map(|bin| (peak(bin) * 100).div_ceil(32_768).min(100) as u8).collect()
        }).into();
        prop_assert_eq!(&peaks.all().legs, &expected);
        for (place, (agent, customer)) in told.iter().enumerate() {
            prop_assert_eq!((*agent, *customer), (expected[0][place], expected[1][place]));
        }
    }
}

#[tokio::test]
async fn a_call_that_is_over_or_busy_says_so() {
    let live = Live::new();
    let call = live.begin(facts("CA1", "a7"));
    let person = || crate::telemetry::Person {
        name: "kim".into(),
        is_program: false,
    };
    let shown = Arc::clone(call.call());
    let mark = || Asked::Mark(Note::new("here").unwrap());
    let mut waiting = Vec::new();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..COMMANDS {
        let mut asked = Box::pin(shown.ask(person(), mark()));
        assert!(asked.as_mut().poll(&mut context).is_pending());
        waiting.push(asked);
    }
    assert_eq!(shown.ask(person(), mark()).await, Err(NotAnswered::Busy));
    drop(call);
    for asked in waiting {
        assert_eq!(asked.await, Err(NotAnswered::Ended));
    }
    assert_eq!(shown.ask(person(), mark()).await, Err(NotAnswered::Ended));
}
