use proptest::prelude::*;

use super::*;

const OFFER: &str = "v=0\r\no=src 2890844526 2890844526 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 30000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\na=ptime:20\r\na=sendonly\r\na=label:1\r\n\
    m=audio 30002 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\na=label:2\r\n";

const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

fn parse(text: &str) -> Description {
    Description::parse(text.as_bytes()).unwrap()
}

fn local(port: u16) -> LocalMedia {
    LocalMedia {
        address: SocketAddr::from(([198, 51, 100, 1], port)),
        rtcp_mux: false,
        key: Some(Sensitive::new(vec![7; 30])),
    }
}

fn preference() -> Vec<Codec> {
    vec![
        Codec::Pcmu,
        Codec::Pcma,
        Codec::G722,
        Codec::Opus,
        Codec::L16 { rate: 16_000 },
        Codec::L16 { rate: 8000 },
    ]
}

/// The streams taken of an offer, with slots as a session gives them.
fn take(offer: &Description) -> Vec<Taking> {
    let mut taking = negotiate(offer, &preference(), true);
    let mut slot = 0;
    for taking in &mut taking {
        if let Taking::Taken(stream) = taking {
            stream.slot = slot;
            slot += 1;
        }
    }
    taking
}

fn answered(offer: &str) -> String {
    let offer = parse(offer);
    let taking = take(&offer);
    answer(
        &offer,
        &taking,
        &[local(40_000), local(40_002)],
        Origin { id: 1, version: 1 },
    )
}

#[test]
fn the_example_is_answered_as_the_reference_says() {
    let expected = "v=0\r\no=hushgate 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
        m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
        a=recvonly\r\na=label:1\r\n\
        m=audio 40002 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
        a=recvonly\r\na=label:2\r\n";
    assert_eq!(answered(OFFER), expected);
    assert_eq!(answered(&OFFER.replace("\r\n", "\n")), expected);
    assert_eq!(answered(&OFFER.replace("a=sendonly\r\n", "")), expected);
    assert_eq!(
        answered(&OFFER.replace("a=sendonly", "a=direction:both")),
        expected
    );
    assert_eq!(
        answered(&OFFER.replace("t=0 0", "t=0 0 \r\nb=AS:\r\nx\r\nk=?")),
        expected
    );
}

#[test]
fn what_is_offered_is_told() {
    let stream = &parse(OFFER).streams[1];
    assert_eq!(stream.label.as_deref(), Some("2"));
    assert_eq!(stream.direction, Direction::SendOnly);
    assert_eq!(
        stream.rtp(),
        Some(SocketAddr::from(([127, 0, 0, 1], 30_002)))
    );
    assert_eq!(stream.telephone_events, [(101, 8000)]);
    let codecs: Vec<Codec> = stream.formats.iter().map(|format| format.codec).collect();
    assert_eq!(codecs, [Codec::Pcmu, Codec::Pcma]);
    let Taking::Taken(taken) = &take(&parse(OFFER))[0] else {
        panic!("refused");
    };
    assert_eq!(taken.rtcp, Some(SocketAddr::from(([127, 0, 0, 1], 30_001))));
    assert_eq!(taken.packet_time, Some(20));
    assert_eq!(taken.others, [(0, Codec::Pcmu), (8, Codec::Pcma)]);
    assert!(taken.active);
}

#[test]
fn held_streams_are_answered_inactive() {
    for held in [
        OFFER.replace("a=sendonly", "a=inactive"),
        OFFER.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0"),
        OFFER
            .replace("a=sendonly\r\n", "")
            .replace("t=0 0", "t=0 0\r\na=inactive"),
        OFFER.replace("a=sendonly", "a=recvonly"),
    ] {
        assert_eq!(answered(&held).matches("a=inactive").count(), 2, "{held}");
    }
}

#[track_caller]
fn check_codec(formats: &str, attributes: &str, chosen: Option<(u8, Codec)>) {
    let text = format!("v=0\nc=IN IP4 198.51.100.7\nm=audio 4000 RTP/AVP {formats}\n{attributes}");
    let taking = take(&parse(&text));
    let found = match &taking[0] {
        Taking::Taken(stream) => Some((stream.payload_type, stream.codec)),
        Taking::Refused => None,
    };
    assert_eq!(found, chosen, "{formats} {attributes}");
}

