//! Calls in the bucket of a server that we did not write: put there by a gateway, read by commands, while it is there and
//! while it is not.

pub(crate) mod server;

use hushgate::config::store::Store;
use hushgate::gateway::archiving::Archiver;
use server::{BUCKET, KEY, S3Server};

use super::*;

/// A configuration that names the server.
fn with_bucket(place: &Place, server: &S3Server) -> Store {
    std::fs::write(place.path("account"), KEY).unwrap();
    let config = place.path("hushgate.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let endpoint = server.endpoint();
    let archive = format!(
        "[store.archive]\nendpoint = \"{endpoint}\"\nbucket = \"{BUCKET}\"\nprefix = \"site\"\n\
         access_key = \"file:account\"\nsecret_key = \"file:account\"\nkeep_local_minutes = 0\ncache_mb = 0\n"
    );
    std::fs::write(&config, text + &archive).unwrap();
    Store::load(&config).unwrap().unwrap()
}

/// Waits until the bucket has so many objects and the disk none of a call's audio.
async fn moved(server: &S3Server, objects: usize, place: &Place, call: &str) {
    let sealed = place.path(&format!("store/calls/{call}/audio.sealed"));
    eventually(Duration::from_secs(40), || {
        let on_disk = std::fs::metadata(&sealed).ok()?.len();
        (server.objects().len() == objects && on_disk < 200).then_some(())
    })
    .await;
}

fn forget_fetched(place: &Place) {
    let _ = std::fs::remove_dir_all(place.path("store/fetched"));
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_calls_are_kept_in_a_bucket_and_come_back_by_command() {
    let mut server = S3Server::start(None);
    let place = Place::new();
    let log = watch_log();
    let store = with_bucket(&place, &server);
    let vault = records::open(&store).unwrap();
    let tapes = records::tapes(vault.clone());
    let gateway = Gateway::start_with(says_something_of_both(), |settings| {
        settings.tapes = tapes;
    })
    .await;
    let keep = store.archive.as_ref().unwrap().keep_local;
    let archiver = Archiver::start(vault.clone(), keep, Arc::default()).unwrap();

    let (agent, customer) = (sound(1, 3_000), sound(2, 3_000));
    playback("CA1", agent.clone(), customer.clone())
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    moved(&server, 2, &place, "CA1").await;
    place.done(&["recordings", "export", "CA1", "--out", "call.wav"]);
    let heard = channels(&place.path("call.wav"));
    let expected = linear(&agent);
    assert!(heard[0][..expected.len()] == expected);
    let shown = place.json(&["recordings", "show", "CA1", "--json"]);
    assert_eq!(shown["audio"]["standing"]["is"], "whole");
    let bytes = shown["recording"]["bytes"].as_u64().unwrap();
    assert!(bytes > 90_000, "{bytes}");
    let report = ["recordings", "export", "CA1", "--part", "transcript"];
    place.done(&report);
    let said = std::fs::read_to_string(place.path("CA1.transcript.json")).unwrap();
    assert!(
        said.contains("Marmalade") && !said.contains("4111"),
        "{said}"
    );

    // Neither words nor sound nor keys are in the bucket.
    let spoken = linear(&agent);
    let spoken: Vec<u8> = spoken[8_000..8_008]
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    for (file, bytes) in server.everything() {
        let has = |word: &[u8]| bytes.windows(word.len()).any(|at| at == word);
        assert!(
            !has(b"4111") && !has(b"armalade") && !has(b"wrapped") && !has(&spoken),
            "{}",
            file.display()
        );
    }

    // Away, calls are recorded all the same, and what is there is told from what is lost.
    server.stop();
    forget_fetched(&place);
    playback("CA2", agent.clone(), customer)
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    complete(&vault, "CA2").await;
    let away = place.error(&["recordings", "export", "CA1", "--out", "no.wav"]);
    assert!(away.contains("the bucket recordings at"), "{away}");
    assert!(away.contains("is not reached"), "{away}");
    place.done(&["recordings", "export", "CA2", "--out", "second.wav"]);
    vault.remove(&name("CA1")).unwrap();
    eventually(Duration::from_secs(20), || {
        let told = "the object store does not take or delete recordings";
        log.text().contains(told).then_some(())
    })
    .await;

    // Back, what waited is put there, and what was removed is deleted.
    server.go_on();
    moved(&server, 2, &place, "CA2").await;
    assert!(
        server
            .objects()
            .keys()
            .all(|object| object.starts_with("site/calls/CA2/"))
    );
    forget_fetched(&place);
    place.done(&["recordings", "export", "CA2", "--out", "again.wav"]);
    assert_eq!(
        std::fs::read(place.path("second.wav")).unwrap(),
        std::fs::read(place.path("again.wav")).unwrap()
    );

    // One flipped bit is an error and leaves no file.
    let objects = server.objects();
    let audio = objects
        .iter()
        .find(|(object, _)| object.ends_with("audio.sealed"));
    let file = audio.unwrap().1;
    let mut bytes = std::fs::read(file).unwrap();
    bytes[30_000] ^= 4;
    std::fs::write(file, &bytes).unwrap();
    forget_fetched(&place);
    let altered = place.error(&["recordings", "export", "CA2", "--out", "no.wav"]);
    assert!(altered.contains("it was altered"), "{altered}");
    let shown = place.run(&["recordings", "show", "CA2"]);
    assert_eq!(shown.status.code(), Some(1));
    assert!(!place.path("no.wav").exists());

    archiver.stop().await;
    let log = log.text();
    assert_eq!(digit_runs(&log), Vec::<String>::new());
    assert!(!log.to_lowercase().contains("marmalade") && !log.contains(KEY));
}

#[test]
fn doctor_tries_the_object_store() {
    let mut server = S3Server::start(None);
    let place = Place::new();
    with_bucket(&place, &server);
    let look = |expected: bool, words: &str| {
        let found = place.run(&["doctor", "--json"]);
        let found: Value = serde_json::from_slice(&found.stdout).unwrap();
        let checks = found["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == "object store");
        let check = check.unwrap();
        assert_eq!(check["ok"], expected, "{check}");
        assert!(check["found"].as_str().unwrap().contains(words), "{check}");
    };
    look(true, "takes, gives and deletes");
    assert!(server.objects().is_empty());
    server.stop();
    look(false, "is not reached");
}
