use proptest::prelude::*;

use super::super::tests::*;
use super::*;
use crate::call::CallId;
use crate::ingress::vonage as door;

#[test]
fn a_stream_reads_as_vonage_writes_it() {
    let facts = facts(&[Leg::Mixed], 8_000, MU);
    let call = spoken(&facts, &[(100, 0), (220, 0)]);
    let mut speaker = VonageSpeaker::new(Leg::Mixed, facts);
    let messages = say(&mut speaker, &call.blocks);
    let expected = json!({"event": "websocket:connected", "content-type": "audio/l16;rate=8000",
        "uuid": CALL, "agentId": "1001"});
    assert_eq!(json_of(&messages[0]), expected);
    let bytes = Encoding::LinearLittle.encode(&call.legs[0]);
    let packets = bytes.chunks(320).map(|c| Outgoing::Binary(c.to_vec()));
    assert_eq!(messages[1..], packets.collect::<Vec<_>>());
}

#[test]
fn actions_are_answered_and_odd_rates_refused() {
    let mut speaker = VonageSpeaker::new(Leg::Mixed, facts(BOTH, 8_000, MU));
    let mut messages = Vec::new();
    for text in [
        r#"{"action":"clear"}"#,
        r#"{"action":"notify","payload":{"a":1}}"#,
        r#"{"action":"sing"}"#,
        "garbage",
    ] {
        speaker.hear(Heard::Text(text), Duration::ZERO, &mut messages);
    }
    let said: Vec<Value> = messages.iter().map(json_of).collect();
    let expected = [
        json!({"event": "websocket:cleared"}),
        json!({"event": "websocket:notify", "payload": {"a": 1}}),
    ];
    assert_eq!(said, expected);
    let wide = facts(BOTH, 48_000, Encoding::LinearLittle);
    let problem = VonageSpeaker::new(Leg::Mixed, wide).begin(&mut Vec::new());
    let problem = problem.unwrap_err().to_string();
    assert!(problem.contains("48000 Hz"), "{problem}");
}

proptest! {
    /// However audio is cut into blocks, the recorder hears every sample in its place, gaps included.
    #[test]
    fn a_door_hears_the_same(
        hertz in prop::sample::select(vec![8_000, 16_000, 24_000]),
        leg in prop::sample::select(vec![Leg::Mixed, Leg::Agent]),
        pieces in pieces(),
    ) {
        let facts = facts(BOTH, hertz, Encoding::LinearLittle);
        let call = spoken(&facts, &pieces);
        let mut speaker = VonageSpeaker::new(leg, facts);
        let messages = say(&mut speaker, &call.blocks);
        let settings = door::Settings { call_header: None, fallback: CallId::new("x").unwrap() };
        let heard = recorded(door::VonageAdapter::new(settings), &messages);
        prop_assert_eq!(&heard.started, &format!("{CALL} [Mixed] {hertz}"));
        let expected = if leg == Leg::Agent { call.legs[0].clone() } else { mean(&call.legs) };
        prop_assert_eq!(heard.leg(Leg::Mixed), &expected);
    }
}
