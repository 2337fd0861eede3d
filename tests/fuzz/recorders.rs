//! Recorders behind: what they say to the gateway while it speaks to them.

use std::sync::OnceLock;
use std::time::Duration;

use hushgate::audio::encoding::Encoding;
use hushgate::audio::g711::Law;
use hushgate::audio::{MediaTime, SampleIndex, SampleRate};
use hushgate::call::{CallId, Leg, Sensitive};
use hushgate::egress::forward::audio_fork::{AudioForkSpeaker, Dialect, Layout};
use hushgate::egress::forward::audiohook::{AudioHookSpeaker, SessionIds};
use hushgate::egress::forward::audiosocket::{AudioSocketSpeaker, Codec};
use hushgate::egress::forward::chan_websocket::{ChanWebSocketSpeaker, Form};
use hushgate::egress::forward::twilio::{Style, TwilioSpeaker};
use hushgate::egress::forward::vonage::VonageSpeaker;
use hushgate::egress::forward::{Heard, Outgoing, Past, Speaker, Standing, StreamFacts};
use hushgate::policy::Policy;
use hushgate::session::{CleanAudio, Examination, Output, RawFrame, Session, Settings};
use hushgate::telemetry::FailureCause;
use uuid::Uuid;

use super::connections::{Body, Message, ORGANIZATION, SESSION, messages};

/// How much audio there is to say.
const SECONDS: u64 = 10;

/// How a protocol's messages read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Audiohook,
    Json,
    Plain,
}

/// What speaks to a recorder: the first byte says which, by number.
pub fn recorder(number: u8) -> Box<dyn Speaker> {
    make(number).0
}

#[expect(clippy::unwrap_used, reason = "the ids are valid")]
fn make(number: u8) -> (Box<dyn Speaker>, Reading) {
    let facts = facts();
    let ids = SessionIds {
        organization: ORGANIZATION.parse().unwrap(),
        session: SESSION.parse().unwrap(),
        correlation: Uuid::nil(),
    };
    match number % 8 {
        0 => (
            Box::new(AudioHookSpeaker::new(ids, facts)),
            Reading::Audiohook,
        ),
        1 => {
            let facts = StreamFacts {
                begins: MediaTime::from_millis(1_500),
                attempt: 1,
                encoding: Encoding::LinearLittle,
                ..facts
            };
            let mut speaker = AudioHookSpeaker::new(ids, facts);
            speaker.follows(&[Past {
                id: ORGANIZATION.into(),
                read: 3,
                sent: 4,
            }]);
            (Box::new(speaker), Reading::Audiohook)
        }
        2 => {
            let speaker = AudioSocketSpeaker::new(Codec::Linear, Leg::Mixed, &facts);
            (Box::new(speaker), Reading::Json)
        }
        3 => {
            let layout = Layout::Apart(Leg::Customer);
            let speaker = AudioForkSpeaker::new(Dialect::Jambonz, layout, facts);
            (Box::new(speaker), Reading::Json)
        }
        4 => {
            let speaker = ChanWebSocketSpeaker::new(Form::Plain, Leg::Agent, facts);
            (Box::new(speaker), Reading::Plain)
        }
        5 => {
            let speaker = ChanWebSocketSpeaker::new(Form::Json, Leg::Mixed, facts);
            (Box::new(speaker), Reading::Json)
        }
        6 => (
            Box::new(VonageSpeaker::new(Leg::Mixed, facts)),
            Reading::Json,
        ),
        _ => (
            Box::new(TwilioSpeaker::new(Style::Twilio, facts, Leg::Agent)),
            Reading::Json,
        ),
    }
}

#[expect(clippy::unwrap_used, reason = "the id is valid")]
fn facts() -> StreamFacts {
    StreamFacts {
        call: CallId::new("4a82b19e-1d4f-4e1e-a0bb-4ec29a7b9b50").unwrap(),
        stream: SESSION.into(),
        legs: &[Leg::Agent, Leg::Customer],
        rate: SampleRate::TELEPHONE,
        encoding: Encoding::Companded(Law::Mu),
        parameters: vec![("agentId".into(), "1001".into())],
        begins: MediaTime::ZERO,
        attempt: 0,
        recorded: None,
    }
}

