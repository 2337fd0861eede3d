//! The index of calls: the same tests on SQLite and on a real PostgreSQL server.

mod alerts;
mod model;

use std::collections::BTreeMap;

use hushgate::call::particulars::Label;
use hushgate::store::database::{Database, DatabaseSettings};
use hushgate::store::index::{
    Group, Index, IndexedCall, NumberHash, Order, PageRequest, Query, Totals,
};
use hushgate::store::vault::{RecordName, State};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Runtime;

use crate::postgres::Postgres;

/// A test's database and the runtime that it needs.
struct Place {
    runtime: Runtime,
    settings: DatabaseSettings,
}

impl Place {
    fn index(&self) -> Index {
        self.run(Index::open(&self.settings)).unwrap()
    }

    fn run<Outcome>(&self, future: impl Future<Output = Outcome>) -> Outcome {
        self.runtime.block_on(future)
    }
}

/// A test and its name.
type Body = (&'static str, fn(&Place));

const BODIES: [Body; 7] = [
    ("conditions", calls_are_found_by_each_condition),
    ("pages", pages_go_on_where_they_ended),
    ("totals", totals_are_sums_of_groups),
    ("replaced", what_is_known_of_a_call_is_replaced),
    ("model", model::searches_find_what_a_list_would),
    ("openings", several_open_it_at_once),
    ("alerts", alerts::alerts_and_deliveries_are_kept),
];

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn the_index_on_sqlite() {
    for (name, body) in BODIES {
        let folder = tempfile::tempdir().unwrap();
        let settings = DatabaseSettings::File(folder.path().join(format!("{name}.sqlite")));
        body(&Place {
            runtime: runtime(),
            settings,
        });
    }
}

#[test]
fn the_index_on_postgresql() {
    // Nobody needs what it has after a crash.
    let server = Postgres::start(&["fsync=off"]);
    for (name, body) in BODIES {
        body(&Place {
            runtime: runtime(),
            settings: server.database(name),
        });
    }
}

fn label(text: &str) -> Option<Label> {
    Some(Label::new(text).unwrap())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn call(name: &str, second: i64) -> IndexedCall {
    IndexedCall::new(RecordName::new(name).unwrap(), at(second), State::Complete)
}

fn names(calls: &[IndexedCall]) -> Vec<&str> {
    calls.iter().map(|call| call.name.as_str()).collect()
}

fn calls_are_found_by_each_condition(place: &Place) {
    let index = place.index();
    let full = IndexedCall {
        duration_s: 61.5,
        agent: label("Alice"),
        queue: label("billing"),
        site: label("Lisbon"),
        vendor: label("Acme"),
        jurisdiction: label("EU"),
        outcome: label("sold"),
        caller: Some(NumberHash("aa".into())),
        called: Some(NumberHash("bb".into())),
        hidden_s: [("pan".to_owned(), 11.25), ("cvv".to_owned(), 2.5)].into(),
        late_s: 0.5,
        failed_s: 1.5,
        pause_failures: 2,
        alerts: [("late".to_owned(), 3)].into(),
        bytes: 123_456_789_012,
        quarantined: true,
        holds: 1,
        policy_version: "p".into(),
        model_sha256: "m".into(),
        ended_normally: true,
        ..call("CA1", 10)
    };
    let plain = IndexedCall {
        state: State::Incomplete,
        ..call("CA2", 20)
    };
    place
        .run(index.put_all(&[full.clone(), plain.clone()]))
        .unwrap();
    assert_eq!(place.run(index.get(&full.name)).unwrap(), Some(full));
    assert_eq!(place.run(index.get(&plain.name)).unwrap(), Some(plain));
    let missing = RecordName::new("CA3").unwrap();
    assert_eq!(place.run(index.get(&missing)).unwrap(), None);

    let check = |query: Query, expected: &[&str]| {
        let found = place
            .run(index.search(&query, &PageRequest::first(10)))
            .unwrap();
        assert_eq!(names(&found.calls), expected, "{query:?}");
        assert_eq!(found.next, None);
    };
    let text = |text: &str| Some(text.to_owned());
    let any = Query::default();
    check(any.clone(), &["CA2", "CA1"]);
    let only = ["CA1"];
    check(
        Query {
            agent: text("Alice"),
            ..any.clone()
        },
        &only,
    );
    check(
        Query {
            queue: text("billing"),
            ..any.clone()
        },
        &only,
    );
    check(
        Query {
            site: text("Lisbon"),
            ..any.clone()
        },
        &only,
    );
    check(
        Query {
            vendor: text("Acme"),
            ..any.clone()
        },
        &only,
    );
    check(
        Query {
            jurisdiction: text("EU"),
            ..any.clone()
        },
        &only,
    );
    check(
        Query {
            outcome: text("sold"),
            ..any.clone()
        },
        &only,
    );
    check(
        Query {
            number: Some(NumberHash("aa".into())),
            ..any.clone()
        },
        &only,
    );
    check(
        Query {
            number: Some(NumberHash("bb".into())),
            ..any.clone()
        },
        &only,
    );
    check(
        Query {
            kind: text("pan"),
            ..any.clone()
        },
        &only,
    );
    check(
        Query {
            alert: text("late"),
            ..any.clone()
        },
        &only,
    );
    check(
        Query {
            state: Some(State::Complete),
            ..any.clone()
        },
        &only,
    );
    check(
        Query {
            state: Some(State::Incomplete),
            ..any.clone()
        },
        &["CA2"],
    );
    check(
        Query {
            state: Some(State::Open),
            ..any.clone()
        },
        &[],
    );
    check(
        Query {
            quarantined: Some(true),
            ..any.clone()
        },
        &only,
    );
    check(
        Query {
            quarantined: Some(false),
            ..any.clone()
        },
        &["CA2"],
    );
    check(
        Query {
            held: Some(true),
            ..any.clone()
        },
        &only,
    );
    check(
        Query {
            from: Some(at(20)),
            ..any.clone()
        },
        &["CA2"],
    );
    check(
        Query {
            to: Some(at(20)),
            ..any.clone()
        },
        &only,
    );
    let just_after = at(10) + SignedDuration::from_nanos(1);
    check(
        Query {
            from: Some(just_after),
            ..any.clone()
        },
        &["CA2"],
    );
    check(
        Query {
            to: Some(just_after),
            ..any.clone()
        },
        &only,
    );
    check(
        Query {
            agent: text("alice"),
            ..any.clone()
        },
        &[],
    );
    // What comes from outside is a value and no SQL.
    check(
        Query {
            agent: text("' OR 1 = 1 --"),
            kind: text("$1"),
            ..any.clone()
        },
        &[],
    );
    check(
        Query {
            kind: text("pan"),
            alert: text("late"),
            agent: text("Alice"),
            ..any
        },
        &only,
    );
}

fn pages_go_on_where_they_ended(place: &Place) {
    let index = place.index();
    // Several in the same microsecond.
    let mut calls: Vec<IndexedCall> = (0..23)
        .map(|number| call(&format!("CA{number:02}"), number / 4))
        .collect();
    place.run(index.put_all(&calls)).unwrap();
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let mut found = Vec::new();
        let mut request = PageRequest {
            after: None,
            limit: 5,
            order,
        };
        loop {
            let page = place
                .run(index.search(&Query::default(), &request))
                .unwrap();
            found.extend(page.calls);
            let Some(next) = page.next else { break };
            request.after = Some(next.to_string().parse().unwrap());
            // What comes or goes before the place does not shift it.
            place
                .run(index.remove(&found.last().unwrap().name))
                .unwrap();
        }
        let mut expected = calls.clone();
        if order == Order::NewestFirst {
            expected.reverse();
        }
        assert_eq!(names(&found), names(&expected), "{order:?}");
        place.run(index.put_all(&calls)).unwrap();
    }
    let more: Vec<IndexedCall> = (0..2_100)
        .map(|number| call(&format!("CB{number:04}"), 100 + number))
        .collect();
    place.run(index.put_all(&more)).unwrap();
    calls.extend(more);
    let mut all = Vec::new();
    place
        .run(index.each(&Query::default(), |call| all.push(call)))
        .unwrap();
    assert_eq!(all, calls);
    let gone: Vec<RecordName> = calls.iter().map(|call| call.name.clone()).collect();
    assert_eq!(place.run(index.remove_all(&gone)).unwrap(), 2_123);
    assert!(place.run(index.names()).unwrap().is_empty());
}

fn totals_are_sums_of_groups(place: &Place) {
    let index = place.index();
    let day = 24 * 3_600;
    let calls: Vec<IndexedCall> = (0_i64..6)
        .map(|number| IndexedCall {
            duration_s: 10.0,
            queue: (number != 5).then(|| label(if number % 2 == 0 { "a" } else { "b" }).unwrap()),
            hidden_s: match number % 3 {
                0 => BTreeMap::new(),
                1 => [("pan".to_owned(), 2.0)].into(),
                _ => [("pan".to_owned(), 1.0), ("cvv".to_owned(), 0.5)].into(),
            },
            late_s: 0.25,
            bytes: 1_000,
            alerts: [("late".to_owned(), 2)].into(),
            ended_normally: number != 0,
            ..call(&format!("CA{number}"), number / 3 * day)
        })
        .collect();
    place.run(index.put_all(&calls)).unwrap();
    let totals = |query: Query, groups: &[Group]| place.run(index.totals(&query, groups)).unwrap();
    let all = totals(Query::default(), &[]);
    let expected = Totals {
        group: vec![],
        calls: 6,
        complete: 6,
        ended_abnormally: 1,
        with_hidden: 4,
        with_unheard: 6,
        duration_s: 60.0,
        hidden_s: 7.0,
        late_s: 1.5,
        alerts: 12,
        bytes: 6_000,
        ..Totals::default()
    };
    assert_eq!(all, [expected]);
    let groups = |totals: Vec<Totals>| -> Vec<(Vec<Option<String>>, u64, f64)> {
        let rows = totals.into_iter();
        rows.map(|row| (row.group, row.calls, row.hidden_s))
            .collect()
    };
    let text = |text: &str| Some(text.to_owned());
    let by_queue = groups(totals(Query::default(), &[Group::Queue]));
    let expected = [
        (vec![None], 1, 1.5),
        (vec![text("a")], 3, 3.5),
        (vec![text("b")], 2, 2.0),
    ];
    assert_eq!(by_queue, expected);
    let by_kind = groups(totals(Query::default(), &[Group::Kind]));
    assert_eq!(
        by_kind,
        [(vec![text("cvv")], 2, 1.0), (vec![text("pan")], 4, 6.0)]
    );
    let one = Query {
        queue: text("b"),
        ..Query::default()
    };
    let by_day = groups(totals(one, &[Group::Day, Group::Kind]));
    let pan = |day: &str| (vec![text(day), text("pan")], 1, 2.0);
    assert_eq!(by_day, [pan("2027-01-15")]);
    let none = Query {
        queue: text("c"),
        ..Query::default()
    };
    assert_eq!(totals(none.clone(), &[Group::Queue]), []);
    assert_eq!(totals(none, &[]), []);
}

fn what_is_known_of_a_call_is_replaced(place: &Place) {
    let index = place.index();
    let begun = IndexedCall {
        state: State::Open,
        caller: Some(NumberHash("aa".into())),
        ..call("CA1", 1)
    };
    place.run(index.put(&begun)).unwrap();
    let name = &begun.name;
    assert!(place.run(index.set_quarantined(name, true)).unwrap());
    assert!(place.run(index.set_holds(name, 2)).unwrap());
    let ended = IndexedCall {
        state: State::Complete,
        hidden_s: [("pan".to_owned(), 1.0)].into(),
        called: Some(NumberHash("bb".into())),
        caller: None,
        ..begun.clone()
    };
    place.run(index.put(&ended)).unwrap();
    let kept = IndexedCall {
        quarantined: true,
        holds: 2,
        ..ended
    };
    assert_eq!(place.run(index.get(name)).unwrap(), Some(kept.clone()));
    let by_number = |number: &str| {
        let query = Query {
            number: Some(NumberHash(number.into())),
            ..Query::default()
        };
        place
            .run(index.search(&query, &PageRequest::first(9)))
            .unwrap()
            .calls
            .len()
    };
    assert_eq!((by_number("aa"), by_number("bb")), (0, 1));
    // Whoever saw it while it was under way comes late.
    place.run(index.put(&begun)).unwrap();
    assert_eq!(place.run(index.get(name)).unwrap(), Some(kept));
    assert_eq!(by_number("bb"), 1);
    let stranger = RecordName::new("CA2").unwrap();
    assert!(!place.run(index.set_quarantined(&stranger, true)).unwrap());
    assert!(!place.run(index.remove(&stranger)).unwrap());
    assert!(place.run(index.remove(name)).unwrap());
    assert_eq!(by_number("bb"), 0);
    assert_eq!(
        place
            .run(index.totals(&Query::default(), &[Group::Kind]))
            .unwrap(),
        []
    );
}

fn several_open_it_at_once(place: &Place) {
    let all = (0..4).map(|_| Database::open(&place.settings));
    for opened in place.run(futures_util::future::join_all(all)) {
        let database = opened.unwrap();
        place.run(database.check()).unwrap();
        place.run(database.close());
    }
}
