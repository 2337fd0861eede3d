//! The index beside a plain list: the same steps, the same answers.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// What is done to an index.
#[derive(Debug, Clone)]
enum Step {
    Put(Box<IndexedCall>),
    Remove(RecordName),
}

fn some(of: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    proptest::option::of(proptest::sample::select(of).prop_map(str::to_owned))
}

const LABELS: &[&str] = &["a", "b"];
const KINDS: &[&str] = &["cvv", "pan", "pin"];

fn any_state() -> impl Strategy<Value = State> {
    proptest::sample::select(&[State::Complete, State::Incomplete, State::Open][..])
}

prop_compose! {
    fn any_call()(
        number in 0..30_u32,
        second in 0..8_i64,
        state in any_state(),
        agent in some(LABELS),
        site in some(LABELS),
        caller in some(LABELS),
        called in some(LABELS),
        kinds in proptest::collection::btree_map(proptest::sample::select(KINDS), 1..9_u32, 0..3),
        alerts in proptest::collection::btree_map(proptest::sample::select(LABELS), 1..4_u32, 0..2),
        quarantined in any::<bool>(),
    ) -> IndexedCall {
        let as_label = |text: Option<String>| text.map(|text| Label::new(&text).unwrap());
        IndexedCall {
            state,
            agent: as_label(agent),
            site: as_label(site),
            caller: caller.map(NumberHash),
            called: called.map(NumberHash),
            hidden_s: kinds.into_iter().map(|(kind, n)| (kind.to_owned(), f64::from(n) / 4.0)).collect(),
            alerts: alerts.into_iter().map(|(rule, n)| (rule.to_owned(), n)).collect(),
            quarantined,
            ..call(&format!("CA{number:02}"), second)
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any_call().prop_map(|call| Step::Put(Box::new(call))),
        1 => (0..30_u32).prop_map(|n| Step::Remove(RecordName::new(&format!("CA{n:02}")).unwrap())),
    ]
}

prop_compose! {
    fn any_query()(
        from in proptest::option::of(0..8_i64),
        to in proptest::option::of(0..9_i64),
        agent in some(LABELS),
        site in some(LABELS),
        number in some(LABELS),
        kind in some(KINDS),
        alert in some(LABELS),
        state in proptest::option::of(any_state()),
        quarantined in proptest::option::of(any::<bool>()),
        kept in 0..512_u32,
    ) -> Query {
        // Few conditions at once, so that something is found.
        let keep = |bit: u32| kept & (1 << bit) == 0 && kept.count_ones() > 5;
        Query {
            from: from.map(at).filter(|_| keep(0)),
            to: to.map(at).filter(|_| keep(1)),
            agent: agent.filter(|_| keep(2)),
            site: site.filter(|_| keep(3)),
            number: number.map(NumberHash).filter(|_| keep(4)),
            kind: kind.filter(|_| keep(5)),
            alert: alert.filter(|_| keep(6)),
            state: state.filter(|_| keep(7)),
            quarantined: quarantined.filter(|_| keep(8)),
            ..Query::default()
        }
    }
}

/// What a list of all calls has of a query.
fn matches(query: &Query, call: &IndexedCall) -> bool {
    let label = |asked: &Option<String>, known: &Option<Label>| {
        asked
            .as_deref()
            .is_none_or(|asked| known.as_ref().is_some_and(|known| known.as_str() == asked))
    };
    query.from.is_none_or(|from| call.began >= from)
        && query.to.is_none_or(|to| call.began < to)
        && label(&query.agent, &call.agent)
        && label(&query.site, &call.site)
        && query.number.as_ref().is_none_or(|number| {
            call.caller.as_ref() == Some(number) || call.called.as_ref() == Some(number)
        })
        && query
            .kind
            .as_ref()
            .is_none_or(|kind| call.hidden_s.contains_key(kind))
        && query
            .alert
            .as_ref()
            .is_none_or(|rule| call.alerts.contains_key(rule))
        && query.state.is_none_or(|state| call.state == state)
        && query.quarantined.is_none_or(|is| call.quarantined == is)
}

/// Whatever was put in and taken out, in pages of any length; and an index made anew of what is left is the same.
pub(super) fn searches_find_what_a_list_would(place: &Place) {
    let index = place.index();
    let steps = proptest::collection::vec(any_step(), 0..60);
    let queries = proptest::collection::vec(any_query(), 8);
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&(steps, queries, 1..7_u32), |(steps, queries, limit)| {
        let known: Vec<RecordName> = place.run(index.names()).unwrap().into_keys().collect();
        place.run(index.remove_all(&known)).unwrap();
        let mut list: BTreeMap<RecordName, IndexedCall> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Put(call) => {
                    place.run(index.put(&call)).unwrap();
                    let known = list.get(&call.name);
                    let is_late = call.state == State::Open
                        && known.is_some_and(|known| known.state != State::Open);
                    if !is_late {
                        let quarantined = known.map_or(call.quarantined, |known| known.quarantined);
                        list.insert(
                            call.name.clone(),
                            IndexedCall {
                                quarantined,
                                ..*call
                            },
                        );
                    }
                }
                Step::Remove(name) => {
                    let was_there = place.run(index.remove(&name)).unwrap();
                    prop_assert_eq!(was_there, list.remove(&name).is_some());
                }
            }
        }
        let mut list: Vec<IndexedCall> = list.into_values().collect();
        list.sort_by(|a, b| (b.began, &b.name).cmp(&(a.began, &a.name)));
        for query in &queries {
            let expected: Vec<&IndexedCall> =
                list.iter().filter(|call| matches(query, call)).collect();
            let mut found = Vec::new();
            let mut request = PageRequest::first(limit);
            loop {
                let page = place.run(index.search(query, &request)).unwrap();
                prop_assert!(page.calls.len() <= limit as usize);
                found.extend(page.calls);
                let Some(next) = page.next else { break };
                request.after = Some(next);
            }
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
            let count: u64 = place
                .run(index.totals(query, &[Group::Agent, Group::Day]))
                .unwrap()
                .iter()
                .map(|totals| totals.calls)
                .sum();
            prop_assert_eq!(count, found.len() as u64);
        }
        let every = [Group::Kind, Group::Site, Group::Agent];
        let kept = place.run(index.totals(&Query::default(), &every)).unwrap();
        let known: Vec<RecordName> = list.iter().map(|call| call.name.clone()).collect();
        place.run(index.remove_all(&known)).unwrap();
        place.run(index.put_all(&list)).unwrap();
        prop_assert_eq!(
            place.run(index.totals(&Query::default(), &every)).unwrap(),
            kept
        );
        let mut anew = Vec::new();
        place
            .run(index.each(&Query::default(), |call| anew.push(call)))
            .unwrap();
        anew.reverse();
        prop_assert_eq!(anew, list);
        Ok(())
    });
    outcome.unwrap();
}
