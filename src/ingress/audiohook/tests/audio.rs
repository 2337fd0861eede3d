//! Where samples go, to the sample, whatever messages bring them.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::audio::MediaTime;
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::policy::Policy;
use crate::session::{Examination, Output, Session, Settings};

/// The samples of each leg, agent first; `None` where nothing was heard. Fails if a place is taken twice.
#[derive(Default)]
struct Heard([Vec<Option<i16>>; 2]);

impl Heard {
    fn take(&mut self, arrivals: Vec<Arrival>) {
        for arrival in arrivals {
            let Arrival::Audio(frame) = arrival else {
                continue;
            };
            let leg = &mut self.0[usize::from(frame.leg == Leg::Customer)];
            let start = frame.at.0 as usize;
            assert!(start >= leg.len(), "audio comes in order");
            leg.resize(start, None);
            leg.extend(frame.samples.expose().iter().map(|&sample| Some(sample)));
        }
    }
}

impl Client {
    fn listen(&mut self, message: Incoming<'_>, heard: &mut Heard) {
        let mut arrivals = Vec::new();
        let _ = self.adapter.handle(message, Duration::ZERO, &mut arrivals);
        heard.take(arrivals);
    }
}

#[test]
fn channels_go_by_their_names() {
    for (format, channels, bytes, agent, customer) in [
        (
            "PCMU",
            &["external", "internal"][..],
            &[0x0D, 0x8D][..],
            Some(0x8D),
            Some(0x0D),
        ),
        (
            "PCMU",
            &["internal", "external"],
            &[0x0D, 0x8D],
            Some(0x0D),
            Some(0x8D),
        ),
        ("PCMU", &["external"], &[0x0D], None, Some(0x0D)),
        ("PCMU", &["internal"], &[0x0D], Some(0x0D), None),
    ] {
        let mut client = Client::new();
        client.say("open", open(&json!([media(format, channels)])));
        let mut heard = Heard::default();
        client.listen(Incoming::Binary(bytes), &mut heard);
        let leg = |byte: Option<u8>| -> Vec<Option<i16>> {
            byte.iter()
                .map(|&byte| Some(Law::Mu.decode(&[byte])[0]))
                .collect()
        };
        assert_eq!(heard.0, [leg(agent), leg(customer)], "{channels:?}");
    }
}

#[test]
fn linear_samples_have_their_low_byte_first() {
    let mut client = Client::new();
    client.say("open", open(&stereo("L16")));
    let mut heard = Heard::default();
    client.listen(Incoming::Binary(&[1, 2, 3, 4]), &mut heard);
    assert_eq!(heard.0, [[Some(0x0403)], [Some(0x0201)]]);
}

#[test]
fn what_was_discarded_is_left_free() {
    let mut client = Client::opened();
    // As observed after `opened.discardTo`.
    client.say("discarded", json!({"start": "PT0S", "discarded": "PT1.2S"}));
    assert_eq!(
        client.audio(&[0xFF; 320]),
        ["customer 9600+160", "agent 9600+160"]
    );
    client.say("paused", json!({}));
    client.say("resumed", json!({"start": "PT1.22S", "discarded": "PT0S"}));
    assert_eq!(
        client.audio(&[0xFF; 320]),
        ["customer 9760+160", "agent 9760+160"]
    );
    client.say(
        "discarded",
        json!({"start": "PT1.24S", "discarded": "PT.02S"}),
    );
    assert_eq!(
        client.audio(&[0xFF; 320]),
        ["customer 10080+160", "agent 10080+160"]
    );
}

#[test]
fn parts_of_a_sample_add_up() {
    let mut client = Client::opened();
    for _ in 0..1_000 {
        client.say(
            "discarded",
            json!({"start": "PT0S", "discarded": "PT0.00003125S"}),
        );
    }
    // A thousand quarters.
    assert_eq!(client.audio(&[0xFF; 2]), ["customer 250+1", "agent 250+1"]);
}

#[test]
fn a_year_of_discarded_audio_is_only_a_number() {
    let mut client = Client::opened();
    for _ in 0..2_000 {
        client.say(
            "discarded",
            json!({"start": "PT0S", "discarded": "PT31622400S"}),
        );
    }
    assert_eq!(client.audio(&[0xFF; 2]).len(), 2);
}

/// A session of one channel is a call of one leg, and the rest of the gateway takes it.
#[test]
fn a_lone_leg_makes_a_call() {
    for (channel, leg) in [("external", Leg::Customer), ("internal", Leg::Agent)] {
        let mut client = Client::new();
        let mut arrivals = Vec::new();
        let message = client.message("open", open(&json!([media("PCMU", &[channel])])));
        let text = message.to_string();
        client
            .adapter
            .handle(Incoming::Text(&text), Duration::ZERO, &mut arrivals)
            .unwrap();
        let Some(Arrival::Started { legs, rate, .. }) = arrivals.pop() else {
            panic!("a call starts");
        };
        assert_eq!(legs, [leg]);
        let mut session = Session::new(Settings {
            legs,
            rate,
            hold: MediaTime::from_millis(6_000),
            policy: Arc::new(Policy::default()),
            examination: Examination::Everything,
        });
        for _ in 0..50 {
            let silence = Incoming::Binary(&[0xFF; 160]);
            client
                .adapter
                .handle(silence, Duration::ZERO, &mut arrivals)
                .unwrap();
        }
        for arrival in arrivals {
            if let Arrival::Audio(frame) = arrival {
                session.handle_audio(frame);
            }
        }
        session.handle_drain_deadline();
        let (mut released, mut ended) = (0, false);
        while let Some(output) = session.poll_output() {
            match output {
                Output::Release(audio) => {
                    assert_eq!(audio.channels().len(), 1);
                    released += audio.channels()[0].len();
                }
                Output::Ended => ended = true,
                Output::Transcribe(_) | Output::Event(_) => {}
            }
        }
        assert_eq!((released, ended), (50 * 160, true));
    }
}

