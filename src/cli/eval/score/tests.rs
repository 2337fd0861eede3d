use super::*;

const RATE: u32 = 8_000;

/// Loud speech: a tone that no fill or other tone resembles.
fn speech(seconds: f64, hertz: f64) -> Vec<i16> {
    (0..(seconds * f64::from(RATE)) as usize)
        .map(|at| {
            let phase = at as f64 / f64::from(RATE) * hertz * std::f64::consts::TAU;
            (phase.sin() * 8_000.0) as i16
        })
        .collect()
}

fn silenced(samples: &[i16], spans: &[(f64, f64)]) -> Vec<i16> {
    let mut silenced = samples.to_vec();
    for &(start, end) in spans {
        silenced[(start * f64::from(RATE)) as usize..(end * f64::from(RATE)) as usize].fill(0);
    }
    silenced
}

fn item(kind: &str, digits: &[(f64, f64)]) -> Item {
    Item {
        channel: 0,
        kind: kind.into(),
        start: digits[0].0,
        end: digits[digits.len() - 1].1,
        digits: digits.to_vec(),
        timed: None,
    }
}

/// Ten seconds with a card number of four digits at 4 to 6 s, and a benign one at 8 to 9 s.
fn labels() -> Labels {
    Labels {
        name: "call".into(),
        audio: "call.wav".into(),
        spoken: None,
        sample_rate: RATE,
        channels: vec!["agent".into(), "customer".into()],
        scenario: "pan".into(),
        sensitive: vec![item(
            "pan",
            &[(4.0, 4.5), (4.5, 5.0), (5.0, 5.5), (5.5, 6.0)],
        )],
        benign: vec![item("phone", &[(8.0, 9.0)])],
    }
}

fn original() -> Vec<Vec<i16>> {
    vec![speech(10.0, 400.0), vec![0; 80_000]]
}

fn undegraded() -> Original {
    Original {
        played: original(),
        spoken: None,
    }
}

fn scored(redacted: &[Vec<i16>], fill: FillHeard) -> CallScore {
    score(&labels(), &undegraded(), redacted, fill)
}

#[test]
fn a_recording_without_redaction_leaks_everything() {
    let score = scored(&original(), FillHeard::Silence);
    assert_eq!((score.items[0].leaked, score.items[0].digits), (4, 4));
    assert!(score.benign[0].audible);
    // 3.5 s before and 3.5 s after, less the frames that the borders of the grace cut.
    assert_eq!((score.benign_s, score.over_s), (6.98, 0.0));
}

#[test]
fn hidden_digits_do_not_leak() {
    let [speech, quiet] = original().try_into().unwrap();
    let score = scored(
        &[silenced(&speech, &[(4.0, 6.0)]), quiet.clone()],
        FillHeard::Silence,
    );
    assert_eq!(score.items[0].which, [0usize; 0]);
    assert_eq!(score.over_s, 0.0);
    // A quarter of a digit may be heard, more may not.
    let score = scored(
        &[silenced(&speech, &[(4.12, 5.0), (5.14, 6.0)]), quiet],
        FillHeard::Silence,
    );
    assert_eq!(score.items[0].which, [2]);
}

#[test]
fn lost_speech_is_counted() {
    let [speech, quiet] = original().try_into().unwrap();
    let score = scored(
        &[
            silenced(&speech, &[(1.0, 2.0), (3.5, 6.5), (8.0, 8.3)]),
            quiet,
        ],
        FillHeard::Silence,
    );
    assert_eq!(score.over_s, 1.3);
    assert!(!score.benign[0].audible);
}

#[test]
fn a_fill_is_not_heard_unless_it_resembles_the_speech() {
    let tone = speech(10.0, 1_000.0);
    let upside_down: Vec<i16> = original()[0].iter().map(|x| -x / 4).collect();
    assert_eq!(
        scored(&[tone.clone(), vec![0; 80_000]], FillHeard::Other).items[0].leaked,
        0
    );
    assert_eq!(
        scored(&[tone, vec![0; 80_000]], FillHeard::Silence).items[0].leaked,
        4
    );
    assert_eq!(
        scored(&[upside_down, vec![0; 80_000]], FillHeard::Other).items[0].leaked,
        4
    );
}

#[test]
fn speech_that_moved_to_the_other_channel_leaks() {
    let score = scored(&[vec![0; 80_000], speech(10.0, 400.0)], FillHeard::Silence);
    assert_eq!(score.items[0].leaked, 4);
}

