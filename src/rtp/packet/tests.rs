use super::*;
use proptest::prelude::*;

const PLAIN: [u8; 16] = [
    0x80, 0x80, 0xFF, 0xFE, 0, 0, 1, 0, 0xCA, 0x11, 0, 1, 1, 2, 3, 4,
];

#[track_caller]
fn payload_of(bytes: &[u8]) -> Vec<u8> {
    match classify(bytes) {
        Classified::Rtp(packet) => packet.payload.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_header_is_read() {
    let Classified::Rtp(packet) = classify(&PLAIN) else {
        panic!("not RTP");
    };
    assert_eq!(packet.payload_type, 0);
    assert!(packet.marker);
    assert_eq!(packet.sequence, 0xFFFE);
    assert_eq!(packet.timestamp, 256);
    assert_eq!(packet.ssrc, 0xCA11_0001);
    assert_eq!(packet.payload, [1, 2, 3, 4]);
    assert!(!format!("{packet:?}").contains("payload: "));
}

#[test]
fn contributing_sources_extension_and_padding_are_no_payload() {
    let mut bytes = PLAIN.to_vec();
    bytes[0] = 0x80 | 0x20 | 0x10 | 2;
    // Two sources, and an extension of one word.
    let between = [0, 0, 0, 1, 0, 0, 0, 2, 0xBE, 0xDE, 0, 1, 9, 9, 9, 9];
    bytes.splice(12..12, between);
    bytes.extend([0, 0, 3]);
    assert_eq!(payload_of(&bytes), [1, 2, 3, 4]);

    // All of it padding.
    let mut padded = PLAIN.to_vec();
    padded[0] |= 0x20;
    padded[15] = 4;
    assert_eq!(payload_of(&padded), [0_u8; 0]);
}

#[test]
fn what_contradicts_itself_is_junk() {
    let check = |change: &dyn Fn(&mut Vec<u8>), expected: Junk| {
        let mut bytes = PLAIN.to_vec();
        change(&mut bytes);
        assert_eq!(classify(&bytes), Classified::Junk(expected), "{bytes:?}");
    };
    check(&|b| b.truncate(11), Junk::Truncated);
    check(&|b| b.clear(), Junk::Version);
    check(&|b| b[0] = 0x40, Junk::Version);
    check(&|b| b[0] = 0xC0, Junk::Version);
    check(&|b| b[0] |= 2, Junk::Truncated);
    check(&|b| b[0] |= 0x10, Junk::Truncated);
    check(
        &|b| {
            b[0] |= 0x20;
            b[15] = 0;
        },
        Junk::Padding,
    );
    check(
        &|b| {
            b[0] |= 0x20;
            b[15] = 5;
        },
        Junk::Padding,
    );
    check(&|b| b.resize(12 + LONGEST_PAYLOAD + 1, 0), Junk::TooLong);
}

#[test]
fn reports_and_connectivity_checks_are_told_apart() {
    let mut report = PLAIN.to_vec();
    for kind in 200..=207 {
        report[1] = kind;
        assert_eq!(classify(&report), Classified::Rtcp(&report));
    }
    // A marked packet of a dynamic payload type.
    report[1] = 0x80 | 101;
    assert!(matches!(classify(&report), Classified::Rtp(_)));

    let mut check = [0_u8; 20];
    check[1] = 1;
    check[4..8].copy_from_slice(&STUN_MAGIC);
    assert_eq!(classify(&check), Classified::Stun);
    assert_eq!(
        classify(&check[..19]),
        Classified::Junk(Junk::Version),
        "too short for one"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..64),
        is_rtp in any::<bool>(),
    ) {
        if let (true, Some(first)) = (is_rtp, bytes.first_mut()) {
            *first = *first & 0x3F | 0x80;
        }
        if let Classified::Rtp(packet) = classify(&bytes) {
            prop_assert!(packet.payload.len() + 12 <= bytes.len());
        }
    }
}
