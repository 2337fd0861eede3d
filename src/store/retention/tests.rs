use proptest::prelude::*;

use super::holds::{Holds, Release, Scope, upon};
use super::*;
use crate::call::particulars::Label;
use crate::store::documents::Id;
use crate::store::index::NumberHash;

const DAY: i64 = 86_400;
/// So that days before it are days after 1970.
const NOW: i64 = 1_000 * DAY;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A call that began so many days ago.
fn call(days: i64) -> IndexedCall {
    IndexedCall {
        name: RecordName::new("CA1").unwrap(),
        began: at(NOW - days * DAY),
        duration_s: 60.0,
        state: State::Complete,
        agent: Some(Label::new("kim").unwrap()),
        queue: Some(Label::new("billing").unwrap()),
        site: None,
        vendor: None,
        jurisdiction: Some(Label::new("EU").unwrap()),
        outcome: None,
        caller: Some(NumberHash("aa".into())),
        called: None,
        hidden_s: BTreeMap::from([("pan".to_owned(), 4.0)]),
        late_s: 0.0,
        failed_s: 0.0,
        pause_failures: 0,
        alerts: BTreeMap::new(),
        bytes: 1_000,
        quarantined: false,
        holds: 0,
        policy_version: "p".into(),
        model_sha256: "m".into(),
        ended_normally: true,
    }
}

fn policy(name: &str, keep: Keep, condition: Condition) -> Policy {
    Policy {
        name: name.into(),
        content: PARTS.into_iter().collect(),
        condition,
        keep,
    }
}

fn queue(name: &str) -> Condition {
    Condition {
        queue: Some(name.into()),
        ..Condition::default()
    }
}

fn decided(policies: &[Policy], call: &IndexedCall) -> Option<String> {
    let policies = Policies::new(policies.to_vec());
    let decision = policies.decide(call, &[], at(NOW))?;
    decision.parts.get(&Content::Audio).cloned()
}

#[test]
fn the_most_specific_decides_then_the_longest() {
    let all = policy("all", Keep::Days(30), Condition::default());
    let billing = policy("billing", Keep::Days(90), queue("billing"));
    let sales = policy("sales", Keep::Days(1), queue("sales"));
    let europe = policy(
        "europe",
        Keep::Days(60),
        Condition {
            jurisdiction: Some("EU".into()),
            ..Condition::default()
        },
    );
    let both = policy(
        "both",
        Keep::Days(10),
        Condition {
            jurisdiction: Some("EU".into()),
            ..queue("billing")
        },
    );
    let is = |policies: &[&Policy], days, expected: Option<&str>| {
        let policies: Vec<Policy> = policies.iter().map(|policy| (*policy).clone()).collect();
        assert_eq!(decided(&policies, &call(days)).as_deref(), expected);
    };
    is(&[], 999, None);
    is(&[&sales], 999, None);
    is(&[&all], 29, None);
    is(&[&all], 30, Some("all"));
    is(&[&all, &billing], 60, None);
    is(&[&all, &billing], 90, Some("billing"));
    // As specific: the longest.
    is(&[&europe, &billing], 60, None);
    is(&[&europe, &billing], 90, Some("billing"));
    is(&[&all, &europe, &billing, &both], 10, Some("both"));
    let forever = policy("forever", Keep::Forever, queue("billing"));
    is(&[&all, &billing, &forever], 999, None);
    // Except what is to go now.
    let now = policy(
        "now",
        Keep::DeleteNow,
        Condition {
            kind: Some("pan".into()),
            ..Condition::default()
        },
    );
    is(&[&forever, &both, &now], 0, Some("now"));
    let cvv = policy(
        "cvv",
        Keep::DeleteNow,
        Condition {
            kind: Some("cvv".into()),
            ..Condition::default()
        },
    );
    is(&[&cvv], 999, None);
    let quarantined = policy(
        "quarantined",
        Keep::DeleteNow,
        Condition {
            quarantined: Some(true),
            ..Condition::default()
        },
    );
    is(&[&quarantined], 0, None);
    let locked = IndexedCall {
        quarantined: true,
        ..call(0)
    };
    assert_eq!(
        decided(&[quarantined], &locked).as_deref(),
        Some("quarantined")
    );
}

#[test]
fn parts_go_at_their_own_times() {
    let only = |name: &str, content, days| Policy {
        content: BTreeSet::from([content]),
        ..policy(name, Keep::Days(days), Condition::default())
    };
    let policies = Policies::new(vec![
        only("sound", Content::Audio, 30),
        only("words", Content::Transcript, 60),
    ]);
    let parts = |days| {
        let decision = policies.decide(&call(days), &[], at(NOW));
        decision.map(|decision| decision.parts.into_keys().collect::<Vec<_>>())
    };
    assert_eq!(parts(29), None);
    assert_eq!(parts(30), Some(vec![Content::Audio]));
    assert_eq!(parts(400), Some(vec![Content::Audio, Content::Transcript]));
}

