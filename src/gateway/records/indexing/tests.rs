use std::sync::Arc;

use super::super::{reindex, tapes_with_index};
use super::*;
use crate::audio::{MediaTime, SampleRate, Span};
use crate::call::particulars::{Particulars, telephone_number};
use crate::call::{CallId, Leg};
use crate::egress::{CallFacts, EngineWork};
use crate::gateway::TapeFactory;
use crate::store::index::{PageRequest, Query};
use crate::store::keys::{KeyService, LocalKeys};
use crate::telemetry::Event;

/// A store with a key that nobody has elsewhere.
struct Place {
    folder: tempfile::TempDir,
    keys: Arc<dyn KeyService>,
}

impl Place {
    fn new() -> Self {
        use base64::Engine as _;
        let key = base64::engine::general_purpose::STANDARD.encode([7; 32]);
        let keys = LocalKeys::from_text(&format!("test {key}"), "the test");
        Self {
            folder: tempfile::tempdir().unwrap(),
            keys: Arc::new(keys.unwrap()),
        }
    }

    fn vault(&self) -> Vault {
        Vault::new(self.folder.path().join("store"), Arc::clone(&self.keys))
    }

    fn database(&self) -> DatabaseSettings {
        DatabaseSettings::File(self.folder.path().join("kept.sqlite"))
    }

    fn tapes(&self) -> Arc<dyn TapeFactory> {
        tapes_with_index(self.vault(), self.database())
    }
}

fn facts(call: &str, number: &str, agent: &str) -> CallFacts {
    CallFacts {
        call: CallId::new(call).unwrap(),
        legs: &[Leg::Agent, Leg::Customer],
        rate: SampleRate::TELEPHONE,
        hold: MediaTime::from_millis(2_000),
        policy_version: "p".into(),
        model_sha256: "m".into(),
        particulars: Particulars::of_parameters([("agent", agent), ("from", number)]),
    }
}

fn hidden(kind: &str, millis: u64) -> Event {
    Event::Hidden {
        leg: Leg::Customer,
        span: Span::new(MediaTime::ZERO, MediaTime::from_millis(millis)),
        kind: kind.into(),
        reason: "asked for".into(),
        rule: "digit_run".into(),
        confidence: 0.9,
        paused: false,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// All that is in an index, once it has so many calls that are closed.
fn calls(settings: &DatabaseSettings, closed: usize) -> Vec<IndexedCall> {
    runtime().block_on(async {
        let index = Index::open(settings).await.unwrap();
        for _ in 0..500 {
            let page = PageRequest::first(100);
            let page = index.search(&Query::default(), &page).await.unwrap();
            let is_closed = |call: &&IndexedCall| call.state != State::Open;
            if page.calls.iter().filter(is_closed).count() == closed {
                return page.calls;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("the calls were not indexed");
    })
}

fn anew(place: &Place) -> Vec<IndexedCall> {
    runtime().block_on(async {
        let settings = DatabaseSettings::File(place.folder.path().join("anew.sqlite"));
        let index = Index::open(&settings).await.unwrap();
        // What is there already, and is not in the store, goes.
        let stray = RecordName::new("stray").unwrap();
        let began = jiff::Timestamp::UNIX_EPOCH;
        let stray = IndexedCall::new(stray, began, State::Complete);
        index.put(&stray).await.unwrap();
        let mut told = Vec::new();
        let progress = |done, total| told.push((done, total));
        let done = reindex(&place.vault(), &index, progress).await.unwrap();
        assert_eq!(done.removed, 1);
        assert_eq!(told.last(), Some(&(done.calls, done.calls)));
        let page = PageRequest::first(100);
        index.search(&Query::default(), &page).await.unwrap().calls
    })
}

#[test]
fn an_index_made_anew_is_the_one_that_was_kept() {
    let place = Place::new();
    let tapes = place.tapes();
    tapes.begin().unwrap();
    for number in 0..4 {
        let phone = format!("+1415555010{number}");
        let facts = facts(&format!("CA{number}"), &phone, "Alice");
        let mut tape = tapes.create(facts).unwrap();
        if number > 0 {
            tape.event(&hidden("pan", 1_000 * number));
            tape.event(&hidden("cvv", 500));
        }
        let end = (number == 3).then(|| "the connection was lost".to_owned());
        tape.finish(EngineWork::default(), end).unwrap();
    }
    let kept = calls(&place.database(), 4);
    assert_eq!(kept, anew(&place));
    assert!(tapes.degraded().is_none());
    let last = kept.iter().find(|call| call.name.as_str() == "CA3");
    let last = last.unwrap();
    assert_eq!(last.hidden_s.get("pan"), Some(&3.0));
    assert_eq!(last.alerts.get("abnormal_end"), Some(&1));
    assert!(last.bytes > 0 && !last.ended_normally);
    let number = telephone_number("001 415 555 0103").unwrap();
    let hash = place.vault().number_key().unwrap().hash(&number);
    assert_eq!(last.caller, Some(hash));
}

#[test]
fn a_call_that_is_cut_off_is_indexed_at_both_ends() {
    let place = Place::new();
    let tapes = place.tapes();
    tapes.begin().unwrap();
    let open = tapes.create(facts("CA1", "+14155550100", "Bob")).unwrap();
    let mut waited = 0;
    let under_way = loop {
        // It may be found in the store before it is told.
        let call = calls(&place.database(), 0).pop();
        if let Some(call) = call.filter(|call| call.agent.is_some()) {
            break call;
        }
        std::thread::sleep(Duration::from_millis(20));
        waited += 1;
        assert!(waited < 500);
    };
    assert_eq!(under_way.state, State::Open);
    assert_eq!(under_way.agent.unwrap().as_str(), "Bob");
    // The next process closes it.
    drop((open, tapes));
    let tapes = place.tapes();
    tapes.begin().unwrap();
    let kept = calls(&place.database(), 1);
    assert_eq!(kept[0].state, State::Incomplete);
    assert!(kept[0].alerts.contains_key("cut_off"));
    // Who took part is not lost with the report that was never written.
    assert_eq!(kept[0].agent.as_ref().unwrap().as_str(), "Bob");
    assert!(kept[0].caller.is_some());
}

#[test]
fn calls_recorded_while_the_database_is_away_are_caught_up() {
    let place = Place::new();
    // No database can be made in its place.
    let file = place.folder.path().join("kept.sqlite");
    std::fs::create_dir(&file).unwrap();
    let tapes = place.tapes();
    tapes.begin().unwrap();
    let tape = tapes.create(facts("CA1", "+14155550100", "Alice"));
    tape.unwrap().finish(EngineWork::default(), None).unwrap();
    let mut waited = 0;
    while tapes.degraded().is_none() {
        std::thread::sleep(Duration::from_millis(20));
        waited += 1;
        assert!(waited < 500);
    }
    std::fs::remove_dir(file).unwrap();
    let kept = calls(&place.database(), 1);
    assert_eq!(kept[0].agent.as_ref().unwrap().as_str(), "Alice");
    assert_eq!(kept, anew(&place));
}

#[test]
fn of_a_call_that_comes_twice_the_later_counts() {
    let call = |name: &str, state| {
        let name = RecordName::new(name).unwrap();
        IndexedCall::new(name, jiff::Timestamp::UNIX_EPOCH, state)
    };
    let calls = newest(vec![
        call("a", State::Open),
        call("b", State::Open),
        call("a", State::Complete),
    ]);
    let states = calls.iter().map(|call| (call.name.as_str(), call.state));
    let states: Vec<_> = states.collect();
    assert_eq!(states, [("a", State::Complete), ("b", State::Open)]);
}
