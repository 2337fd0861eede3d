use super::*;

fn decode(format: PayloadFormat, rate: SampleRate, payloads: &[Vec<u8>]) -> Vec<i16> {
    let mut decoder = Decoder::new(format, rate).unwrap();
    let mut all = Vec::new();
    for payload in payloads {
        let mut samples = Vec::new();
        decoder.decode(payload, &mut samples).unwrap();
        all.extend(samples);
    }
    decoder.finish(&mut all);
    all
}

fn encode(format: PayloadFormat, rate: SampleRate, samples: &[i16]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(format, rate).unwrap();
    assert_eq!(encoder.rate(), rate);
    let packets = samples.chunks(rate.hertz() as usize / 50);
    packets
        .map(|packet| encoder.encode(packet).unwrap())
        .collect()
}

fn tone(rate: SampleRate, samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|index| {
            let phase = index as f64 * 440.0 * std::f64::consts::TAU / f64::from(rate.hertz());
            (phase.sin() * 8_000.0) as i16
        })
        .collect()
}

/// How much louder a signal is than what it differs by, at the delay where that is the most.
fn likeness(sent: &[i16], heard: &[i16], longest_delay: usize) -> f64 {
    let energy = |samples: &mut dyn Iterator<Item = f64>| samples.map(|s| s * s).sum::<f64>();
    let measured = sent.len() / 4..sent.len() * 3 / 4;
    (0..longest_delay)
        .map(|delay| {
            let pairs = measured
                .clone()
                .map(|index| (sent[index], heard[index + delay]));
            let signal = energy(&mut pairs.clone().map(|(sent, _)| f64::from(sent)));
            let noise = energy(&mut pairs.map(|(s, h)| f64::from(s) - f64::from(h)));
            10.0 * (signal / noise.max(1.0)).log10()
        })
        .fold(f64::MIN, f64::max)
}

#[test]
fn session_descriptions_are_understood() {
    let l16 = |hertz| PayloadFormat::L16 {
        rate: SampleRate::new(hertz).unwrap(),
    };
    for (name, clock, channels, expected) in [
        ("pcmu", 8_000, 1, Some(PayloadFormat::Pcmu)),
        ("PCMA", 8_000, 0, Some(PayloadFormat::Pcma)),
        ("PCMA", 16_000, 1, None),
        ("PCMA", 8_000, 2, None),
        ("G722", 8_000, 1, Some(PayloadFormat::G722)),
        ("opus", 48_000, 2, Some(PayloadFormat::Opus)),
        ("opus", 8_000, 2, None),
        ("L16", 16_000, 1, Some(l16(16_000))),
        ("L16", 16_000, 2, None),
        ("L16", 1, 1, None),
        (
            "telephone-event",
            8_000,
            1,
            Some(PayloadFormat::TelephoneEvent { clock: 8_000 }),
        ),
        ("telephone-event", 0, 1, None),
        (
            "CN",
            8_000,
            1,
            Some(PayloadFormat::ComfortNoise { clock: 8_000 }),
        ),
        ("G729", 8_000, 1, None),
    ] {
        let format = PayloadFormat::from_rtpmap(name, clock, channels);
        assert_eq!(format, expected, "{name}/{clock}/{channels}");
        if let Some(format) = format {
            let rtpmap = format.rtpmap();
            let mut parts = rtpmap.split('/');
            assert!(parts.next().unwrap().eq_ignore_ascii_case(name));
            assert_eq!(parts.next().unwrap(), clock.to_string());
        }
    }
    assert_eq!(PayloadFormat::of_static(9), Some(PayloadFormat::G722));
    assert_eq!(PayloadFormat::of_static(11), Some(l16(44_100)));
    assert_eq!(PayloadFormat::of_static(18), None);
}