#[test]
fn what_is_under_way_or_began_in_the_future_is_kept() {
    let policies = Policies::new(vec![policy("all", Keep::Days(0), Condition::default())]);
    let open = IndexedCall {
        state: State::Open,
        ..call(900)
    };
    assert_eq!(policies.decide(&open, &[], at(NOW)), None);
    assert_eq!(policies.decide(&call(-1), &[], at(NOW)), None);
    let longest = Policies::new(vec![policy(
        "all",
        Keep::Days(u32::MAX),
        Condition::default(),
    )]);
    assert_eq!(longest.decide(&call(900), &[], at(NOW)), None);
}

fn hold(scope: Scope) -> Hold {
    Hold {
        schema: 1,
        id: Id::new("hold-x").unwrap(),
        scope,
        reason: "a lawsuit".into(),
        placed_by: "kim".into(),
        placed_at: at(0),
        released: None,
    }
}

#[test]
fn a_hold_covers_what_all_of_it_says() {
    let covers = |scope: Scope, expected: bool| {
        assert_eq!(
            upon(&[hold(scope.clone())], &call(1)).len(),
            usize::from(expected),
            "{scope}"
        );
    };
    let of_call = |name: &str| Scope {
        call: Some(name.into()),
        ..Scope::default()
    };
    covers(of_call("CA1"), true);
    covers(of_call("CA2"), false);
    let agent = |name: &str| Scope {
        agent: Some(name.into()),
        ..Scope::default()
    };
    covers(agent("kim"), true);
    covers(agent("lee"), false);
    let number = |hash: &str| Scope {
        number: Some(NumberHash(hash.into())),
        ..Scope::default()
    };
    covers(number("aa"), true);
    covers(number("bb"), false);
    let between = |from, to| Scope {
        from: Some(at(from)),
        to: Some(at(to)),
        ..agent("kim")
    };
    let began = NOW - DAY;
    covers(between(began, began + 1), true);
    covers(between(began + 1, NOW), false);
    covers(between(0, began), false);
    let released = Hold {
        released: Some(Release {
            by: "lee".into(),
            at: at(1),
            reason: "over".into(),
        }),
        ..hold(of_call("CA1"))
    };
    assert_eq!(upon(&[released], &call(1)).len(), 0);
}

#[test]
fn holds_outlive_their_release_as_records_and_fail_closed() {
    let folder = tempfile::tempdir().unwrap();
    let holds = Holds::of(folder.path());
    let scope = Scope {
        queue: Some("billing".into()),
        ..Scope::default()
    };
    let placed = holds.place(scope, "a lawsuit", "kim", at(1)).unwrap();
    assert_eq!(holds.in_force().unwrap(), std::slice::from_ref(&placed));
    let released = holds.release(&placed.id, "over", "lee", at(2)).unwrap();
    assert_eq!(
        holds.release(&placed.id, "again", "x", at(3)).unwrap(),
        released
    );
    assert_eq!(holds.in_force().unwrap(), []);
    assert_eq!(holds.all().unwrap(), [released]);
    let other = Id::new("hold-y").unwrap();
    assert!(holds.release(&other, "x", "x", at(3)).is_err());
    std::fs::write(holds.folder().join("hold-z.json"), "{}").unwrap();
    let problem = holds.in_force().unwrap_err().to_string();
    assert!(
        problem.contains("hold-z.json: is not readable"),
        "{problem}"
    );
}

#[test]
fn plans_sum_up_what_goes_by_policy() {
    let policies = Policies::new(vec![
        policy("all", Keep::Days(30), Condition::default()),
        Policy {
            content: BTreeSet::from([Content::Audio]),
            ..policy("sound", Keep::Days(10), queue("billing"))
        },
    ]);
    let holds = [hold(Scope {
        agent: Some("lee".into()),
        ..Scope::default()
    })];
    let mut plan = Plan::default();
    let held = IndexedCall {
        agent: Some(Label::new("lee").unwrap()),
        ..call(40)
    };
    for call in [call(1), call(20), call(40), held] {
        plan.add(policies.decide(&call, &holds, at(NOW)).as_ref(), 100);
    }
    assert_eq!(
        (plan.calls, plan.due, plan.held, plan.bytes),
        (4, 2, 1, 200)
    );
    assert_eq!(plan.policies["sound"].calls, 2);
    assert_eq!(plan.policies["all"].calls, 1);
    assert_eq!(plan.policies["all"].parts[&Content::Report], 1);
    assert!(!plan.policies["all"].parts.contains_key(&Content::Audio));
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let word = |words: &'static [&'static str]| {
        prop::option::weighted(0.3, prop::sample::select(words).prop_map(str::to_owned))
    };
    (
        word(&["billing", "sales"]),
        word(&["EU", "KR"]),
        word(&["pan", "cvv"]),
        prop::option::weighted(0.1, any::<bool>()),
    )
        .prop_map(|(queue, jurisdiction, kind, quarantined)| Condition {
            queue,
            jurisdiction,
            kind,
            quarantined,
            ..Condition::default()
        })
}