#[test]
fn codecs_are_chosen_by_preference_and_offered_number() {
    check_codec("0", "", Some((0, Codec::Pcmu)));
    check_codec("8 0", "", Some((0, Codec::Pcmu)));
    check_codec("18 8", "a=rtpmap:18 G729/8000", Some((8, Codec::Pcma)));
    check_codec("9", "a=rtpmap:9 G722/8000/1", Some((9, Codec::G722)));
    check_codec("96", "a=rtpmap:96 pcmu/8000", Some((96, Codec::Pcmu)));
    check_codec("111", "a=rtpmap:111 opus/48000/2", Some((111, Codec::Opus)));
    check_codec(
        "98",
        "a=rtpmap:98 L16/16000",
        Some((98, Codec::L16 { rate: 16_000 })),
    );
    check_codec(
        "98",
        "a=rtpmap:98 L16/8000/1",
        Some((98, Codec::L16 { rate: 8000 })),
    );
    check_codec("98", "a=rtpmap:98 L16/8000/2", None);
    check_codec("98", "a=rtpmap:98 L16/44100", None);
    check_codec("18", "a=rtpmap:18 G729/8000", None);
    check_codec("101", "a=rtpmap:101 telephone-event/8000", None);
    // What the number says yields to what is written.
    check_codec("0", "a=rtpmap:0 G729/8000", None);
    check_codec("300 x -1", "", None);
}

#[test]
fn one_codec_serves_all_streams_if_it_can() {
    let offer = "v=0\nc=IN IP4 198.51.100.7\nm=audio 4000 RTP/AVP 0 8\nm=audio 4002 RTP/AVP 8\n";
    assert!(answered(offer).contains("m=audio 40000 RTP/AVP 8\r\n"));
    let offer = "v=0\nc=IN IP4 198.51.100.7\nm=audio 4000 RTP/AVP 0\nm=audio 4002 RTP/AVP 8\n";
    let answer = answered(offer);
    assert!(answer.contains("m=audio 40000 RTP/AVP 0\r\n"), "{answer}");
    assert!(answer.contains("m=audio 40002 RTP/AVP 8\r\n"), "{answer}");
}

#[test]
fn refused_lines_stay_in_their_place() {
    let offer = "v=0\nc=IN IP6 2001:db8::7\nm=video 4000 RTP/AVP 99\na=label:v\nm=audio 4002 RTP/AVP 0\nm=audio 0 RTP/AVP 0\nm=message 9 TCP/MSRP *\nm=audio 4004 RTP/SAVP 0\n";
    let answer = answered(offer);
    let lines: Vec<&str> = answer
        .lines()
        .filter(|line| line.starts_with("m="))
        .collect();
    assert_eq!(
        lines,
        [
            "m=video 0 RTP/AVP 99",
            "m=audio 40000 RTP/AVP 0",
            "m=audio 0 RTP/AVP 0",
            "m=message 0 TCP/MSRP *",
            "m=audio 0 RTP/SAVP 0"
        ]
    );
}

fn secure(crypto: &str) -> String {
    format!(
        "v=0\nc=IN IP4 198.51.100.7\nm=audio 4000 RTP/SAVP 0\n{crypto}\na=rtcp-mux\na=rtcp:4009 IN IP4 198.51.100.8\n"
    )
}

