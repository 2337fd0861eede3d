use zeroize::Zeroizing;

use super::*;
use crate::audio::{MediaTime, SampleIndex, SampleRate};
use crate::rtp::sender::{Sender, SenderSettings};

const SUITE: Suite = Suite::AesCm128HmacSha1_80;
const RATE: SampleRate = SampleRate::TELEPHONE;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn key(byte: u8) -> MasterKey {
    MasterKey::new(Zeroizing::new([byte; 30]))
}

fn formats() -> Vec<(u8, PayloadFormat)> {
    vec![(0, PayloadFormat::Pcmu)]
}

fn port(their_key: Option<MasterKey>) -> Port {
    let settings = PortSettings {
        receiver: Settings::new(formats(), RATE),
        sources: SourcePolicy::default(),
        their_key: their_key.map(|key| (SUITE, key)),
        our_key: None,
        ssrc: 1,
        name: "port".to_owned(),
    };
    Port::new(settings, Duration::ZERO)
}

/// A border controller's stream: packets of 20 ms, and what it reports.
struct Controller {
    sender: Sender,
    reporter: Reporter,
    protector: Option<Protector>,
    packets: Vec<Vec<u8>>,
}

impl Controller {
    fn new(ssrc: u32, key: Option<MasterKey>) -> Self {
        let settings = SenderSettings {
            format: PayloadFormat::Pcmu,
            payload_type: 0,
            rate: RATE,
            packet: millis(20),
            ssrc,
            first_sequence: 1,
            first_timestamp: ssrc * 1_000,
        };
        Self {
            sender: Sender::new(settings).unwrap(),
            reporter: Reporter::new(ssrc, "controller", Duration::ZERO),
            protector: key.map(|key| Protector::new(SUITE, &key)),
            packets: Vec::new(),
        }
    }

    fn packet(&mut self, index: u64) -> Vec<u8> {
        let at = SampleIndex(index * 160);
        self.sender.push(at, &[9_000; 160], &mut self.packets);
        let mut packet = self.packets.pop().unwrap();
        if let Some(protector) = &mut self.protector {
            protector.protect_rtp(&mut packet).unwrap();
        }
        packet
    }

    fn report(&mut self, seconds: u64) -> Vec<u8> {
        let time = MediaTime::from_millis(seconds * 1_000);
        let sent = self.sender.sent((3_900_000_000 + seconds) << 32, time);
        let mut report = self.reporter.report(Duration::ZERO, 0, Some(sent), None);
        if let Some(protector) = &mut self.protector {
            protector.protect_rtcp(&mut report).unwrap();
        }
        report
    }
}

fn samples(out: &[Received]) -> usize {
    let lengths = out.iter().map(|received| match received {
        Received::Audio { samples, .. } => samples.expose().len(),
        Received::Key { .. } => 0,
    });
    lengths.sum()
}

#[test]
fn a_call_comes_through_with_its_reports() {
    let mut port = port(None);
    let mut controller = Controller::new(7, None);
    let from = address("10.0.0.1:4000");
    let mut out = Vec::new();
    let mut reports = 0;
    for index in 0..500 {
        let since = millis(20 * index);
        let came = port.handle(since, from, &mut controller.packet(index), &mut out);
        assert_eq!(came, Came::Media(index == 0));
        reports += usize::from(port.poll(since, 0, &mut out).is_some());
        assert!(port.due() > since);
    }
    assert_eq!(reports, 3, "every 2.5 seconds");
    let came = port.handle_report(
        millis(9_990),
        address("10.0.0.1:4001"),
        &mut controller.report(9),
    );
    assert_eq!(came, Came::Report);
    // On one port, too.
    let came = port.handle(millis(9_995), from, &mut controller.report(9), &mut out);
    assert_eq!(came, Came::Report);
    assert!(!port.is_leaving());
    let mut bye = controller.reporter.farewell(Duration::ZERO, None, None);
    port.handle(millis(9_998), from, &mut bye, &mut out);
    assert!(port.is_leaving());
    assert!(port.finish(millis(10_000), &mut out).is_some());
    assert_eq!(samples(&out), 500 * 160);
    assert_eq!(port.refused(), Refused::default());
}

