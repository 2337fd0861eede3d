//! Calls are found by who took part and what was hidden, through a door and by command, on either database.

use hushgate::call::particulars::Particulars;
use hushgate::config::Door;
use hushgate::config::doors::Protocol;
use hushgate::config::store::Store;
use hushgate::gateway::records;
use hushgate::gateway::serve::Entrance;

use super::*;
use crate::postgres::Postgres;

/// A gateway whose door says what is usual, recording as the configuration file says.
async fn gateway(place: &Place, usual: &[(&str, &str)]) -> Gateway {
    let store = Store::load(&place.path("hushgate.toml")).unwrap().unwrap();
    let tapes = records::tapes_with_index(records::open(&store).unwrap(), store.database);
    let usual = Particulars::of_parameters(usual.iter().copied());
    Gateway::start_with(says_a_card(), |settings| {
        settings.tapes = tapes;
        let door = Door {
            usual,
            ..Door::new(Protocol::Twilio)
        };
        settings.doors = vec![Entrance::new(door).unwrap()];
    })
    .await
}

async fn call_is_found(place: &Place) {
    let usual = [
        ("agent", "Alice"),
        ("queue", "billing"),
        ("site", "Lisbon"),
        ("from", "+1 415 555 0100"),
    ];
    let gateway = gateway(place, &usual).await;
    playback("CA1", sound(1, 3_000), sound(2, 3_000))
        .play(&gateway.url(), |_| {})
        .await
        .unwrap();
    complete(&place.vault(), "CA1").await;
    let found = |arguments: &[&str]| {
        let arguments = [&["recordings", "search", "--json"], arguments].concat();
        let calls = place.json(&arguments)["calls"].clone();
        calls.as_array().unwrap().len()
    };
    eventually(Duration::from_secs(10), || {
        (found(&["--kind", "pan"]) == 1).then_some(())
    })
    .await;
    assert_eq!(found(&["--agent", "Alice", "--state", "complete"]), 1);
    assert_eq!(found(&["--number", "0014155550100"]), 1);
    assert_eq!(found(&["--number", "+1 415 555 0101"]), 0);
    assert_eq!(found(&["--site", "Porto"]), 0);
    assert_eq!(found(&["--from", "2999-01-01"]), 0);
    let text = place.done(&["recordings", "search", "--queue", "billing"]);
    assert!(text.contains("AGENT") && text.contains("Alice"), "{text}");
    assert!(
        text.contains("1 calls") && !text.contains("VENDOR"),
        "{text}"
    );
    let odd = place.error(&["recordings", "search", "--number", "nobody"]);
    assert!(odd.contains("--number: is no telephone number"), "{odd}");

    // Labels stand in the report, numbers nowhere.
    let shown = place.json(&["recordings", "show", "CA1", "--json"]);
    assert_eq!(shown["report"]["parties"]["agent"], "Alice");
    assert!(!shown.to_string().contains("5550100"));
    for file in files(&place.path("store")) {
        let bytes = std::fs::read(&file).unwrap();
        let is_there = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        assert!(!is_there(b"5550100"), "{}", file.display());
    }

    let anew = place.json(&["recordings", "reindex", "--json"]);
    assert_eq!(anew, json!({"calls": 1, "removed": 0}));
    assert_eq!(found(&["--number", "+14155550100", "--kind", "pan"]), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_call_is_found_by_command() {
    call_is_found(&Place::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_call_is_found_in_postgresql() {
    let server = Postgres::start(&["fsync=off"]);
    let _made = server.database("calls");
    let place = Place::new();
    let file = place.path("hushgate.toml");
    std::fs::write(place.path("url"), server.url("calls")).unwrap();
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        format!("{config}[store.database]\nurl = \"file:url\"\n"),
    )
    .unwrap();
    call_is_found(&place).await;
    assert!(!place.path("store/index.sqlite").exists());
}
