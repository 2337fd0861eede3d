use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::audio::{SampleIndex, SampleRate, Span};
use crate::call::particulars::Label;
use crate::call::{CallId, Leg};
use crate::gateway::requests::{CarriesOut, Desk};
use crate::session::CleanAudio;
use crate::store::audit::{
    Action, Actor, EntryFilter, Folder, LogSettings, PublicKey, Verification, entries_of,
    verify_folder,
};
use crate::store::documents::Id;
use crate::store::erasure::{Certificate, Progress, Request, Stretch, Target};
use crate::store::index::{IndexedCall, NumberHash};
use crate::store::keys::LocalKeys;
use crate::store::retention::holds::Scope;
use crate::store::retention::{Condition, Keep, PARTS, Policies, Policy};
use crate::store::sealed::Content;
use crate::store::vault::Recording;

mod measured;

const KEYS: &str = "one AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// What an index would tell.
#[derive(Default)]
struct Known(Mutex<Vec<IndexedCall>>);

impl Calls for Known {
    fn knows_particulars(&self) -> bool {
        true
    }

    fn each(&self, act: &mut dyn FnMut(&IndexedCall)) -> anyhow::Result<()> {
        let calls = self.0.lock().unwrap().clone();
        calls.iter().for_each(act);
        Ok(())
    }

    fn get(&self, call: &RecordName) -> anyhow::Result<Option<IndexedCall>> {
        let calls = self.0.lock().unwrap();
        Ok(calls.iter().find(|known| known.name == *call).cloned())
    }

    fn of_number(&self, number: &NumberHash) -> anyhow::Result<Vec<RecordName>> {
        let calls = self.0.lock().unwrap();
        let of = |call: &&IndexedCall| call.caller.as_ref() == Some(number);
        Ok(calls
            .iter()
            .filter(of)
            .map(|call| call.name.clone())
            .collect())
    }

    fn forget(&self, gone: &[RecordName]) -> anyhow::Result<()> {
        self.0
            .lock()
            .unwrap()
            .retain(|call| !gone.contains(&call.name));
        Ok(())
    }

    fn set_holds(&self, name: &RecordName, holds: usize) -> anyhow::Result<()> {
        let mut calls = self.0.lock().unwrap();
        for call in calls.iter_mut().filter(|call| call.name == *name) {
            call.holds = holds as u32;
        }
        Ok(())
    }

    fn renew(&self, _: &Vault, _: &RecordName) -> anyhow::Result<()> {
        Ok(())
    }
}

/// A store with calls, an audit log and what looks after them.
struct Place {
    folder: TempDir,
    recording: Recording,
    known: Arc<Known>,
    log: AuditLog,
    custody: Arc<Custody>,
}

impl Place {
    fn new(policies: Vec<Policy>) -> Self {
        let folder = TempDir::new().unwrap();
        let keys = LocalKeys::from_text(KEYS, "keys").unwrap();
        let vault = Vault::new(folder.path().join("store"), Arc::new(keys));
        let recording = vault.begin_recording().unwrap();
        let settings = LogSettings::new(folder.path().join("audit"));
        let keys = KeyFiles::new(&settings.keys);
        let log = AuditLog::open(settings).unwrap().log;
        let known = Arc::new(Known::default());
        let custody = Custody::new(
            vault,
            Arc::clone(&known) as Arc<dyn Calls>,
            Some((log.clone(), keys)),
            Retention {
                policies: Policies::new(policies),
                calls_per_second: 100_000,
                ..Retention::default()
            },
            CancellationToken::new(),
        );
        Self {
            folder,
            recording,
            known,
            log,
            custody,
        }
    }

    /// Records a call of a queue and a number that began so many days ago.
    fn record(&self, call: &str, days: i64, queue: &str, number: &str) -> RecordName {
        let mut writer = self
            .recording
            .begin(&CallId::new(call).unwrap(), SampleRate::TELEPHONE, 2)
            .unwrap();
        let sound = (1..=8_000)
            .map(|at| (at % 1_000 + 1) as i16)
            .collect::<Vec<_>>();
        let audio = CleanAudio::for_test(
            SampleRate::TELEPHONE,
            SampleIndex(0),
            vec![sound.clone(), sound],
        );
        writer.write(&audio).unwrap();
        writer
            .finish(REPORT.as_bytes(), TRANSCRIPT.as_bytes())
            .unwrap();
        let name = RecordName::new(call).unwrap();
        let began = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
        let mut known = VaultCalls(self.recording.vault().clone())
            .get(&name)
            .unwrap()
            .unwrap();
        known.began = began;
        known.queue = Some(Label::new(queue).unwrap());
        known.caller = Some(NumberHash(number.into()));
        self.known.0.lock().unwrap().push(known);
        name
    }