/// Whatever a recorder says, every message to it is well formed, audio is sent only while it is taken, little
/// is answered, and the stream comes to its end.
pub fn recorders(bytes: &[u8]) {
    let Some((&number, rest)) = bytes.split_first() else {
        return;
    };
    let messages = messages(rest);
    let (mut speaker, reading) = make(number);
    let mut said = Said::new(reading);
    said.begin(&mut *speaker);
    let mut blocks = silence().iter();
    let mut now = Duration::ZERO;
    for Message { since, body } in &messages {
        now = *since;
        said.idle(&mut *speaker, now);
        // What is too old by now was lost.
        let due = SampleRate::TELEPHONE.index_at(MediaTime::from_micros(now.as_micros() as u64));
        let block = blocks
            .as_slice()
            .iter()
            .take_while(|block| block.start() < due);
        let block = block.count().checked_sub(1).and_then(|at| blocks.nth(at));
        if let Some(block) = block
            && speaker.standing() == Standing::Ready
        {
            said.audio(&mut *speaker, block);
        }
        said.hear(&mut *speaker, body, now);
        if let Standing::Over(_) = speaker.standing() {
            break;
        }
    }
    said.end(&mut *speaker, now);
    if number % 8 == 2 {
        cut_anywhere(number, &messages);
    }
}

/// Bytes over TCP mean the same however they come.
fn cut_anywhere(number: u8, messages: &[Message<'_>]) {
    let pieces = || {
        messages.iter().filter_map(|message| match message.body {
            Body::Binary(bytes) => Some(bytes),
            Body::Text(_) => None,
        })
    };
    let hear = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut speaker = recorder(number);
        for piece in pieces {
            speaker.hear(Heard::Binary(piece), Duration::ZERO, &mut Vec::new());
        }
        speaker.standing()
    };
    let whole = pieces().collect::<Vec<_>>().concat();
    assert_eq!(hear(&mut pieces()), hear(&mut [&whole[..]].into_iter()));
}

/// What was said to a recorder, checked as it is.
struct Said {
    reading: Reading,
    messages: Vec<Outgoing>,
    /// The number of the last message of AudioHook's.
    seq: u64,
    /// What was the last of AudioHook's messages.
    kind: String,
    standing: Option<Standing>,
}

impl Said {
    fn new(reading: Reading) -> Self {
        Self {
            reading,
            messages: Vec::new(),
            seq: 0,
            kind: String::new(),
            standing: None,
        }
    }

    #[expect(clippy::unwrap_used, reason = "the call can be spoken")]
    fn begin(&mut self, speaker: &mut dyn Speaker) {
        speaker.begin(&mut self.messages).unwrap();
        self.check(speaker);
    }

    fn idle(&mut self, speaker: &mut dyn Speaker, now: Duration) {
        // What was done is not due again at once.
        for _ in 0..4 {
            if speaker.due().is_none_or(|due| due > now) {
                return;
            }
            speaker.idle(now, &mut self.messages);
            assert!(self.check(speaker) <= 2);
        }
        panic!("always something to do");
    }

    fn audio(&mut self, speaker: &mut dyn Speaker, block: &CleanAudio) {
        while speaker.fill(block, &mut self.messages) {}
        speaker.audio(block, &mut self.messages);
        self.check(speaker);
    }

    fn hear(&mut self, speaker: &mut dyn Speaker, body: &Body<'_>, now: Duration) {
        let Some(heard) = heard(body) else {
            return;
        };
        speaker.hear(heard, now, &mut self.messages);
        let answered: usize = self.messages.iter().map(length).sum();
        assert!(answered <= 2 * body.len() + 2_048);
        assert!(
            self.messages
                .iter()
                .all(|message| matches!(message, Outgoing::Text(_)))
        );
        assert!(self.check(speaker) <= 3);
    }

    /// Ends the call; a recorder that says no more does not keep the connection.
    fn end(&mut self, speaker: &mut dyn Speaker, now: Duration) {
        if !matches!(speaker.standing(), Standing::Leaving(_) | Standing::Over(_)) {
            speaker.end(&mut self.messages);
            self.check(speaker);
            assert_eq!(speaker.waiting(), 0);
        }
        let mut now = now;
        for _ in 0..4 {
            now += Duration::from_secs(30);
            if let Some(due) = speaker.due() {
                speaker.idle(now.max(due), &mut self.messages);
                self.check(speaker);
            }
        }
        if self.reading == Reading::Audiohook {
            assert!(matches!(speaker.standing(), Standing::Over(_)));
        }
    }