#[test]
fn an_unfit_recording_leaks_everything() {
    let short = vec![vec![0; 70_000], vec![0; 70_000]];
    let score = scored(&short, FillHeard::Silence);
    assert_eq!(score.problems, ["length 70000 instead of 80000 samples"]);
    assert_eq!(score.items[0].leaked, 4);
    let score = scored(&[vec![0; 80_000]], FillHeard::Silence);
    assert_eq!(score.problems, ["1 channels instead of 2"]);
    assert_eq!(score.items[0].leaked, 4);
}

#[test]
fn labels_beyond_the_call_are_nothing_to_hear() {
    let mut labels = labels();
    labels.sensitive = vec![item("pan", &[(20.0, 21.0)])];
    let score = score(&labels, &undegraded(), &original(), FillHeard::Silence);
    assert_eq!(score.items[0].leaked, 0);
}

#[test]
fn added_noise_and_lost_frames_are_no_speech() {
    let spoken = vec![
        silenced(&speech(10.0, 400.0), &[(0.0, 3.0)]),
        vec![0; 80_000],
    ];
    let noise = silenced(&speech(10.0, 1_000.0), &[(3.0, 10.0)]);
    let lost = silenced(&spoken[0], &[(7.0, 7.2)]);
    let played: Vec<i16> = noise.iter().zip(&lost).map(|(a, b)| a + b).collect();
    let kept = silenced(&played, &[(0.0, 2.0), (4.0, 6.0)]);
    let original = Original {
        played: vec![played, vec![0; 80_000]],
        spoken: Some(spoken),
    };
    let score = score(
        &labels(),
        &original,
        &[kept, vec![0; 80_000]],
        FillHeard::Silence,
    );
    // Half a second before the number's grace and 3.3 s after it, 0.2 s of them lost on the line.
    assert_eq!((score.benign_s, score.over_s), (3.78, 0.0));
    assert_eq!(score.items[0].leaked, 0);
}

#[test]
fn every_speaker_is_counted() {
    let mut labels = labels();
    labels.sensitive.push(Item {
        channel: 1,
        ..item("cvv", &[(1.0, 1.5), (1.5, 2.0)])
    });
    let both = vec![speech(10.0, 400.0), speech(10.0, 1_000.0)];
    let redacted = [silenced(&both[0], &[(3.0, 6.0)]), both[1].clone()];
    let original = Original {
        played: both,
        spoken: None,
    };
    let call = score(&labels, &original, &redacted, FillHeard::Silence);
    let all = summarise(&[call]);
    let (agent, customer) = (&all.legs["agent"], &all.legs["customer"]);
    assert_eq!((agent.leaks.digits, agent.leaks.leaked), (4, 0));
    assert_eq!((customer.leaks.digits, customer.leaks.leaked), (2, 2));
    assert_eq!((agent.benign_numbers, customer.benign_numbers), (1, 0));
    assert_eq!((agent.over_blanked_s, customer.over_blanked_s), (0.5, 0.0));
}

#[test]
fn percentiles_interpolate() {
    assert_eq!(percentile(&[], 0.5), 0.0);
    assert_eq!(percentile(&[3.0], 0.99), 3.0);
    assert_eq!(percentile(&[4.0, 1.0, 2.0, 3.0], 0.5), 2.5);
    assert_eq!(percentile(&[4.0, 1.0, 2.0, 3.0], 1.0), 4.0);
    assert!((percentile(&[0.0, 10.0], 0.99) - 9.9).abs() < 1e-12);
}

#[test]
fn calls_add_up() {
    let [speech, quiet] = original().try_into().unwrap();
    let clean = scored(
        &[silenced(&speech, &[(4.0, 6.0)]), quiet],
        FillHeard::Silence,
    );
    let mut leaky = scored(&original(), FillHeard::Silence);
    leaky.scenario = "other".into();
    let all = summarise(&[clean, leaky]);
    assert_eq!((all.calls, all.items, all.items_leaking), (2, 2, 1));
    assert_eq!(
        (all.digits, all.digits_leaked, all.digit_leak_pct),
        (8, 4, 50.0)
    );
    assert_eq!((all.benign_numbers, all.benign_numbers_audible), (2, 2));
    assert_eq!(all.kinds["pan"].leaking, 1);
    assert_eq!(all.scenarios["pan"].leaks.leaked, 0);
    assert_eq!(all.scenarios["other"].leaks.leaked, 4);
}