    fn order(&self, by: &str, order: Order) -> anyhow::Result<Value> {
        self.custody.give(&Actor::user(by), order)
    }

    fn names(&self) -> Vec<String> {
        let records = self.recording.vault().records(|_, _| {}).unwrap();
        records
            .iter()
            .map(|record| record.name.to_string())
            .collect()
    }

    /// The entries of an action, as text.
    fn told(&self, action: Action) -> Vec<String> {
        self.log.checkpoint().unwrap();
        let folder = Folder::new(&self.folder.path().join("audit"));
        let mut found = Vec::new();
        let filter = EntryFilter {
            call: None,
            since: None,
            action: Some(action),
        };
        entries_of(&folder, &filter, |line| {
            found.push(String::from_utf8(line.canonical()).unwrap());
            true
        })
        .unwrap();
        found
    }
}

const REPORT: &str = r#"{"schema":1,"hushgate_version":"0","call":"CA1","sample_rate":8000,"duration_s":1.0,"hold_s":6.0,
    "policy_version":"p","model_sha256":"m","legs":["agent","customer"],"spans":[],"late":[],"failed":[],"gaps":[],
    "transcript":[],"totals":{"hidden_s":0.0,"late_s":0.0,"failed_s":0.0,"gap_s":0.0,"dropped_samples":0},
    "engine":{"windows":1,"late_answers":0,"failures":0,"cpu_s":0.1},"abnormal_end":null}"#;
const TRANSCRIPT: &str = r#"[{"leg":"customer","start":0.1,"end":0.9,"text":"it is marmalade","words":[
    {"start":0.1,"end":0.2,"text":"it"},{"start":0.3,"end":0.4,"text":"is"},{"start":0.5,"end":0.9,"text":"marmalade"}]}]"#;

fn policy(name: &str, days: u32, content: &[Content], queue: Option<&str>) -> Policy {
    Policy {
        name: name.into(),
        content: content.iter().copied().collect::<BTreeSet<_>>(),
        condition: Condition {
            queue: queue.map(str::to_owned),
            ..Condition::default()
        },
        keep: Keep::Days(days),
    }
}

fn of_queue(queue: &str) -> Scope {
    Scope {
        queue: Some(queue.into()),
        ..Scope::default()
    }
}

fn request(outcome: &Value) -> Request {
    serde_json::from_value(outcome["request"].clone()).unwrap()
}

fn place_hold(scope: Scope) -> Order {
    Order::PlaceHold {
        scope,
        reason: "a lawsuit".into(),
    }
}

/// Who erases without a turn of ours, such as the second listener, ends first.
#[test]
fn a_hold_waits_for_what_is_being_erased() {
    let place = Place::new(Vec::new());
    place.record("CA1", 1, "billing", "n");
    let erasing = place.custody.vault.keep_calls_unchanged().unwrap();
    let holds = || Holds::of(place.custody.vault.path()).in_force().unwrap();
    std::thread::scope(|scope| {
        let placing = scope.spawn(|| place.order("kim", place_hold(of_queue("billing"))));
        std::thread::sleep(Duration::from_millis(100));
        assert!(holds().is_empty());
        drop(erasing);
        placing.join().unwrap().unwrap();
    });
    assert_eq!(holds().len(), 1);
}

