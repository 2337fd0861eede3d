use proptest::prelude::*;

use super::*;

fn activity(kind: u8) -> Activity {
    Activity {
        audible: kind > 0,
        voiced: kind > 1,
        level: f32::from(kind) * 100.0,
    }
}

/// Runs frames through a cutter and returns the decisions with the frame each was made at.
fn decide(settings: CutterSettings, frames: &[u8]) -> Vec<(u64, Decision)> {
    let mut cutter = WindowCutter::new(settings);
    let mut decisions = Vec::new();
    for (at, &kind) in frames.iter().enumerate() {
        let oldest = cutter.oldest_needed();
        if let Some(decision) = cutter.push(activity(kind)) {
            if let Decision::Window { listen_from, .. } = decision {
                assert!(
                    listen_from >= oldest.min(at as u64),
                    "audio already let go is asked for"
                );
            }
            decisions.push((at as u64, decision));
        }
    }
    decisions.extend(
        cutter
            .flush()
            .map(|decision| (frames.len() as u64, decision)),
    );
    decisions
}

fn settings() -> CutterSettings {
    CutterSettings::for_hold(MediaTime::from_millis(6_000), MediaTime::from_millis(300))
}

#[test]
fn a_pause_ends_a_window_and_groups_stay_together() {
    let mut frames = vec![0; 20];
    frames.extend([2; 60]); // about a second of speech
    frames.extend([0; 20]); // 0.3 s: between groups of digits
    frames.extend([2; 60]);
    frames.extend([0; 60]);
    let windows = decide(settings(), &frames)
        .into_iter()
        .filter(|(_, decision)| matches!(decision, Decision::Window { .. }))
        .count();
    assert_eq!(windows, 1);
}

#[test]
fn who_speaks_when_time_is_up_is_cut_where_they_began() {
    for before in [1, 2] {
        let mut frames = vec![before; 100]; // noise, or speech
        frames.extend([1; 20]);
        frames.extend([2; 200]);
        let windows = decide(settings(), &frames);
        let Some((at, Decision::Window { to, .. })) = windows.first() else {
            panic!("no window");
        };
        assert_eq!(*at + 1, settings().longest);
        assert!((100..=120).contains(to), "decides to {to}");
        let Some((
            _,
            Decision::Window {
                from, listen_from, ..
            },
        )) = windows.get(1)
        else {
            panic!("no second window");
        };
        assert!(
            from == to && *listen_from < 120,
            "its beginning is heard whole"
        );
    }
}

#[test]
fn what_is_said_shortly_after_one_another_is_one_window() {
    let mut frames = vec![2; 30];
    frames.extend([0; 60]); // about a second
    frames.extend([2; 30]);
    frames.extend([0; 200]);
    let windows = decide(settings(), &frames);
    let cuts: Vec<u64> = windows
        .iter()
        .filter(|(_, decision)| matches!(decision, Decision::Window { .. }))
        .map(|(at, _)| at + 1)
        .collect();
    assert_eq!(cuts, [settings().gathering]);
}

#[test]
fn what_was_said_just_before_is_heard_again() {
    let mut frames = vec![2; 100];
    frames.extend([0; 80]);
    frames.extend([2; 100]);
    frames.extend([0; 300]);
    frames.extend([2; 100]);
    frames.extend([0; 80]);
    let heard: Vec<(u64, u64)> = decide(settings(), &frames)
        .into_iter()
        .filter_map(|(_, decision)| match decision {
            Decision::Window {
                from, listen_from, ..
            } => Some((from, listen_from)),
            Decision::Silence { .. } => None,
        })
        .collect();
    assert_eq!(heard.len(), 3);
    assert_eq!(heard[1].1, 0, "the second hears the first again");
    assert!(
        heard[2].1 + PRE_ROLL >= heard[2].0,
        "the third follows a long pause"
    );
}

proptest! {
    #[test]
    fn every_frame_is_decided_once_in_order_and_in_time(
        runs in prop::collection::vec((0_u8..3, 1_usize..300), 1..40),
        hold in 2_000_u64..12_000,
    ) {
        let frames: Vec<u8> = runs.iter().flat_map(|&(kind, length)| vec![kind; length]).collect();
        let settings = CutterSettings::for_hold(MediaTime::from_millis(hold), MediaTime::from_millis(300));
        let mut decided = 0;
        for (at, decision) in decide(settings, &frames) {
            let (from, to) = match decision {
                Decision::Silence { from, to } => {
                    prop_assert!(frames[from as usize..to as usize].iter().all(|&kind| kind == 0));
                    (from, to)
                }
                Decision::Window { from, to, listen_from, listen_to } => {
                    prop_assert!(listen_from <= from && to <= listen_to && listen_to <= at + 1);
                    let most = settings.longest_heard.max(settings.longest + OVERLAP + GUARD + PRE_ROLL);
                    prop_assert!(listen_to - listen_from <= most, "older than the hold");
                    prop_assert!(at + 1 - from <= settings.longest, "undecided for {}", at + 1 - from);
                    (from, to)
                }
            };
            prop_assert_eq!(from, decided);
            prop_assert!(to > from);
            decided = to;
        }
        prop_assert_eq!(decided, frames.len() as u64);
    }
}
