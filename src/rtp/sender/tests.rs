use super::*;
use crate::audio::g711::Law;
use crate::rtp::packet::{Classified, classify};
use crate::rtp::receiver::{Received, Receiver, Settings};
use proptest::prelude::*;

fn settings(format: PayloadFormat, rate: SampleRate) -> SenderSettings {
    SenderSettings {
        format,
        payload_type: 96,
        rate,
        packet: Duration::from_millis(20),
        ssrc: 7,
        first_sequence: 65_534,
        first_timestamp: 1_000,
    }
}

fn pcmu() -> Sender {
    Sender::new(settings(PayloadFormat::Pcmu, SampleRate::TELEPHONE)).unwrap()
}

/// Marker, sequence, timestamp and length of each packet.
fn headers(packets: &[Vec<u8>]) -> Vec<(bool, u16, u32, usize)> {
    let read = packets.iter().map(|bytes| match classify(bytes) {
        Classified::Rtp(p) => {
            assert_eq!((p.ssrc, p.payload_type), (7, 96));
            (p.marker, p.sequence, p.timestamp, p.payload.len())
        }
        other => panic!("{other:?}"),
    });
    read.collect()
}

fn ramp(length: usize) -> Vec<i16> {
    (0..length)
        .map(|index| (index % 3_000) as i16 * 10)
        .collect()
}

#[test]
fn samples_of_any_pieces_become_full_packets() {
    let mut sender = pcmu();
    let mut packets = Vec::new();
    let samples = ramp(400);
    sender.push(SampleIndex(800), &samples[..100], &mut packets);
    sender.push(SampleIndex(900), &samples[100..390], &mut packets);
    assert_eq!(
        headers(&packets),
        [(true, 65_534, 1_800, 160), (false, 65_535, 1_960, 160)]
    );
    sender.push(SampleIndex(1_190), &samples[390..], &mut packets);
    sender.finish(&mut packets);
    assert_eq!(headers(&packets)[2..], [(false, 0, 2_120, 80)]);
    let payload: Vec<u8> = packets.iter().flat_map(|p| p[12..].to_vec()).collect();
    assert_eq!(payload, Law::Mu.encode(&samples));
}

#[test]
fn what_was_cut_out_is_a_jump_of_the_timestamps() {
    let mut sender = pcmu();
    let mut packets = Vec::new();
    sender.push(SampleIndex(0), &ramp(200), &mut packets);
    sender.push(SampleIndex(8_000), &ramp(320), &mut packets);
    sender.finish(&mut packets);
    assert_eq!(
        headers(&packets),
        [
            (true, 65_534, 1_000, 160),
            (false, 65_535, 1_160, 160),
            (true, 0, 9_000, 160),
            (false, 1, 9_160, 160),
        ]
    );
    assert_eq!(packets[1][12..52], Law::Mu.encode(&ramp(200)[160..]));
    assert!(packets[1][52..].iter().all(|&byte| byte == 0xFF));
}

#[test]
fn a_short_hole_is_silence() {
    let mut sender = pcmu();
    let mut packets = Vec::new();
    sender.push(SampleIndex(0), &ramp(100), &mut packets);
    sender.push(SampleIndex(130), &ramp(190), &mut packets);
    assert_eq!(
        headers(&packets),
        [(true, 65_534, 1_000, 160), (false, 65_535, 1_160, 160)]
    );
    assert!(packets[0][112..142].iter().all(|&byte| byte == 0xFF));
    // What comes again is left out.
    sender.push(SampleIndex(0), &ramp(320), &mut packets);
    assert_eq!(packets.len(), 2);
}

#[test]
fn packets_fit_into_a_frame() {
    let wide = SampleRate::new(48_000).unwrap();
    let mut settings = settings(PayloadFormat::L16 { rate: wide }, wide);
    let mut sender = Sender::new(settings).unwrap();
    let mut packets = Vec::new();
    sender.push(SampleIndex(0), &ramp(960), &mut packets);
    assert_eq!(headers(&packets)[0].3, 960);

    settings.format = PayloadFormat::Pcmu;
    settings.rate = SampleRate::TELEPHONE;
    for (asked, length) in [(0, 80), (15, 80), (30, 160), (60, 480), (500, 480)] {
        settings.packet = Duration::from_millis(asked);
        let mut sender = Sender::new(settings).unwrap();
        let mut packets = Vec::new();
        sender.push(SampleIndex(0), &ramp(960), &mut packets);
        assert_eq!(headers(&packets)[0].3, length, "{asked} ms");
    }
}

