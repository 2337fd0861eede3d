use super::*;
use crate::audio::Span;
use crate::egress::report::Totals;

fn seconds(from: f64, to: f64) -> Span {
    Span::new(MediaTime::from_seconds(from), MediaTime::from_seconds(to))
}

fn stretch(leg: Option<Leg>, from: f64, to: f64) -> Stretch {
    Stretch::new(leg, seconds(from, to))
}

fn said(leg: Leg, from: f64, text: &str) -> Utterance {
    let words: Vec<SpokenWord> = text
        .split(' ')
        .zip(0..)
        .map(|(text, at)| SpokenWord {
            start: from + f64::from(at),
            end: from + f64::from(at) + 0.8,
            text: text.to_owned(),
        })
        .collect();
    Utterance {
        leg,
        start: from,
        end: words.last().unwrap().end,
        text: text.to_owned(),
        words,
    }
}

fn texts(said: &[Utterance]) -> Vec<&str> {
    said.iter().map(|said| said.text.as_str()).collect()
}

#[test]
fn words_in_a_stretch_become_one_mask() {
    let talk = vec![
        said(Leg::Agent, 0.0, "what is your mother's maiden name"),
        said(Leg::Customer, 10.0, "it is marmalade of course"),
    ];
    let one = masked(talk.clone(), &[stretch(None, 11.9, 14.5)], "erased");
    assert_eq!(
        texts(&one),
        ["what is your mother's maiden name", "it is [erased]"]
    );
    assert_eq!(one[1].words.len(), 3);
    assert_eq!(one[1].words[2].start, 12.0);
    let agents = masked(talk.clone(), &[stretch(Some(Leg::Agent), 0.0, 99.0)], "pan");
    assert_eq!(texts(&agents), ["[pan]", "it is marmalade of course"]);
    // Touching is not covering; a moment at the start is.
    let touched = masked(talk.clone(), &[stretch(None, 10.8, 11.0)], "erased");
    assert_eq!(texts(&touched), texts(&talk));
    let mut untimed = talk;
    untimed[1].words.clear();
    let whole = masked(untimed, &[stretch(None, 12.0, 12.1)], "erased");
    assert_eq!(whole[1].text, "[erased]");
}

#[test]
fn what_was_said_at_one_moment_or_in_one_channel_is_covered() {
    let all = stretch(Some(Leg::Agent), 1.0, 2.0);
    assert!(covers(all, Leg::Agent, 1.0, 1.0));
    assert!(covers(all, Leg::Mixed, 1.5, 1.6));
    assert!(!covers(all, Leg::Customer, 1.5, 1.6));
    assert!(!covers(all, Leg::Agent, 2.0, 2.0));
}

#[test]
fn stretches_are_found_in_a_recording_that_was_paused() {
    let gap = Gap {
        start: 10.0,
        end: 15.0,
        recorded_at: 10.0,
    };
    let frames = |from, to| {
        let found = blanks(
            &[stretch(None, from, to)],
            std::slice::from_ref(&gap),
            8_000,
            2,
        );
        (found[0].frames.start, found[0].frames.end)
    };
    assert_eq!(frames(1.0, 2.0), (8_000, 16_000));
    assert_eq!(frames(20.0, 21.0), (120_000, 128_000));
    assert_eq!(frames(9.0, 16.0), (72_000, 88_000));
    // Within what was left out there is nothing.
    assert_eq!(frames(11.0, 14.0), (80_000, 80_000));
    // Outwards to whole samples.
    assert_eq!(frames(0.000_01, 0.000_26), (0, 3));
    let customer = blanks(&[stretch(Some(Leg::Customer), 0.0, 1.0)], &[], 8_000, 2);
    assert_eq!(customer[0].channel, Some(1));
    let mixed = blanks(&[stretch(Some(Leg::Customer), 0.0, 1.0)], &[], 8_000, 1);
    assert_eq!(mixed[0].channel, None);
}

#[test]
fn a_report_tells_what_was_erased_and_counts_it_once() {
    let mut report = Report {
        schema: 1,
        hushgate_version: "0".into(),
        call: "CA1".into(),
        sample_rate: 8_000,
        duration_s: 20.0,
        hold_s: 6.0,
        policy_version: "p".into(),
        model_sha256: "m".into(),
        legs: vec![Leg::Agent, Leg::Customer],
        parties: Default::default(),
        spans: Vec::new(),
        late: Vec::new(),
        failed: Vec::new(),
        gaps: Vec::new(),
        not_forwarded: Vec::new(),
        recorder_control: Vec::new(),
        by_hand: Vec::new(),
        alerts: Vec::new(),
        transcript: Vec::new(),
        totals: Totals::default(),
        engine: Default::default(),
        abnormal_end: None,
    };
    tell(
        &mut report,
        &[stretch(Some(Leg::Agent), 5.0, 7.0)],
        "pan",
        "heard later",
    );
    assert_eq!(report.totals.hidden_s, 2.0);
    tell(
        &mut report,
        &[stretch(None, 4.0, 30.0)],
        "erased",
        "asked for",
    );
    // 4 to 20 on both legs, of which 2 seconds were told.
    assert_eq!(report.totals.hidden_s, 2.0 + 14.0 + 16.0);
    assert_eq!(report.spans.len(), 3);
    assert_eq!(report.spans[2].kind, "pan");
    assert!(report.spans.iter().all(|span| span.rule == RULE));
    tell(
        &mut report,
        &[stretch(None, 25.0, 30.0)],
        "erased",
        "asked for",
    );
    assert_eq!(report.spans.len(), 3);
}

#[test]
fn times_are_read_as_people_write_them() {
    let read = |text: &str| text.parse::<CallTime>().map(|time| time.0.seconds());
    assert_eq!(read("83.5"), Ok(83.5));
    assert_eq!(read("1:23.5"), Ok(83.5));
    assert_eq!(read("1:00:05"), Ok(3_605.0));
    for wrong in [
        "", "x", "-1", "1:60", "1:2:3:4", "1e3", "NaN", "inf", "99999999",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