fn any_policies() -> impl Strategy<Value = Vec<Policy>> {
    let keep = prop_oneof![
        1 => Just(Keep::DeleteNow),
        6 => (0_u32..60).prop_map(Keep::Days),
        1 => Just(Keep::Forever),
    ];
    let one = (
        any_condition(),
        keep,
        prop::sample::subsequence(PARTS.to_vec(), 1..=3),
    );
    prop::collection::vec(one, 0..6).prop_map(|policies| {
        policies
            .into_iter()
            .enumerate()
            .map(|(at, (condition, keep, content))| Policy {
                name: format!("p{at}"),
                content: content.into_iter().collect(),
                condition,
                keep,
            })
            .collect()
    })
}

fn any_call() -> impl Strategy<Value = IndexedCall> {
    let word = |words: &'static [&'static str]| {
        prop::option::of(prop::sample::select(words).prop_map(|word| Label::new(word).unwrap()))
    };
    (
        0_i64..70,
        word(&["billing", "sales"]),
        word(&["EU", "KR"]),
        prop::collection::btree_map(
            prop::sample::select(vec!["pan".to_owned(), "cvv".into()]),
            0.0..9.0,
            0..2,
        ),
        any::<bool>(),
    )
        .prop_map(
            |(days, queue, jurisdiction, hidden_s, quarantined)| IndexedCall {
                queue,
                jurisdiction,
                hidden_s,
                quarantined,
                ..call(days)
            },
        )
}

proptest! {
    #[test]
    fn nothing_goes_that_a_hold_covers(policies in any_policies(), call in any_call(), days in 0_i64..100) {
        let policies = Policies::new(policies);
        let holds = [hold(Scope { agent: Some("kim".into()), ..Scope::default() })];
        let later = at(NOW + days * DAY);
        let held = policies.decide(&call, &holds, later);
        let free = policies.decide(&call, &[], later);
        prop_assert_eq!(held.is_some(), free.is_some());
        if let Some(held) = held {
            prop_assert_eq!(&held.held_by, &["hold-x"]);
            let mut plan = Plan::default();
            plan.add(Some(&held), 1);
            prop_assert_eq!((plan.due, plan.held, plan.bytes), (0, 1, 0));
        }
    }

    #[test]
    fn the_order_of_policies_does_not_matter(
        policies in any_policies(),
        call in any_call(),
        seed in any::<prop::sample::Index>(),
    ) {
        let mut turned = policies.clone();
        if !turned.is_empty() {
            let by = seed.index(turned.len());
            turned.rotate_left(by);
            turned.reverse();
        }
        let one = Policies::new(policies).decide(&call, &[], at(NOW));
        prop_assert_eq!(one, Policies::new(turned).decide(&call, &[], at(NOW)));
    }

    #[test]
    fn what_is_over_stays_over(policies in any_policies(), call in any_call(), days in 0_i64..100) {
        let policies = Policies::new(policies);
        let parts = |second| policies
            .decide(&call, &[], at(second))
            .map(|decision| decision.parts)
            .unwrap_or_default();
        let (now, later) = (parts(NOW), parts(NOW + days * DAY));
        for (content, policy) in now {
            prop_assert_eq!(later.get(&content), Some(&policy));
        }
    }

    #[test]
    fn the_deciding_policy_is_by_the_rule(policies in any_policies(), call in any_call()) {
        let checked = Policies::new(policies.clone());
        for content in PARTS {
            let matching: Vec<&Policy> = policies
                .iter()
                .filter(|policy| policy.content.contains(&content) && policy.condition.matches(&call))
                .collect();
            let Some(deciding) = checked.deciding(&call, content) else {
                prop_assert!(matching.is_empty());
                continue;
            };
            prop_assert!(matching.contains(&deciding));
            if deciding.keep == Keep::DeleteNow {
                continue;
            }
            for other in matching {
                prop_assert!(other.keep != Keep::DeleteNow);
                prop_assert!(other.condition.specificity() <= deciding.condition.specificity());
                if other.condition.specificity() == deciding.condition.specificity() {
                    prop_assert!(other.keep <= deciding.keep);
                }
            }
        }
    }
}
