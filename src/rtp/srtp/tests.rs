use super::*;
use proptest::prelude::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The master key of RFC 3711, appendix B.3.
fn key() -> MasterKey {
    let told = bytes("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
    MasterKey::new(Zeroizing::new(told.try_into().unwrap()))
}

const LONG: Suite = Suite::AesCm128HmacSha1_80;
const SHORT: Suite = Suite::AesCm128HmacSha1_32;

fn packet(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 1, 0xCA, 0xFE, 0xBA, 0xBE]);
    packet.extend([sequence as u8; 20]);
    packet
}

#[test]
fn keys_are_derived_as_in_appendix_b3() {
    let keys = SessionKeys::derive(LONG, &key());
    assert_eq!(
        keys.rtp_cipher.to_vec(),
        bytes("C61E7A93744F39EE10734AFE3FF7A087")
    );
    assert_eq!(
        keys.rtp_salt.to_vec(),
        bytes("30CBBC08863D8C85D49DB34A9AE1")
    );
    assert_eq!(
        keys.rtp_tag.to_vec(),
        bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
    );
}

#[test]
fn the_key_stream_is_that_of_appendix_b2() {
    let cipher = bytes("2B7E151628AED2A6ABF7158809CF4F3C")
        .try_into()
        .unwrap();
    let salt = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
    let mut stream = vec![0; 48];
    crypt(&cipher, &salt, 0, 0, &mut stream);
    let expected = "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB
                    41E95B3BB0A2E8DD477901E4FCA894C0";
    assert_eq!(stream, bytes(expected));
}

#[test]
fn packets_and_reports_are_those_of_other_implementations() {
    // libsrtp's own check of this suite and key.
    let mut packet = bytes("800F1234 DECAFBAD CAFEBABE");
    packet.extend([0xAB; 16]);
    let plain = packet.clone();
    Protector::new(LONG, &key())
        .protect_rtp(&mut packet)
        .unwrap();
    let expected =
        "800F1234 DECAFBAD CAFEBABE 4E55DC4CE79978D88CA4D215949D2402 B78D6ACC99EA179B8DBB";
    assert_eq!(packet, bytes(expected));
    Unprotector::new(LONG, &key())
        .unprotect_rtp(&mut packet)
        .unwrap();
    assert_eq!(packet, plain);

    let mut report = bytes("81C8000B CAFEBABE");
    report.extend([0xAB; 16]);
    let plain = report.clone();
    Protector::new(LONG, &key())
        .protect_rtcp(&mut report)
        .unwrap();
    let expected =
        "81C8000B CAFEBABE 7128035BE487B9BDBEF89041F977A5A8 80000001 993E08CD54D6C1230798";
    assert_eq!(report, bytes(expected));
    Unprotector::new(LONG, &key())
        .unprotect_rtcp(&mut report)
        .unwrap();
    assert_eq!(report, plain);
}

#[test]
fn packets_come_through_beyond_the_wrap_of_their_numbers() {
    for suite in [LONG, SHORT] {
        let mut protector = Protector::new(suite, &key());
        let mut unprotector = Unprotector::new(suite, &key());
        for number in 65_000..200_000_u32 {
            let plain = packet(number as u16);
            let mut sent = plain.clone();
            protector.protect_rtp(&mut sent).unwrap();
            assert_eq!(sent.len(), plain.len() + suite.tag());
            // A third is lost.
            if number % 3 != 0 {
                unprotector.unprotect_rtp(&mut sent).unwrap();
                assert_eq!(sent, plain);
            }
        }
    }
}

#[test]
fn a_changed_packet_is_not_believed_and_leaves_no_trace() {
    let mut protector = Protector::new(LONG, &key());
    let mut unprotector = Unprotector::new(LONG, &key());
    let mut sent = packet(7);
    protector.protect_rtp(&mut sent).unwrap();
    for at in 0..sent.len() {
        let mut changed = sent.clone();
        changed[at] ^= 1;
        let before = changed.clone();
        assert!(unprotector.unprotect_rtp(&mut changed).is_err(), "{at}");
        assert_eq!(changed, before);
    }
    assert_eq!(unprotector.packets.len(), 0);
    assert_eq!(unprotector.unprotect_rtp(&mut sent), Ok(()));

    let mut report = bytes("80C90001 CAFEBABE");
    protector.protect_rtcp(&mut report).unwrap();
    for at in 0..report.len() {
        let mut changed = report.clone();
        changed[at] ^= 1;
        assert_eq!(
            unprotector.unprotect_rtcp(&mut changed),
            Err(SrtpError::Tag)
        );
    }
    assert_eq!(unprotector.unprotect_rtcp(&mut report), Ok(()));
}