/// One thing that a client sends.
#[derive(Debug, Clone)]
enum Sent {
    Audio(Vec<u8>),
    Message(&'static str, Value),
    Text(String),
    Mangled(&'static str, prop::sample::Index, char),
    Farewell,
}

/// Messages that take the parameters of `open`, or none; then those that need a gap's.
const KINDS: [&str; 9] = [
    "ping",
    "paused",
    "close",
    "open",
    "dtmf",
    "error",
    "update",
    "resumed",
    "discarded",
];

fn anything() -> impl Strategy<Value = Sent> {
    let gap = || {
        any::<u64>()
            .prop_map(|length| json!({"start": "PT0S", "discarded": format!("PT{length}S")}))
    };
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..400).prop_map(Sent::Audio),
        1 => ".{0,300}".prop_map(Sent::Text),
        2 => prop::sample::select(&KINDS[..7]).prop_map(|kind| Sent::Message(kind, open(&stereo("PCMU")))),
        2 => gap().prop_map(|gap| Sent::Message("resumed", gap)),
        2 => gap().prop_map(|gap| Sent::Message("discarded", gap)),
        1 => (prop::sample::select(&KINDS[..]), any::<prop::sample::Index>(), any::<char>())
            .prop_map(|(kind, at, character)| Sent::Mangled(kind, at, character)),
        1 => Just(Sent::Farewell),
    ]
}

proptest! {
    /// No panic whatever comes, no sample that did not come, no message of ours with a wrong number.
    #[test]
    fn anything_may_come(
        begin in any::<bool>(),
        format in prop::sample::select(vec!["PCMU", "L16"]),
        sent in prop::collection::vec(anything(), 0..40),
    ) {
        let mut client = Client::new();
        if begin {
            client.say("open", open(&stereo(format)));
        }
        let (mut came, mut heard) = (0, 0);
        for sent in sent {
            let said = match sent {
                Sent::Audio(bytes) => {
                    came += bytes.len();
                    client.audio(&bytes)
                }
                Sent::Message(kind, parameters) => client.say(kind, parameters),
                Sent::Text(text) => client.text(&text),
                Sent::Mangled(kind, at, character) => {
                    let message = client.message(kind, open(&stereo(format))).to_string();
                    let mut text: Vec<char> = message.chars().collect();
                    let at = at.index(text.len());
                    text[at] = character;
                    client.text(&text.into_iter().collect::<String>())
                }
                Sent::Farewell => client.farewell("enough").into_iter().collect(),
            };
            for said in said {
                if let Some((_, samples)) = said.rsplit_once('+') {
                    heard += samples.parse::<usize>().unwrap_or(0);
                }
            }
        }
        prop_assert!(heard <= came);
    }

    /// Both legs come out to the sample however the stream is cut into messages, and what the platform
    /// left out is left free.
    #[test]
    fn a_stream_is_exact_under_any_chunking(
        bytes in prop::collection::vec(any::<u8>(), 0..4_000),
        cuts in prop::collection::vec((0_usize..700, 0_u64..300), 1..40),
        linear in any::<bool>(),
    ) {
        let (format, encoding) = if linear {
            ("L16", Encoding::LinearLittle)
        } else {
            ("PCMU", Encoding::Companded(Law::Mu))
        };
        let width = 2 * encoding.width();
        let bytes = &bytes[..bytes.len() / width * width];
        let mut client = Client::new();
        client.say("open", open(&stereo(format)));

        let all = encoding.decode(bytes);
        let mut expected = Heard::default();
        let mut heard = Heard::default();
        let mut rest = bytes;
        let mut frames = all.chunks_exact(2);
        for (cut, gap) in cuts.into_iter().cycle().take(4_000) {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((cut * width).min(rest.len()));
            client.listen(Incoming::Binary(now), &mut heard);
            for frame in frames.by_ref().take(now.len() / width) {
                expected.0[1].push(Some(frame[0]));
                expected.0[0].push(Some(frame[1]));
            }
            rest = later;
            // Milliseconds, that is eight samples each.
            if gap % 3 == 0 && !rest.is_empty() {
                let length = format!("PT{}.{:03}S", gap / 1_000, gap % 1_000);
                let gap_message = json!({"start": "PT0S", "discarded": length});
                let message = client.message("discarded", gap_message).to_string();
                client.listen(Incoming::Text(&message), &mut heard);
                for leg in &mut expected.0 {
                    leg.resize(leg.len() + gap as usize * 8, None);
                }
            }
        }
        // A gap after the last sample shows only when something follows.
        for leg in &mut expected.0 {
            while leg.last() == Some(&None) {
                leg.pop();
            }
        }
        prop_assert_eq!(&heard.0, &expected.0);
    }
}
