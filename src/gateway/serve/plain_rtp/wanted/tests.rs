use serde_json::{Value, json};

use super::*;

fn wanted(body: Value) -> Wanted {
    read(body.to_string().as_bytes()).unwrap()
}

fn check(body: Value, expected: &str) {
    let problem = read(body.to_string().as_bytes()).unwrap_err().to_string();
    assert!(problem.contains(expected), "{problem}\nlacks {expected}");
}

#[test]
fn only_the_leg_is_needed() {
    let wanted = wanted(json!({"streams": [{"leg": "mixed"}]}));
    assert_eq!(wanted.legs, [Leg::Mixed]);
    assert_eq!(wanted.rate, SampleRate::TELEPHONE);
    assert_eq!(wanted.encoding, Encoding::Companded(Law::Mu));
    assert_eq!(wanted.id.as_str().len(), 36, "a UUID");
    let types: Vec<u8> = wanted.streams[0]
        .formats
        .iter()
        .map(|(payload_type, _)| *payload_type)
        .collect();
    assert_eq!(types, [0, 8, 9, 101, 13]);
    assert_eq!(wanted.streams[0].from, None);
}

#[test]
fn everything_can_be_told() {
    let wanted = wanted(json!({"call": "branch-7", "streams": [
        {"leg": "customer", "from": "::ffff:192.0.2.7",
         "formats": {"118": "L16/16000", "96": "telephone-event/16000", "13": "CN/8000"}},
        {"leg": "agent", "from": "2001:db8::1", "formats": {"111": "opus/48000/2"}}]}));
    assert_eq!(wanted.id.as_str(), "branch-7");
    assert_eq!(wanted.legs, [Leg::Agent, Leg::Customer]);
    assert_eq!(wanted.streams[0].leg, Leg::Customer);
    assert_eq!(wanted.streams[0].formats.len(), 3);
    assert_eq!(wanted.streams[0].from, Some([192, 0, 2, 7].into()));
    assert_eq!(wanted.streams[1].from, Some("2001:db8::1".parse().unwrap()));
    assert_eq!(wanted.rate.hertz(), 16_000);
    assert_eq!(wanted.encoding, Encoding::LinearLittle);
}

#[test]
fn the_rate_is_that_of_the_widest_format_told_or_the_one_asked_for() {
    let rate = |formats: Value, rate: Option<u32>| {
        let stream = json!({"leg": "agent", "formats": formats});
        let wanted = wanted(json!({"rate": rate, "streams": [stream]}));
        (wanted.rate.hertz(), wanted.encoding)
    };
    let law = Encoding::Companded;
    assert_eq!(rate(json!({"8": "PCMA/8000"}), None), (8_000, law(Law::A)));
    assert_eq!(rate(json!({"9": "G722/8000"}), None).0, 16_000);
    assert_eq!(
        rate(json!({"0": "PCMU/8000", "9": "G722/8000"}), None).0,
        16_000
    );
    assert_eq!(rate(json!({"9": "g722/8000"}), Some(8_000)).0, 8_000);
    assert_eq!(
        rate(json!({"0": "PCMU/8000"}), Some(16_000)),
        (16_000, Encoding::LinearLittle)
    );
}

#[test]
fn what_is_wrong_is_named() {
    let stream = |stream: Value| json!({"streams": [stream]});
    check(json!({}), "missing field `streams`");
    check(json!({"streams": []}), "streams: expected one stream, or");
    let leg = |name: &str| json!({"leg": name});
    for legs in [
        vec!["mixed", "agent"],
        vec!["agent", "agent"],
        vec!["mixed"; 3],
    ] {
        let streams: Vec<Value> = legs.into_iter().map(leg).collect();
        check(json!({ "streams": streams }), "streams: expected one");
    }
    check(stream(leg("caller")), "unknown variant `caller`");
    check(stream(json!({"leg": "agent", "port": 1})), "unknown field");
    check(
        stream(json!({"leg": "agent", "from": "192.0.2.7:5000"})),
        "streams[0].from: expected an IP address",
    );
    let formats = |formats: Value| stream(json!({"leg": "agent", "formats": formats}));
    check(
        formats(json!({"128": "PCMU/8000"})),
        "from \"0\" to \"127\"",
    );
    check(formats(json!({"x": "PCMU/8000"})), "from \"0\" to \"127\"");
    for name in ["PCMU", "PCMU/16000", "G729/8000", "PCMU/8000/1/1", ""] {
        check(
            formats(json!({"96": name})),
            "streams[0].formats.96: expected PCMU/8000,",
        );
    }
    check(
        formats(json!({"0": "PCMU/8000", "00": "PCMA/8000"})),
        "streams[0].formats.0: is there twice",
    );
    check(formats(json!({})), "that have sound");
    check(
        formats(json!({"101": "telephone-event/8000"})),
        "that have sound",
    );
    let call = json!({"call": "a/b", "streams": [{"leg": "agent"}]});
    check(call, "call: a call id has 1 to 64 letters");
    let rate = json!({"rate": 1, "streams": [{"leg": "agent"}]});
    check(rate, "rate: ");
    assert!(read(b"{").is_err() && read(b"").is_err() && read(&[0xff; 99]).is_err());
}

#[test]
fn who_takes_part_can_be_told() {
    let body = json!({"particulars": {"agent": "Alice", "from": "+1 415 555 0100", "colour": "red"},
        "streams": [{"leg": "mixed"}]});
    let told = wanted(body).particulars;
    assert_eq!(told.agent.unwrap().as_str(), "Alice");
    assert_eq!(told.caller.unwrap().expose(), "14155550100");
    check(
        json!({"particulars": "Alice", "streams": [{"leg": "mixed"}]}),
        "expected",
    );
}