#[test]
fn who_is_not_let_in_does_not_count() {
    let mut port = port(None);
    let mut controller = Controller::new(7, None);
    let mut stranger = Controller::new(8, None);
    let mut out = Vec::new();
    for index in 0..100 {
        let since = millis(20 * index);
        let from = address("10.0.0.1:4000");
        port.handle(since, from, &mut controller.packet(index), &mut out);
        let from = address("10.0.0.9:4000");
        let came = port.handle(since, from, &mut stranger.packet(index), &mut out);
        assert_eq!(came, Came::Nothing);
        let came = port.handle_report(since, from, &mut stranger.report(1));
        assert_eq!(came, Came::Nothing);
    }
    port.finish(millis(2_000), &mut out);
    assert_eq!(samples(&out), 100 * 160);
    assert_eq!(port.refused().senders, 200);
}

#[test]
fn without_the_key_nobody_has_the_port() {
    let mut port = port(Some(key(1)));
    let mut controller = Controller::new(7, Some(key(1)));
    let mut plain = Controller::new(8, None);
    let mut wrong = Controller::new(9, Some(key(2)));
    let mut out = Vec::new();
    for index in 0..100 {
        let since = millis(20 * index);
        for (stranger, from) in [(&mut plain, "10.0.0.8:1"), (&mut wrong, "10.0.0.9:1")] {
            let came = port.handle(since, address(from), &mut stranger.packet(index), &mut out);
            assert_eq!(came, Came::Nothing);
        }
        let from = address("10.0.0.1:4000");
        let mut packet = controller.packet(index);
        let mut again = packet.clone();
        let came = port.handle(since, from, &mut packet, &mut out);
        assert_eq!(came, Came::Media(index == 0));
        assert_eq!(
            port.handle(since, from, &mut again, &mut out),
            Came::Nothing
        );
    }
    let from = address("10.0.0.1:4001");
    assert_eq!(
        port.handle_report(millis(2_000), from, &mut controller.report(1)),
        Came::Report
    );
    assert_eq!(
        port.handle_report(millis(2_000), from, &mut plain.report(1)),
        Came::Nothing
    );
    port.finish(millis(2_000), &mut out);
    assert_eq!(samples(&out), 100 * 160);
    assert_eq!(port.sender(), Some(address("10.0.0.1:4000")));
}

#[test]
fn a_new_description_keeps_what_the_key_has_seen() {
    let mut port = port(Some(key(1)));
    let mut controller = Controller::new(7, Some(key(1)));
    let from = address("10.0.0.1:4000");
    let mut out = Vec::new();
    let first = controller.packet(0);
    port.handle(millis(0), from, &mut first.clone(), &mut out);
    port.describe(millis(10), formats(), None, Some((SUITE, key(1))));
    assert_eq!(
        port.handle(millis(20), from, &mut first.clone(), &mut out),
        Came::Nothing
    );
    let elsewhere = address("10.0.0.2:4000");
    let came = port.handle(millis(20), elsewhere, &mut controller.packet(1), &mut out);
    assert_eq!(came, Came::Media(true));

    port.describe(millis(30), formats(), None, Some((SUITE, key(2))));
    let came = port.handle(millis(40), elsewhere, &mut controller.packet(2), &mut out);
    assert_eq!(came, Came::Nothing);
    controller.protector = Some(Protector::new(SUITE, &key(2)));
    let came = port.handle(millis(60), elsewhere, &mut controller.packet(3), &mut out);
    assert_eq!(came, Came::Media(false));
}

/// Where the two legs' last samples are, when the second came 60 ms later than the first all the way.
fn ends(aligned: bool) -> (u64, u64) {
    let mut ports = [port(None), port(None)];
    let mut controllers = [Controller::new(7, None), Controller::new(8, None)];
    let from = address("10.0.0.1:4000");
    let mut ends = [0, 0];
    for index in 0..400 {
        for leg in 0..2 {
            let since = millis(100 + 20 * index + 60 * leg as u64);
            let mut out = Vec::new();
            let mut packet = controllers[leg].packet(index);
            // A pause in every second.
            if index % 50 > 40 {
                packet[12..].fill(0xFF);
            }
            ports[leg].handle(since, from, &mut packet, &mut out);
            if index % 100 == 50 {
                let mut report = controllers[leg].report(index / 50);
                ports[leg].handle_report(since, from, &mut report);
            }
            for received in out {
                if let Received::Audio { at, samples } = received {
                    ends[leg] = at.0 + samples.expose().len() as u64;
                }
            }
        }
        if aligned {
            let [first, second] = &mut ports;
            align(first, second);
        }
    }
    (ends[0], ends[1])
}

#[test]
fn legs_of_one_sender_are_aligned_by_its_clock() {
    let (first, second) = ends(false);
    assert_eq!(second - first, 480);
    let (first, second) = ends(true);
    assert!(first.abs_diff(second) <= 32, "{first} and {second}");
}