#[test]
fn what_is_due_goes_and_the_log_proves_it() {
    let place = Place::new(vec![
        policy("all", 30, &PARTS, None),
        policy("sound", 10, &[Content::Audio], Some("billing")),
    ]);
    place.record("CA1", 1, "billing", "n");
    let sound = place.record("CA2", 20, "billing", "n");
    place.record("CA3", 20, "sales", "n");
    place.record("CA4", 40, "sales", "n");
    let mut shown = Vec::new();
    let plan = place
        .custody
        .plan(&mut |decision| shown.push(decision.call.to_string()))
        .unwrap();
    assert_eq!(
        (plan.calls, plan.due, shown),
        (4, 2, vec!["CA2".to_owned(), "CA4".into()])
    );
    assert_eq!(place.names().len(), 4, "a plan deletes nothing");

    let run = place.custody.run().unwrap();
    assert_eq!((run.deleted, run.failed.len()), (2, 0));
    assert_eq!(place.names(), ["CA1", "CA2", "CA3"]);
    assert!(!place.recording.vault().is_readable(&sound, Content::Audio));
    assert!(
        place
            .recording
            .vault()
            .is_readable(&sound, Content::Transcript)
    );
    assert_eq!(place.known.0.lock().unwrap().len(), 3);
    let told = place.told(Action::Deleted);
    assert_eq!(told.len(), 2);
    assert!(
        told[0].contains(r#""policy":"sound""#) && told[0].contains("CA2"),
        "{}",
        told[0]
    );
    assert!(told[1].contains("recording_sha256") && told[1].contains("transcript_sha256"));
    // What is gone is not planned again.
    assert_eq!(place.custody.plan(&mut |_| {}).unwrap().due, 0);
}

#[test]
fn nothing_on_hold_is_deleted_or_erased_and_both_go_on_after_its_release() {
    let place = Place::new(vec![policy("all", 30, &PARTS, None)]);
    let held = place.record("CA1", 40, "billing", "n");
    place.record("CA2", 40, "sales", "n");
    let outcome = place.order("kim", place_hold(of_queue("billing"))).unwrap();
    assert_eq!(outcome["calls"], 1);
    assert_eq!(place.known.get(&held).unwrap().unwrap().holds, 1);
    let run = place.custody.run().unwrap();
    assert_eq!((run.deleted, run.plan.held), (1, 1));
    let erase = |call: &str| Order::RequestErasure {
        target: Target::Call { call: call.into() },
        reason: "asked for".into(),
    };
    let asked = request(&place.order("lee", erase("CA1")).unwrap());
    assert_eq!(asked.progress, Progress::Waiting);
    let approve = Order::ApproveErasure {
        request: asked.id.clone(),
    };
    let own = place.order("lee", approve.clone()).unwrap_err().to_string();
    assert!(own.contains("somebody else has to agree"), "{own}");
    let left = request(&place.order("park", approve).unwrap());
    assert_eq!(left.progress, Progress::Approved);
    let id = outcome["hold"]["id"].as_str().unwrap();
    assert_eq!(left.left[0].why, format!("legal hold {id}"));
    assert_eq!(place.names(), ["CA1"]);

    let release = Order::ReleaseHold {
        hold: Id::new(id).unwrap(),
        reason: "over".into(),
    };
    place.order("kim", release.clone()).unwrap();
    assert!(
        place
            .order("kim", release)
            .unwrap_err()
            .to_string()
            .contains("was released by kim")
    );
    place.order("kim", Order::RunRetention).unwrap();
    assert_eq!(place.names(), Vec::<String>::new());
    let done = place.custody.erasures().get(&asked.id).unwrap();
    assert_eq!((done.progress, done.left.len()), (Progress::Done, 0));
    for action in [
        Action::HoldPlaced,
        Action::HoldLifted,
        Action::ErasureRequested,
        Action::ErasureApproved,
    ] {
        assert_eq!(place.told(action).len(), 1, "{action:?}");
    }
    assert!(place.order("kim", place_hold(Scope::default())).is_err());
    assert!(place.order("kim", erase("CA9")).is_err());
}

#[test]
fn a_stretch_is_erased_everywhere_and_certified() {
    let place = Place::new(Vec::new());
    let call = place.record("CA1", 1, "billing", "n");
    let seconds = crate::audio::MediaTime::from_seconds;
    let stretch = Stretch::new(Some(Leg::Customer), Span::new(seconds(0.45), seconds(1.0)));
    let target = Target::Segment {
        call: "CA1".into(),
        stretch,
    };
    let asked = place.order(
        "lee",
        Order::RequestErasure {
            target,
            reason: "a password".into(),
        },
    );
    let asked = request(&asked.unwrap());
    let outcome = place
        .order(
            "park",
            Order::ApproveErasure {
                request: asked.id.clone(),
            },
        )
        .unwrap();
    let done = request(&outcome);
    assert_eq!(done.progress, Progress::Done);
    let vault = place.recording.vault();
    let said = vault.document(&call, Content::Transcript).unwrap();
    let said = String::from_utf8(said.to_vec()).unwrap();
    assert!(
        said.contains("it is [erased]") && !said.contains("marmalade"),
        "{said}"
    );
    let mut audio = vault.audio(&call).unwrap();
    let mut wav = Vec::new();
    audio.copy_to(&mut wav, |_, _| {}).unwrap();
    let samples: Vec<i16> = hound::WavReader::new(&*wav)
        .unwrap()
        .samples()
        .map(Result::unwrap)
        .collect();
    let silent =
        |from: usize, leg: usize| samples[from * 2 + leg..].iter().step_by(2).all(|s| *s == 0);
    assert!(silent(3_600, 1) && !silent(3_600, 0));
    assert!(samples[3_599 * 2 + 1] != 0);
    let report = vault.document(&call, Content::Report).unwrap();
    assert!(String::from_utf8_lossy(&report).contains(r#""rule":"erasure""#));

    let certificate: Certificate = serde_json::from_value(outcome["certificate"].clone()).unwrap();
    let public = place.folder.path().join("audit/keys/audit-public.pem");
    certificate
        .check(&PublicKey::read(&public).unwrap())
        .unwrap();
    let text = certificate.to_json();
    assert!(!text.contains("marmalade") && text.contains("start_us"));
    let told = place.told(Action::SegmentErased);
    assert!(told[0].contains("recording_sha256_before"), "{}", told[0]);
    place.log.close();
    let keys = KeyFiles::new(&place.folder.path().join("audit/keys"))
        .load()
        .unwrap();
    let folder = Folder::new(&place.folder.path().join("audit"));
    let with = Verification {
        public: vec![keys.signing.public()],
        hmac: Some(keys.hmac),
        ..Verification::default()
    };
    assert!(verify_folder(&folder, with, |_, _| {}).unwrap().is_whole());
}

#[test]
fn all_calls_of_a_number_go_and_a_crash_between_is_gone_on_with() {
    let place = Place::new(Vec::new());
    place.record("CA1", 1, "billing", "n1");
    place.record("CA2", 1, "billing", "n2");
    place.record("CA3", 1, "billing", "n1");
    let target = Target::Subject {
        number: NumberHash("n1".into()),
    };
    let asked = place
        .order(
            "lee",
            Order::RequestErasure {
                target,
                reason: "asked for".into(),
            },
        )
        .unwrap();
    let id = request(&asked).id;
    // As if the gateway had died after the first call was gone, before it could say so.
    let call = RecordName::new("CA1").unwrap();
    let mut begun = place.custody.erasures().get(&id).unwrap();
    begun.progress = Progress::Approved;
    begun.done.push(crate::store::erasure::Done {
        at: None,
        removed: Some(
            place
                .recording
                .vault()
                .survey(&call, &Content::ALL)
                .unwrap(),
        ),
        erased: None,
        entry: Some(1),
    });
    place.custody.erasures().put(&begun).unwrap();
    place.recording.vault().remove(&call).unwrap();
    place.known.forget(&[call]).unwrap();
    let outcome = place
        .order("park", Order::ApproveErasure { request: id })
        .unwrap();
    let done = request(&outcome);
    assert_eq!(done.progress, Progress::Done);
    let parts: Vec<usize> = done
        .done
        .iter()
        .map(|done| done.removed.as_ref().unwrap().parts.len())
        .collect();
    assert_eq!(parts, [3, 3]);
    assert_eq!(place.names(), ["CA2"]);
}

#[test]
fn without_particulars_every_hold_that_may_cover_a_call_does() {
    let mut place = Place::new(vec![policy("all", 0, &PARTS, None)]);
    place.record("CA1", 1, "billing", "n");
    let vault = place.recording.vault().clone();
    place.custody = Custody::new(
        vault.clone(),
        Arc::new(VaultCalls(vault)),
        None,
        place.custody.settings.clone(),
        CancellationToken::new(),
    );
    let hold = place.order("kim", place_hold(of_queue("sales"))).unwrap();
    assert_eq!(place.custody.run().unwrap().deleted, 0);
    let release = Order::ReleaseHold {
        hold: Id::new(hold["hold"]["id"].as_str().unwrap()).unwrap(),
        reason: "over".into(),
    };
    place.order("kim", release).unwrap();
    assert_eq!(place.custody.run().unwrap().deleted, 1);
}

#[test]
fn a_gateway_takes_orders_by_name_and_runs_beside_them() {
    let place = Place::new(vec![policy("all", 30, &PARTS, None)]);
    place.record("CA1", 40, "billing", "n");
    let desk = Desk::default().with(Arc::new(Arc::clone(&place.custody)));
    let by = Actor::user("kim");
    let problem = desk
        .carry_out(&by, serde_json::json!({"order": "dance"}))
        .unwrap_err();
    assert!(problem.to_string().contains("no order"), "{problem}");
    let problem = desk
        .carry_out(&by, serde_json::json!({"order": "release_hold"}))
        .unwrap_err();
    assert_eq!(problem.to_string(), "the request is not readable");
    let order = serde_json::to_value(Order::RunRetention).unwrap();
    assert!(place.custody.knows("run_retention"));
    assert_eq!(desk.carry_out(&by, order).unwrap()["began"], true);
    let until = tokio::time::Instant::now() + Duration::from_secs(10);
    while !place.names().is_empty() {
        assert!(tokio::time::Instant::now() < until);
        std::thread::sleep(Duration::from_millis(10));
    }
}
