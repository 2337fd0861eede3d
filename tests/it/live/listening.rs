//! Listeners over real sockets: what they hear is what is recorded, whoever else listens, and what they see is masked.

use super::*;

/// What a listener heard.
#[derive(Default)]
struct Heard {
    first: Value,
    /// Index of the first sample of each block, its flags and samples.
    blocks: Vec<(usize, u8, Vec<i16>)>,
    closed: Option<(u16, String)>,
}

async fn listen(mut client: Client) -> Heard {
    let mut heard = Heard::default();
    while let Some(Ok(message)) = client.0.next().await {
        match message {
            Message::Text(text) => heard.first = serde_json::from_str(&text).unwrap(),
            Message::Binary(bytes) => {
                let start = u64::from_le_bytes(bytes[..8].try_into().unwrap());
                assert_eq!(u32::from_le_bytes(bytes[8..12].try_into().unwrap()), 8_000);
                let channels = heard.first["legs"].as_array().unwrap().len();
                assert_eq!(usize::from(bytes[12]), channels);
                let samples: Vec<i16> = bytes[16..]
                    .chunks(2)
                    .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
                    .collect();
                assert!(samples.len() / channels <= 800);
                heard.blocks.push((start as usize, bytes[13], samples));
            }
            Message::Close(frame) => {
                heard.closed = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
            }
            _ => {}
        }
    }
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_listeners_hear_what_is_recorded() {
    let office = Office::open("").await;
    let gateway = gateway(&office, says_a_card()).await;
    let seoul = token(&office, Role::Supervisor, at("Seoul")).await;
    // Browsers listen by a session.
    office.user("kim", Role::Supervisor, at("Seoul")).await;
    office.user("lee", Role::Supervisor, at("Busan")).await;
    let origin = format!("Origin: http://{}\r\n", office.address);
    let kim = office.session("kim").await + &origin;
    let lee = office.session("lee").await + &origin;
    let officer = token(&office, Role::ComplianceOfficer, Scope::default()).await;
    let call = play(&gateway, "CA1", "/twilio", 5);
    has_come(&office, &seoul, "CA1", 0.1).await;
    let watching = [&seoul, &officer].map(|proof| {
        let (address, proof) = (office.address, proof.clone());
        tokio::spawn(async move { watch(address, &proof, "wait=8&call=CA1").await })
    });
    let first = tokio::spawn(listen(open(&office, "CA1/listen", &kim).await.unwrap()));
    let slow = open(&office, "CA1/listen", &kim).await.unwrap();
    assert_eq!(open(&office, "CA1/listen", &lee).await.err(), Some(403));
    assert_eq!(open(&office, "CA1/listen", "").await.err(), Some(401));
    assert_eq!(open(&office, "CA9/listen", &kim).await.err(), Some(404));
    assert_eq!(
        open(&office, "CA1/listen?leg=mixed", &kim).await.err(),
        Some(404)
    );
    let elsewhere = kim.replace(&origin, "Origin: https://elsewhere.example\r\n");
    assert_eq!(
        open(&office, "CA1/listen", &elsewhere).await.err(),
        Some(403)
    );
    assert_eq!(open(&office, "socket", &elsewhere).await.err(), Some(403));
    let plain = office.get("/api/v1/live/CA1/listen", &kim).await;
    assert_eq!((plain.status, plain.code().as_str()), (400, "bad_request"));
    has_come(&office, &seoul, "CA1", 3.5).await;
    let second = tokio::spawn(listen(
        open(&office, "CA1/listen?leg=customer", &kim)
            .await
            .unwrap(),
    ));
    call.await.unwrap().unwrap();
    let (report, recorded) = gateway.recording("CA1").await;
    assert!(!report.spans.is_empty());
    let input = played(5);

    let first = first.await.unwrap();
    assert_eq!(first.first["legs"], json!(["agent", "customer"]));
    assert_eq!(first.first["delay"], 2.0);
    assert_eq!(first.closed, Some((1000, "ended".into())));
    let mut next = first.blocks[0].0;
    for (start, flags, samples) in &first.blocks {
        assert_eq!(*start, next, "nothing is missing");
        next += samples.len() / 2;
        for (at, frame) in samples.chunks(2).enumerate() {
            for leg in 0..2 {
                assert_eq!(
                    frame[leg],
                    recorded[leg][start + at],
                    "leg {leg}, sample {}",
                    start + at
                );
                if flags & (1 << leg) == 0 {
                    assert_eq!(frame[leg], input[leg][start + at]);
                }
            }
        }
    }
    assert_eq!(next, recorded[0].len(), "to the end");
    assert!(first.blocks[0].0 < 8_000);
    assert!(
        first.blocks.iter().any(|block| block.1 != 0),
        "something was hidden"
    );
    let second = second.await.unwrap();
    assert_eq!(second.first["legs"], json!(["customer"]));
    assert!(second.blocks[0].0 > 8_000, "it was joined later");
    for (start, _, samples) in &second.blocks {
        assert_eq!(samples[..], recorded[1][*start..start + samples.len()]);
    }
    drop(slow);

    let [supervisor, officer] =
        watching.map(|watched| async move { events(&watched.await.unwrap()) });
    let (supervisor, officer) = (supervisor.await, officer.await);
    for kind in ["hiding", "hidden"] {
        let kinds = |events: &[_]| -> Vec<Value> {
            of(events, kind)
                .iter()
                .map(|event| event["kind"].clone())
                .collect()
        };
        assert!(kinds(&officer).contains(&json!("pan")), "{officer:?}");
        assert!(kinds(&supervisor).iter().all(|shown| shown == "sensitive"));
        assert_eq!(kinds(&officer).len(), kinds(&supervisor).len());
    }
    let decided = officer
        .iter()
        .position(|event| event.1 == "hiding")
        .unwrap();
    let left = officer
        .iter()
        .position(|event| event.1 == "hidden")
        .unwrap();
    assert!(decided < left, "it is told before it leaves");
    assert!(
        of(&officer, "state")
            .iter()
            .any(|state| state["state"] == "hidden")
    );
    for (events, mask) in [(&supervisor, "[hidden]"), (&officer, "[pan]")] {
        let said: Vec<&str> = of(events, "words")
            .iter()
            .filter_map(|words| words["text"].as_str())
            .collect();
        assert!(said.iter().any(|text| text.contains(mask)), "{said:?}");
        assert!(said.iter().all(|text| !text.contains("1111")), "{said:?}");
    }
    // The end of the slow listener is told when it is noticed.
    let began = office.entries(Action::LiveListeningBegan);
    assert_eq!(began.len(), 3);
    assert_eq!(began[0].entry.actor.name, "kim");
    assert_eq!(began[0].entry.subject.as_deref(), Some("CA1"));
    eventually(Duration::from_secs(5), || {
        (office.entries(Action::LiveListeningEnded).len() == 3).then_some(())
    })
    .await;
    assert!(!watch_log().text().contains("Marmalade"));
}
