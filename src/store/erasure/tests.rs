use super::*;
use crate::store::audit::{KeyFiles, PublicKey};

fn word(by: &str) -> Word {
    Word {
        by: by.into(),
        at: Timestamp::from_second(1_700_000_000).unwrap(),
        reason: None,
    }
}

fn request(persons: usize) -> Request {
    let target = Target::Call { call: "CA1".into() };
    Request::new(Id::new("erasure-x").unwrap(), target, word("kim"), persons)
}

#[test]
fn as_many_persons_have_to_want_it_as_configured_and_each_counts_once() {
    assert_eq!(request(1).progress, Progress::Approved);
    let mut waits = request(3);
    assert_eq!(waits.progress, Progress::Waiting);
    for same in ["kim", " Kim ", "KIM"] {
        let refused = waits.approve(word(same), 3).unwrap_err();
        assert!(matches!(refused, Refusal::Own { .. }), "{refused}");
    }
    waits.approve(word("lee"), 3).unwrap();
    assert_eq!(waits.progress, Progress::Waiting);
    let refused = waits.approve(word("Lee"), 3).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Lee agreed to erasure-x already; somebody else has to"
    );
    waits.approve(word("park"), 3).unwrap();
    assert_eq!(waits.progress, Progress::Approved);
    assert_eq!(waits.persons().len(), 3);
    let late = waits.approve(word("choi"), 3).unwrap_err();
    assert_eq!(
        late.to_string(),
        "erasure-x is approved; it is not waited for anybody"
    );
    assert!(waits.reject(word("choi")).is_err());
}

#[test]
fn what_was_rejected_is_over() {
    let mut waits = request(2);
    waits.reject(word("kim")).unwrap();
    assert_eq!(waits.progress, Progress::Rejected);
    assert!(waits.approve(word("lee"), 2).is_err());
}

#[test]
fn requests_are_kept_and_listed_in_the_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let erasures = Erasures::of(folder.path());
    assert_eq!(erasures.all().unwrap(), []);
    let later = request(2);
    let mut earlier = request(2);
    earlier.id = Id::new("erasure-z").unwrap();
    earlier.asked.at = Timestamp::from_second(1).unwrap();
    earlier.target = Target::Segment {
        call: "CA1".into(),
        stretch: Stretch {
            leg: Some(Leg::Customer),
            start_us: 1_500_000,
            end_us: 2_000_000,
        },
    };
    erasures.put(&later).unwrap();
    erasures.put(&earlier).unwrap();
    assert_eq!(erasures.all().unwrap(), [earlier.clone(), later]);
    assert_eq!(
        earlier.target.to_string(),
        "1.500 to 2.000 s of the customer of the call CA1"
    );
    let missing = erasures.get(&Id::new("erasure-y").unwrap()).unwrap_err();
    assert!(missing.to_string().starts_with("there is no erasure-y"));
}

#[test]
fn a_certificate_is_good_as_it_was_signed_and_in_no_other_way() {
    let folder = tempfile::tempdir().unwrap();
    let files = KeyFiles::new(folder.path());
    let keys = files.generate().unwrap();
    let public = PublicKey::read(&files.public()).unwrap();
    let mut done = request(1);
    done.done.push(Done {
        at: Some(word("x").at),
        removed: Some(Removed {
            call: "CA1".into(),
            parts: Vec::new(),
        }),
        erased: None,
        entry: Some(7),
    });
    let certificate = Certificate::sign(&done, word("x").at, &keys.signing);
    let text = certificate.to_json();
    let read = Certificate::parse(&text).unwrap();
    assert_eq!(read, certificate);
    read.check(&public).unwrap();
    for (from, to) in [
        ("CA1", "CA2"),
        ("kim", "lee"),
        ("\"entry\": 7", "\"entry\": 8"),
    ] {
        let altered = Certificate::parse(&text.replacen(from, to, 1)).unwrap();
        let problem = altered.check(&public).unwrap_err();
        assert_eq!(problem, "was altered: its signature is not of its text");
    }
    let others = KeyFiles::new(&folder.path().join("other"));
    others.generate().unwrap();
    let other = PublicKey::read(&others.public()).unwrap();
    assert!(
        read.check(&other)
            .unwrap_err()
            .starts_with("is signed with another key")
    );
    assert!(
        Certificate::parse("{}")
            .unwrap_err()
            .starts_with("is no certificate")
    );
}
