use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn reporter() -> Reporter {
    Reporter::new(7, "hushgate-call@gateway", SECOND)
}

const RECEIVED: ReceptionReport = ReceptionReport {
    ssrc: 0xCA11,
    fraction_lost: 13,
    lost: 400,
    highest: 0x0001_FFFE,
    jitter: 88,
};

const SENT: Sent = Sent {
    ntp: 0xE000_0001_8000_0000,
    timestamp: 123_456,
    packets: 50,
    octets: 8_000,
};

#[test]
fn a_receivers_report_has_the_layout_of_the_rfc() {
    let mut reporter = reporter();
    let bytes = reporter.report(3 * SECOND, 0, None, Some(RECEIVED));
    // Version 2, one block, RR, seven more words.
    assert_eq!(bytes[..8], [0x81, 201, 0, 7, 0, 0, 0, 7]);
    assert_eq!(bytes[8..12], 0xCA11_u32.to_be_bytes());
    assert_eq!(bytes[12..16], [13, 0, 1, 0x90]);
    assert_eq!(bytes[16..20], 0x0001_FFFE_u32.to_be_bytes());
    assert_eq!(bytes[20..24], 88_u32.to_be_bytes());
    assert_eq!(bytes[24..32], [0; 8], "no report of the sender came");
    assert_eq!(bytes[33], 202);
    assert_eq!(bytes.len() % 4, 0);
    let name = bytes
        .windows(21)
        .any(|part| part == b"hushgate-call@gateway");
    assert!(name);
}

#[test]
fn the_senders_last_report_is_answered_with_its_age() {
    let sender = Reporter::new(0xCA11, "sender", SECOND);
    let report = sender.farewell(SECOND, Some(SENT), None);
    let mut reporter = reporter();
    let heard = reporter.handle(2 * SECOND, &report).unwrap();
    let clock = SenderClock {
        ssrc: 0xCA11,
        ntp: SENT.ntp,
        timestamp: SENT.timestamp,
    };
    assert_eq!(heard.clock, Some(clock));
    assert_eq!(heard.leaving, [0xCA11]);
    assert_eq!(heard.name.as_deref(), Some("sender"));
    assert_eq!(reporter.clock(), Some(clock));

    let since = Duration::from_millis(3_500);
    let bytes = reporter.report(since, 0, None, Some(RECEIVED));
    assert_eq!(bytes[24..28], [0, 1, 0x80, 0]);
    assert_eq!(bytes[28..32], [0, 1, 0x80, 0], "1.5 s of 65,536ths");
}

#[test]
fn what_is_said_of_us_is_found() {
    let mut other = Reporter::new(9, "recorder", SECOND);
    let about = ReceptionReport {
        ssrc: 7,
        ..RECEIVED
    };
    let mut reporter = reporter();
    let bytes = other.report(SECOND, 0, Some(SENT), Some(about));
    assert_eq!(
        reporter.handle(SECOND, &bytes).unwrap().about_us,
        Some(about)
    );
    let bytes = other.report(SECOND, 0, None, Some(RECEIVED));
    assert_eq!(reporter.handle(SECOND, &bytes).unwrap().about_us, None);
}

#[test]
fn reports_are_about_five_seconds_apart() {
    let mut reporter = reporter();
    assert_eq!(reporter.due(), Duration::from_millis(3_500));
    reporter.report(10 * SECOND, 0, None, None);
    assert_eq!(reporter.due(), Duration::from_millis(12_500));
    reporter.report(10 * SECOND, u32::MAX, None, None);
    assert_eq!(reporter.due(), Duration::from_millis(17_500));
}

#[test]
fn what_real_clients_send_is_read() {
    // ffmpeg's sender report: 28 bytes and no description.
    let mut bytes = vec![0x80, 200, 0, 6, 0, 0, 0xCA, 0x11];
    bytes.extend(SENT.ntp.to_be_bytes());
    bytes.extend(SENT.timestamp.to_be_bytes());
    bytes.extend([0; 8]);
    let heard = reporter().handle(SECOND, &bytes).unwrap();
    assert_eq!(
        heard.clock.map(|clock| clock.timestamp),
        Some(SENT.timestamp)
    );
    // A farewell alone, and an application's packet.
    let bye = [0x81, 203, 0, 1, 0, 0, 0xCA, 0x11];
    assert_eq!(reporter().handle(SECOND, &bye).unwrap().leaving, [0xCA11]);
    let application = [0x80, 204, 0, 2, 0, 0, 0, 1, b'B', b'A', b'R', b'E'];
    assert!(reporter().handle(SECOND, &application).is_ok());
}

#[test]
fn a_name_that_is_too_long_is_cut() {
    let mut reporter = Reporter::new(7, &"é".repeat(300), SECOND);
    let bytes = reporter.report(SECOND, 1, Some(SENT), Some(RECEIVED));
    let mut other = Reporter::new(9, "x", SECOND);
    assert_eq!(
        other.handle(SECOND, &bytes).unwrap().name.unwrap().len(),
        254
    );
}

#[test]
fn zeros_far_apart_are_of_no_common_clock() {
    assert_eq!(misalignment(1_000, 250), Some(750));
    assert_eq!(misalignment(250, 1_000), Some(-750));
    assert_eq!(misalignment(0, 10_000_000), None);
    assert_eq!(misalignment(i64::MIN, 1), None);
    assert_eq!(ntp_micros(0x0000_0003_8000_0000), 3_500_000);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..80),
        kind in 200_u8..=207,
        shaped in any::<bool>(),
    ) {
        if shaped && bytes.len() >= 4 {
            let words = (bytes.len() / 4 - 1) as u16;
            bytes.truncate(usize::from(words + 1) * 4);
            bytes[0] = bytes[0] & 0x3F | 0x80;
            bytes[1] = kind;
            bytes[2..4].copy_from_slice(&words.to_be_bytes());
        }
        let mut reporter = reporter();
        drop(reporter.handle(SECOND, &bytes));
        prop_assert!(!reporter.report(SECOND, 5, None, Some(RECEIVED)).is_empty());
    }
}