    /// Checks what was said last; how many messages it was.
    fn check(&mut self, speaker: &dyn Speaker) -> usize {
        let before = self.standing.replace(speaker.standing());
        if let (Some(Standing::Over(before)), now) = (before, speaker.standing()) {
            assert_eq!(Standing::Over(before), now);
        }
        let count = self.messages.len();
        for message in std::mem::take(&mut self.messages) {
            match (message, self.reading) {
                (Outgoing::Text(text), Reading::Plain) => {
                    assert!(text.starts_with("MEDIA_START ") || text.starts_with("STATUS "));
                }
                (Outgoing::Text(text), Reading::Json) => drop(object(&text)),
                (Outgoing::Text(text), Reading::Audiohook) => self.audiohook(&text),
                (Outgoing::Binary(bytes), reading) => {
                    assert!(!bytes.is_empty());
                    if reading == Reading::Audiohook {
                        assert!(!["close", "paused"].contains(&&*self.kind));
                    }
                }
            }
        }
        count
    }

    #[expect(clippy::unwrap_used, reason = "what the gateway says has them")]
    fn audiohook(&mut self, text: &str) {
        let message = object(text);
        self.seq += 1;
        assert_eq!(message["version"], "2");
        assert_eq!(message["id"], SESSION);
        assert_eq!(message["seq"], self.seq);
        assert!(message["serverseq"].is_u64());
        assert!(message["position"].as_str().unwrap().starts_with("PT"));
        assert!(message["parameters"].is_object());
        let kind = message["type"].as_str().unwrap();
        let known = [
            "open",
            "close",
            "ping",
            "paused",
            "resumed",
            "discarded",
            "error",
        ];
        assert!(known.contains(&kind), "{kind}");
        assert!(
            self.kind != "close" || kind == "error",
            "{kind} after close"
        );
        if !matches!(kind, "ping" | "error") {
            kind.clone_into(&mut self.kind);
        }
    }
}

/// What a recorder says in a message. In one without a byte it says nothing for 20 ms.
pub fn heard<'a>(body: &'a Body<'_>) -> Option<Heard<'a>> {
    match body {
        Body::Text(text) => Some(Heard::Text(text)),
        Body::Binary([]) => None,
        Body::Binary(bytes) => Some(Heard::Binary(bytes)),
    }
}

#[expect(clippy::unwrap_used, reason = "what the gateway says is JSON")]
fn object(text: &str) -> serde_json::Value {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    assert!(value.is_object());
    value
}

fn length(message: &Outgoing) -> usize {
    match message {
        Outgoing::Text(text) => text.len(),
        Outgoing::Binary(bytes) => bytes.len(),
    }
}

/// A call in which nobody speaks, as a session releases it.
fn silence() -> &'static [CleanAudio] {
    static BLOCKS: OnceLock<Vec<CleanAudio>> = OnceLock::new();
    BLOCKS.get_or_init(|| {
        let legs = &[Leg::Agent, Leg::Customer];
        let rate = SampleRate::TELEPHONE;
        let mut session = Session::new(Settings {
            legs,
            rate,
            hold: MediaTime::from_millis(2_000),
            policy: Policy::default().into(),
            examination: Examination::Everything,
        });
        let mut blocks = Vec::new();
        let packet = rate.samples_in(MediaTime::from_millis(20));
        for number in 0..SECONDS * 50 {
            for leg in legs {
                session.handle_audio(RawFrame {
                    leg: *leg,
                    at: SampleIndex(number * packet),
                    samples: Sensitive::new(vec![0; packet as usize]),
                });
                take(&mut session, &mut blocks);
            }
        }
        session.handle_end();
        take(&mut session, &mut blocks);
        session.handle_drain_deadline();
        take(&mut session, &mut blocks);
        let total: usize = blocks.iter().map(CleanAudio::len).sum();
        assert_eq!(total as u64, SECONDS * 50 * packet);
        blocks
    })
}

/// Takes what a session releases. Nothing is recognised.
fn take(session: &mut Session, blocks: &mut Vec<CleanAudio>) {
    while let Some(output) = session.poll_output() {
        match output {
            Output::Release(audio) => blocks.push(audio),
            Output::Transcribe(window) => {
                session.handle_transcript(window.id, Err(FailureCause::Overload));
            }
            Output::Event(_) | Output::Ended => {}
        }
    }
}