#[test]
fn what_is_sent_is_received_where_it_was() {
    let l16 = PayloadFormat::L16 {
        rate: SampleRate::new(44_100).unwrap(),
    };
    let formats = [
        PayloadFormat::Pcma,
        PayloadFormat::G722,
        PayloadFormat::Opus,
        l16,
    ];
    for format in formats {
        for rate in [SampleRate::TELEPHONE, SampleRate::SPEECH] {
            let mut sender = Sender::new(settings(format, rate)).unwrap();
            let second = rate.hertz() as usize;
            let mut packets = Vec::new();
            // A second, a second that was cut out, and another.
            sender.push(SampleIndex(0), &vec![5_000; second], &mut packets);
            let third = SampleIndex(2 * second as u64);
            sender.push(third, &vec![5_000; second], &mut packets);
            sender.finish(&mut packets);

            let mut receiver = Receiver::new(Settings::new(vec![(96, format)], rate));
            let mut out = Vec::new();
            for bytes in &packets {
                let Classified::Rtp(packet) = classify(bytes) else {
                    panic!("not RTP");
                };
                let ticks = u64::from(packet.timestamp.wrapping_sub(1_000));
                let since = ticks * 1_000_000 / u64::from(format.clock_rate());
                receiver.handle_packet(Duration::from_micros(since), bytes, &mut out);
            }
            receiver.finish(&mut out);
            let mut filled = vec![false; 4 * second];
            for received in out {
                if let Received::Audio { at, samples } = received {
                    let at = at.0 as usize;
                    filled[at..at + samples.expose().len()].fill(true);
                }
            }
            let packet = second / 50;
            for (from, to, expected) in [
                (packet, second, true),
                (second + packet, 2 * second - packet, false),
                (2 * second + packet, 3 * second, true),
                (3 * second + packet, 4 * second, false),
            ] {
                let right = filled[from..to].iter().all(|&is| is == expected);
                assert!(right, "{format:?} at {rate:?}: {from}..{to}");
            }
        }
    }
}

#[test]
fn reports_tell_of_the_stream() {
    let mut sender = pcmu();
    let mut packets = Vec::new();
    sender.push(SampleIndex(0), &ramp(320), &mut packets);
    let sent = sender.sent(99, MediaTime::from_millis(50));
    let expected = Sent {
        ntp: 99,
        timestamp: 1_400,
        packets: 2,
        octets: 320,
    };
    assert_eq!(sent, expected);
}

#[test]
fn what_has_no_sound_is_not_sent() {
    let event = PayloadFormat::TelephoneEvent { clock: 8_000 };
    let refused = Sender::new(settings(event, SampleRate::TELEPHONE)).err();
    assert_eq!(refused, Some(CannotSend(event)));
}

proptest! {
    #[test]
    fn every_sample_is_sent_in_its_place(
        pieces in prop::collection::vec((0_u64..2_000, 1_usize..700), 1..40),
    ) {
        let mut sender = pcmu();
        let mut packets = Vec::new();
        let mut at = 0;
        let mut timeline = Vec::new();
        for (hole, length) in pieces {
            // Most follow each other.
            at += if hole < 1_200 { 0 } else { hole };
            let samples = vec![1_000_i16; length];
            sender.push(SampleIndex(at), &samples, &mut packets);
            timeline.resize(at as usize, 0);
            timeline.extend(&samples);
            at += length as u64;
        }
        sender.finish(&mut packets);
        let mut sent = vec![0; timeline.len() + 160];
        for (_, _, timestamp, length) in headers(&packets) {
            let begin = (timestamp - 1_000) as usize;
            sent[begin..begin + length].fill(1);
        }
        for (index, &sample) in timeline.iter().enumerate() {
            prop_assert!(sample == 0 || sent[index] == 1, "sample {index}");
        }
        let order = headers(&packets);
        let in_order = order.windows(2).all(|pair| {
            pair[1].1 == pair[0].1.wrapping_add(1) && pair[1].2 >= pair[0].2 + pair[0].3 as u32
        });
        prop_assert!(in_order);
    }
}