#[test]
fn a_packet_is_believed_once() {
    let mut protector = Protector::new(LONG, &key());
    let sent: Vec<Vec<u8>> = (0..100)
        .map(|number| {
            let mut sent = packet(number);
            protector.protect_rtp(&mut sent).unwrap();
            sent
        })
        .collect();
    let mut unprotector = Unprotector::new(LONG, &key());
    for number in [0, 1, 2, 4, 3, 99, 98, 36] {
        assert_eq!(unprotector.unprotect_rtp(&mut sent[number].clone()), Ok(()));
    }
    for number in [0, 3, 4, 99, 98, 36, 35, 5] {
        let again = unprotector.unprotect_rtp(&mut sent[number].clone());
        assert_eq!(again, Err(SrtpError::Replay), "{number}");
    }
    let mut report = bytes("80C90001 CAFEBABE");
    protector.protect_rtcp(&mut report).unwrap();
    assert_eq!(unprotector.unprotect_rtcp(&mut report.clone()), Ok(()));
    let again = unprotector.unprotect_rtcp(&mut report);
    assert_eq!(again, Err(SrtpError::Replay));
}

#[test]
fn headers_with_everything_stay_readable() {
    let mut plain = packet(9);
    plain[0] |= 0x10 | 2;
    let between = [0, 0, 0, 1, 0, 0, 0, 2, 0xBE, 0xDE, 0, 1, 9, 9, 9, 9];
    plain.splice(12..12, between);
    let mut sent = plain.clone();
    Protector::new(SHORT, &key())
        .protect_rtp(&mut sent)
        .unwrap();
    assert_eq!(sent[..28], plain[..28]);
    assert_ne!(sent[28..48], plain[28..48]);
    Unprotector::new(SHORT, &key())
        .unprotect_rtp(&mut sent)
        .unwrap();
    assert_eq!(sent, plain);
}

#[test]
fn keys_are_read_as_signalling_writes_them() {
    let told = "inline:4fl6DT4Bi+DWT6MsBt5BOQ7Gda1Jiv7rtpYLOqvm";
    let key = MasterKey::from_inline(told).map_err(|_| "refused").unwrap();
    assert_eq!(*key.to_inline(), told);
    let derived = SessionKeys::derive(LONG, &key);
    assert_eq!(
        derived.rtp_cipher.to_vec(),
        bytes("C61E7A93744F39EE10734AFE3FF7A087")
    );
    let name =
        |text: &str| MasterKey::from_inline(text).map(|key| SessionKeys::derive(LONG, &key).name);
    let with = |rest: &str| name(&format!("{told}{rest}"));
    assert_eq!(with("|2^20|1:4"), Ok(4));
    assert_eq!(with("|1048576"), Ok(0));
    assert_eq!(with("|1:1;inline:another"), Ok(1));
    assert_eq!(with("|x"), Err(BadKey::Parameter));
    assert_eq!(with("|1:0"), Err(BadKey::Parameter));
    assert_eq!(with("|1:129"), Err(BadKey::Parameter));
    assert_eq!(name("4fl6DT4B"), Err(BadKey::Method));
    assert_eq!(name("inline:4fl6DT4B"), Err(BadKey::Length));
    assert_eq!(name("inline:!"), Err(BadKey::Length));
    assert_eq!(Suite::from_name("aes_cm_128_hmac_sha1_32"), Some(SHORT));
    assert_eq!(Suite::from_name("F8_128_HMAC_SHA1_80"), None);
}

#[test]
fn a_keys_name_in_packets_is_passed_over() {
    let mut named = key();
    let mut sent = packet(1);
    Protector::new(LONG, &named).protect_rtp(&mut sent).unwrap();
    // The name stands before the tag, and is not authenticated.
    let tag = sent.len() - 10;
    sent.splice(tag..tag, [0, 0, 0, 1]);
    named = MasterKey::from_inline(&format!("{}|2^31|1:4", *named.to_inline()))
        .map_err(|_| "refused")
        .unwrap();
    let mut unprotector = Unprotector::new(LONG, &named);
    assert_eq!(unprotector.unprotect_rtp(&mut sent), Ok(()));
    assert_eq!(sent, packet(1));
}

#[test]
fn many_sources_are_not_remembered_for_ever() {
    let mut unprotector = Unprotector::new(LONG, &key());
    for ssrc in 0..50_u32 {
        let mut sent = packet(1);
        sent[8..12].copy_from_slice(&ssrc.to_be_bytes());
        Protector::new(LONG, &key()).protect_rtp(&mut sent).unwrap();
        assert_eq!(unprotector.unprotect_rtp(&mut sent), Ok(()));
    }
    assert_eq!(unprotector.packets.len(), MOST_SOURCES);
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_a_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        if let Some(first) = bytes.first_mut() {
            *first = *first & 0x3F | 0x80;
        }
        for suite in [LONG, SHORT] {
            let mut unprotector = Unprotector::new(suite, &key());
            prop_assert!(unprotector.unprotect_rtp(&mut bytes.clone()).is_err());
            prop_assert!(unprotector.unprotect_rtcp(&mut bytes.clone()).is_err());
            let mut protector = Protector::new(suite, &key());
            let _ = protector.protect_rtp(&mut bytes.clone());
            let _ = protector.protect_rtcp(&mut bytes.clone());
        }
    }
}