#[test]
fn keys_are_taken_and_answered_with_ours() {
    let offer = secure(&format!(
        "a=crypto:1 F8_128_HMAC_SHA1_80 inline:{KEY}\na=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^20|1:4\na=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^20 WSH=64"
    ));
    let taking = take(&parse(&offer));
    let Taking::Taken(stream) = &taking[0] else {
        panic!("refused");
    };
    let crypto = stream.crypto.as_ref().unwrap();
    assert_eq!((crypto.tag, crypto.suite), (3, Suite::Aes128Sha1Tag32));
    assert_eq!(crypto.key.expose().len(), 30);
    assert!(!format!("{taking:?}").contains(KEY));
    assert_eq!(
        stream.rtcp,
        Some(SocketAddr::from(([198, 51, 100, 8], 4009)))
    );
    let answer = answered(&offer);
    assert!(answer.contains("m=audio 40000 RTP/SAVP 0\r\n"), "{answer}");
    assert!(
        answer.contains("a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:BwcH"),
        "{answer}"
    );
    assert!(!answer.contains("rtcp-mux"));
    // Keys that everybody can read protect nothing.
    assert_eq!(
        negotiate(&parse(&offer), &preference(), false),
        [Taking::Refused]
    );
}

#[test]
fn keys_that_we_do_not_do_are_refused() {
    for crypto in [
        "",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80",
        &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
        &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4"),
        &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}"),
    ] {
        assert_eq!(take(&parse(&secure(crypto))), [Taking::Refused], "{crypto}");
    }
    // Keys beside a plain profile are a wish.
    let plain =
        secure(&format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}")).replace("SAVP", "AVP");
    assert!(matches!(&take(&parse(&plain))[0], Taking::Taken(stream) if stream.crypto.is_none()));
}

#[test]
fn an_offer_is_understood() {
    let line = |port, label: &str| OfferedLine {
        label: label.to_owned(),
        direction: Direction::SendOnly,
        local: local(port),
        codecs: vec![(0, Codec::Pcmu), (98, Codec::L16 { rate: 16_000 })],
        telephone_event: Some(101),
        packet_time: Some(20),
        crypto: None,
    };
    let mut lines = vec![line(5000, "a"), line(5002, "b")];
    lines[1].crypto = Some(Crypto {
        tag: 1,
        suite: Suite::Aes128Sha1Tag80,
        key: Sensitive::new(vec![9; 30]),
    });
    lines[1].local.address = "[2001:db8::1]:5002".parse().unwrap();
    let description = parse(&offer(&lines, Origin { id: 5, version: 2 }));
    assert_eq!(description.origin.1, 2);
    let [first, second] = &*description.streams else {
        panic!("{description:?}");
    };
    assert_eq!(first.rtp(), Some(lines[0].local.address));
    assert_eq!(second.rtp(), Some(lines[1].local.address));
    assert_eq!(first.formats.len(), 2);
    assert_eq!(first.telephone_events, [(101, 8000)]);
    assert_eq!(first.label.as_deref(), Some("a"));
    assert_eq!(second.crypto, [lines[1].crypto.clone().unwrap()]);
    assert!(second.is_secure() && !first.is_secure());
}

#[test]
fn broken_descriptions_are_errors() {
    let error = |text: &str| Description::parse(text.as_bytes()).unwrap_err();
    assert_eq!(error(""), DescriptionError::Version);
    assert_eq!(error("v=1\r\n"), DescriptionError::Version);
    assert_eq!(error("v=0\nm=audio x RTP/AVP 0"), DescriptionError::Line(2));
    assert_eq!(
        error("v=0\nm=audio 99999 RTP/AVP 0"),
        DescriptionError::Line(2)
    );
    let many = format!(
        "v=0\n{}",
        "m=audio 4000 RTP/AVP 0\n".repeat(MOST_STREAMS + 1)
    );
    assert_eq!(error(&many), DescriptionError::TooManyStreams);
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..1000)) {
        let _ = Description::parse(&bytes);
    }

    #[test]
    fn an_answer_has_the_lines_of_its_offer(at in 0..OFFER.len(), with in "[ -~\r\n]{0,12}") {
        let mut text = OFFER.to_owned();
        text.insert_str(at, &with);
        if let Ok(offer) = Description::parse(text.as_bytes()) {
            let taking = take(&offer);
            let answer = answer(&offer, &taking, &[local(2), local(4)], Origin { id: 1, version: 1 });
            let answer = Description::parse(answer.as_bytes()).unwrap();
            prop_assert_eq!(answer.streams.len(), offer.streams.len());
        }
    }
}
