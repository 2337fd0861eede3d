use proptest::prelude::*;

use super::*;

fn of(seconds: &[f64]) -> Slack {
    let mut slack = Slack::default();
    for &one in seconds {
        slack.add(one);
    }
    slack
}

#[test]
fn the_worst_of_a_hundred_is_found() {
    let mut seconds = vec![4.05; 99];
    seconds.push(-0.31);
    let slack = of(&seconds);
    assert_eq!(slack.windows(), 100);
    assert_eq!(slack.reached_by(0.5), Some(4.0));
    assert_eq!(slack.reached_by(0.99), Some(4.0));
    assert_eq!(slack.reached_by(1.0), Some(-0.4));
    assert_eq!(Slack::default().reached_by(0.5), None);
}

#[test]
fn what_is_late_by_a_hair_is_negative() {
    assert_eq!(of(&[-0.000_001]).reached_by(1.0), Some(-0.1));
    assert_eq!(of(&[0.0]).reached_by(1.0), Some(0.0));
}

#[test]
fn a_long_call_takes_no_more_than_a_short_one() {
    let mut slack = of(&[f64::MAX, f64::MIN, f64::NAN]);
    for index in 0..200_000 {
        slack.add(f64::from(index) / 777.0 - 90.0);
    }
    assert!(slack.bins.len() <= 2 * LAST_BIN as usize + 1);
    assert_eq!(slack.windows(), 200_003);
}

#[test]
fn it_is_written_as_pairs() {
    let text = serde_json::to_string(&of(&[3.72, -0.2, 3.78])).unwrap();
    assert_eq!(text, "[[-0.2,1],[3.7,2]]");
}

proptest! {
    #[test]
    fn written_counts_are_read_again(seconds in prop::collection::vec(-70.0..70.0, 0..50)) {
        let slack = of(&seconds);
        let text = serde_json::to_string(&slack).unwrap();
        prop_assert_eq!(serde_json::from_str::<Slack>(&text).unwrap(), slack);
    }

    #[test]
    fn calls_add_up(first in prop::collection::vec(-9.0..9.0, 0..40), second in prop::collection::vec(-9.0..9.0, 0..40)) {
        let mut sum = of(&first);
        sum.merge(&of(&second));
        let all: Vec<f64> = first.into_iter().chain(second).collect();
        prop_assert_eq!(sum, of(&all));
    }
}
