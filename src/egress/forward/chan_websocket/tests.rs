use proptest::prelude::*;
use serde_json::json;

use super::super::Parting;
use super::super::tests::*;
use super::*;
use crate::audio::MediaTime;
use crate::ingress::chan_websocket as door;

#[test]
fn a_stream_reads_as_asterisk_writes_it() {
    let facts = facts(BOTH, 16_000, Encoding::LinearLittle);
    let call = spoken(&facts, &[(330, 0)]);
    let mut plain = ChanWebSocketSpeaker::new(Form::Plain, Leg::Mixed, facts.clone());
    assert_eq!(plain.handshake().subprotocol, Some(door::SUBPROTOCOL));
    let messages = say(&mut plain, &call.blocks);
    let start = format!(
        "MEDIA_START connection_id:hushgate channel:WebSocket/hushgate/{CALL} channel_id:{CALL} \
         format:slin16 optimal_frame_size:640 ptime:20"
    );
    assert_eq!(messages[0], Outgoing::Text(start));
    let mixed = mean(&call.legs);
    let bytes = Encoding::LinearLittle.encode(&mixed);
    assert_eq!(messages[1], Outgoing::Binary(bytes[..640].to_vec()));
    assert_eq!(messages[2..], [Outgoing::Binary(bytes[640..].to_vec())]);

    let later = StreamFacts {
        begins: MediaTime::from_millis(2_500),
        attempt: 1,
        ..facts
    };
    let mut speaker = ChanWebSocketSpeaker::new(Form::Json, Leg::Agent, later);
    let mut messages = Vec::new();
    speaker.begin(&mut messages).unwrap();
    let expected = json!({
        "event": "MEDIA_START", "connection_id": "hushgate",
        "channel": format!("WebSocket/hushgate/{CALL}"), "channel_id": CALL,
        "format": "slin16", "optimal_frame_size": 640, "ptime": 20,
        "channel_variables": {"agentId": "1001", "hushgateBeginsMs": "2500"}});
    assert_eq!(json_of(&messages[0]), expected);
}

#[test]
fn commands_are_obeyed_in_the_form_of_the_stream() {
    let (plain, json) = (Form::Plain, Form::Json);
    for (form, command, answers, standing) in [
        (plain, "ANSWER", 0, Standing::Ready),
        (plain, "GET_STATUS", 1, Standing::Ready),
        (plain, "HANGUP", 0, Standing::Over(Parting::Declined)),
        (plain, r#"{"command":"HANGUP"}"#, 0, Standing::Ready),
        (
            json,
            r#"{"command":"HANGUP"}"#,
            0,
            Standing::Over(Parting::Declined),
        ),
        (json, r#"{"command":"GET_STATUS"}"#, 1, Standing::Ready),
        (json, "HANGUP", 0, Standing::Ready),
    ] {
        let facts = facts(BOTH, 8_000, MU);
        let mut speaker = ChanWebSocketSpeaker::new(form, Leg::Mixed, facts);
        let mut messages = Vec::new();
        speaker.hear(Heard::Text(command), Duration::ZERO, &mut messages);
        speaker.hear(Heard::Binary(&[0; 320]), Duration::ZERO, &mut messages);
        assert_eq!(messages.len(), answers, "{command}");
        assert_eq!(speaker.standing(), standing, "{command}");
    }
}

#[test]
fn a_rate_without_a_name_is_refused() {
    let facts = facts(BOTH, 22_050, Encoding::LinearLittle);
    let mut speaker = ChanWebSocketSpeaker::new(Form::Plain, Leg::Mixed, facts);
    let problem = speaker.begin(&mut Vec::new()).unwrap_err().to_string();
    assert!(problem.contains("22050 Hz"), "{problem}");
}

proptest! {
    /// However audio is cut into blocks, the recorder hears every sample in its place, gaps included.
    #[test]
    fn a_door_hears_the_same(which in 0_usize..4, pieces in pieces()) {
        let (form, hertz, leg, encoding) = [
            (Form::Plain, 8_000, Leg::Customer, MU),
            (Form::Json, 8_000, Leg::Agent, Encoding::Companded(Law::A)),
            (Form::Plain, 16_000, Leg::Mixed, Encoding::LinearLittle),
            (Form::Json, 48_000, Leg::Agent, Encoding::LinearBig),
        ][which];
        let facts = facts(BOTH, hertz, encoding);
        let call = spoken(&facts, &pieces);
        let mut speaker = ChanWebSocketSpeaker::new(form, leg, facts);
        let messages = say(&mut speaker, &call.blocks);
        let adapter = door::ChanWebSocketAdapter::new(door::Settings { leg });
        let heard = recorded(adapter, &messages);
        prop_assert_eq!(&heard.started, &format!("{CALL} [{leg:?}] {hertz}"));
        let expected = match leg {
            Leg::Agent => call.legs[0].clone(),
            Leg::Customer => call.legs[1].clone(),
            Leg::Mixed => mean(&call.legs),
        };
        prop_assert_eq!(heard.leg(leg), &expected);
    }
}