#[test]
fn a_payload_tells_its_length() {
    let rate = SampleRate::SPEECH;
    assert_eq!(PayloadFormat::Pcmu.ticks(&[0; 240]), Some(240));
    assert_eq!(PayloadFormat::G722.ticks(&[0; 160]), Some(160));
    assert_eq!(PayloadFormat::L16 { rate }.ticks(&[0; 641]), Some(320));
    assert_eq!(PayloadFormat::Pcma.ticks(&[]), None);
    assert_eq!(PayloadFormat::Opus.ticks(&[]), None);
    let event = PayloadFormat::TelephoneEvent { clock: 8_000 };
    assert_eq!(event.ticks(&[1, 2, 3, 4]), None);
    let opus = encode(PayloadFormat::Opus, rate, &tone(rate, 320));
    assert_eq!(PayloadFormat::Opus.ticks(&opus[0]), Some(960));
}

#[test]
fn what_was_encoded_sounds_as_it_did() {
    for (format, rate, least) in [
        (PayloadFormat::Pcmu, SampleRate::TELEPHONE, 30.0),
        (PayloadFormat::Pcma, SampleRate::TELEPHONE, 30.0),
        (
            PayloadFormat::L16 {
                rate: SampleRate::SPEECH,
            },
            SampleRate::SPEECH,
            90.0,
        ),
        (PayloadFormat::G722, SampleRate::SPEECH, 30.0),
        (PayloadFormat::Opus, SampleRate::SPEECH, 15.0),
        (PayloadFormat::Opus, SampleRate::TELEPHONE, 15.0),
    ] {
        let sent = tone(rate, rate.hertz() as usize);
        let payloads = encode(format, rate, &sent);
        let heard = decode(format, rate, &payloads);
        assert_eq!(heard.len(), sent.len(), "{format:?}");
        let likeness = likeness(&sent, &heard, 300);
        assert!(likeness > least, "{format:?}: {likeness} dB");
        let ticks: u32 = payloads.iter().filter_map(|p| format.ticks(p)).sum();
        assert_eq!(ticks, format.clock_rate());
    }
}

#[test]
fn a_call_has_one_rate_whatever_the_format() {
    let natural = [
        PayloadFormat::Pcmu,
        PayloadFormat::G722,
        PayloadFormat::Opus,
        PayloadFormat::L16 {
            rate: SampleRate::new(44_100).unwrap(),
        },
    ];
    for format in natural {
        let from = format.natural_rate();
        let sent = tone(from, from.hertz() as usize);
        let payloads = encode(format, from, &sent);
        for hertz in SampleRate::SUPPORTED {
            let rate = SampleRate::new(hertz).unwrap();
            let heard = decode(format, rate, &payloads);
            assert_eq!(heard.len(), hertz as usize, "{format:?} at {hertz}");
            let expected = tone(rate, hertz as usize);
            let likeness = likeness(&expected, &heard, hertz as usize / 50);
            assert!(likeness > 15.0, "{format:?} at {hertz}: {likeness} dB");
        }
    }
}

#[test]
fn garbage_is_decoded_or_refused() {
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for format in [PayloadFormat::G722, PayloadFormat::Opus] {
        let mut decoder = Decoder::new(format, SampleRate::SPEECH).unwrap();
        for _ in 0..2_000 {
            let payload: Vec<u8> = (0..random()).map(|_| random()).collect();
            let mut out = Vec::new();
            let decoded = decoder.decode(&payload, &mut out);
            if decoded.is_ok() {
                let ticks = u64::from(format.ticks(&payload).unwrap_or(0));
                let samples = ticks * 16_000 / u64::from(format.clock_rate());
                assert_eq!(out.len() as u64, samples);
            }
        }
    }
}

#[test]
fn what_has_no_sound_has_no_codec() {
    let event = PayloadFormat::TelephoneEvent { clock: 8_000 };
    assert!(Decoder::new(event, SampleRate::TELEPHONE).is_none());
    assert!(Encoder::new(event, SampleRate::TELEPHONE).is_none());
    assert!(!event.is_audio());
}
