//! Recorders elsewhere: what their platforms answer to being paused and resumed.

use std::time::Duration;

use hushgate::audio::MediaTime;
use hushgate::call::{Leg, Sensitive};
use hushgate::egress::control::asterisk::{self, Asterisk};
use hushgate::egress::control::connect::Connect;
use hushgate::egress::control::freeswitch::{
    self, Door, Freeswitch, NotAMessage, SocketMessage, SocketReader,
};
use hushgate::egress::control::http::{Hook, HttpHooks, Question, Test};
use hushgate::egress::control::twilio::{PauseBehaviour, Twilio};
use hushgate::egress::control::{
    Command, ControlReply, LARGEST_REPLY, Method, Output, Platform, Protection, Reading,
    RecorderControl, RequestId, Template, Timing,
};
use hushgate::telemetry::Event;

/// FreeSWITCH's event socket: after a byte that says in which pieces, what it sends.
pub fn event_socket(bytes: &[u8]) {
    let Some((&piece, stream)) = bytes.split_first() else {
        return;
    };
    let whole = read_pieces([stream].into_iter());
    let pieces = read_pieces(stream.chunks(1 + usize::from(piece)));
    assert_eq!(whole, pieces);
    let (messages, _) = whole;
    let mut total = 0;
    for message in &messages {
        assert!(!message.kind.is_empty() && message.body.len() <= LARGEST_REPLY);
        total += message.kind.len() + message.reply.len() + message.body.len();
        let reply = ControlReply {
            status: 200,
            retry_after: None,
            body: message.body.clone(),
        };
        let reading = freeswitch().read(Command::Pause, &reply);
        // It cannot be asked what it does.
        assert!(!matches!(reading, Reading::Is(_)));
    }
    assert!(total <= stream.len());
}

/// The messages up to the first that is none.
fn read_pieces<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<SocketMessage>, Result<(), NotAMessage>) {
    let mut reader = SocketReader::default();
    let mut messages = Vec::new();
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
    }
    (messages, Ok(()))
}

/// HTTP statuses that platforms answer with.
const STATUSES: [u16; 16] = [
    200, 200, 200, 201, 202, 204, 302, 400, 401, 404, 408, 409, 410, 425, 429, 503,
];

/// One call's control. The first byte says whose interface; then each step is a byte: something is to be
/// protected, or nothing any more; the call ends; time passes, as long as the next byte says; or an answer
/// comes, with a status, and its body up to the end of the line.
pub fn answers(bytes: &[u8]) {
    let Some((&first, mut rest)) = bytes.split_first() else {
        return;
    };
    let platform = platform(first);
    let mut call = Call::new(RecorderControl::new(Timing::default(), platform.verifies()));
    while let Some((&step, after)) = rest.split_first() {
        rest = after;
        match step {
            b'p' => call.protect(),
            b'r' => call.release(),
            b'f' => call.finish(),
            b't' => {
                let length = rest.split_off_first().copied().unwrap_or(0);
                call.pass(Duration::from_millis(10 * u64::from(length)));
            }
            _ => {
                let (line, later) = match rest.iter().position(|byte| *byte == b'\n') {
                    Some(end) => (&rest[..end], &rest[end + 1..]),
                    None => (rest, &[][..]),
                };
                rest = later;
                let reply = ControlReply {
                    status: STATUSES[usize::from(step % 16)],
                    retry_after: (step >= 128).then(|| Duration::from_secs(u64::from(step))),
                    body: line.to_vec(),
                };
                call.answer(&platform, &reply);
            }
        }
    }
    call.release();
    call.finish();
    // All that may still happen; a resumption is tried for ten seconds.
    for _ in 0..60 {
        call.pass(Duration::from_secs(5));
    }
    assert!(call.machine.is_finished());
}

/// A call, its recorder's control, and what is known of it without looking inside.
struct Call {
    machine: RecorderControl,
    now: Duration,
    awaited: Option<(RequestId, Command)>,
    protects: bool,
    finished: bool,
}

impl Call {
    fn new(machine: RecorderControl) -> Self {
        Self {
            machine,
            now: Duration::ZERO,
            awaited: None,
            protects: false,
            finished: false,
        }
    }

    fn protect(&mut self) {
        self.protects |= !self.finished;
        self.machine.protect(
            self.now,
            Protection {
                leg: Leg::Customer,
                kind: "pan".into(),
                from: MediaTime::ZERO,
            },
        );
        self.drain();
    }

    fn release(&mut self) {
        self.protects = false;
        self.machine.release(self.now);
        self.drain();
    }

    fn finish(&mut self) {
        self.finished = true;
        self.machine.finish(self.now);
        self.drain();
    }

    /// Time passes as the driver lets it: from one time at which something is due to the next.
    fn pass(&mut self, length: Duration) {
        let end = self.now + length;
        let mut wakings = 0;
        while let Some(due) = self.machine.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.machine.handle_timeout(self.now);
            self.drain();
            wakings += 1;
            assert!(wakings < 1_000, "always something to do");
        }
        self.now = end;
        self.machine.handle_timeout(self.now);
        self.drain();
    }

    fn answer(&mut self, platform: &Platform, reply: &ControlReply) {
        let Some((id, command)) = self.awaited.take() else {
            // Read all the same.
            for command in [Command::Pause, Command::Resume, Command::Query] {
                check_reading(platform, command, reply);
            }
            return;
        };
        let reading = check_reading(platform, command, reply);
        self.machine.handle_reading(self.now, id, reading);
        self.drain();
    }

    /// No resumption is sent while something is to be protected, and what is told has nothing of an answer.
    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Send { id, command, .. } => {
                    assert!(!(self.protects && command == Command::Resume));
                    self.awaited = Some((id, command));
                }
                Output::Event(event) => match event {
                    Event::RecorderNotPaused { reason, .. }
                    | Event::RecorderNotResumed { reason, .. } => check_reason(&reason),
                    Event::RecorderPaused { kind, .. } => assert_eq!(kind, "pan"),
                    Event::RecorderResumed { .. } => {}
                    other => panic!("{other:?}"),
                },
            }
        }
    }
}

fn check_reading(platform: &Platform, command: Command, reply: &ControlReply) -> Reading {
    let reading = platform.read(command, reply);
    match &reading {
        Reading::Is(_) => {
            assert!((200..300).contains(&reply.status));
            assert!(platform.verifies() || !reply.body.is_empty());
        }
        // 409 says that it is so already, where it is set up so.
        Reading::Acknowledged | Reading::Accepted => {
            assert!(reply.status < 300 || reply.status == 409);
        }
        Reading::Retry { problem, .. } | Reading::Refused(problem) => {
            check_reason(&problem.to_string());
        }
        Reading::Conflict | Reading::NotFound => {}
    }
    reading
}

/// A reason is of our own words, and the only number in it is a status.
fn check_reason(reason: &str) {
    let mut digits = reason.split(|c: char| !c.is_ascii_digit());
    assert!(digits.all(|run| run.len() <= 3), "{reason}");
    assert!(reason.is_ascii() && !reason.contains(char::is_control));
}

/// An interface by number.
fn platform(number: u8) -> Platform {
    let secret = || Sensitive::new("sesame".to_owned());
    match number % 6 {
        0 => Platform::Twilio(Twilio {
            base_url: "https://api.example.com".into(),
            account: "AC1".into(),
            user: "AC1".into(),
            secret: secret(),
            recording: "Twilio.CURRENT".into(),
            behaviour: PauseBehaviour::Silence,
        }),
        1 => Platform::Connect(Connect {
            base_url: "https://connect.example.com".into(),
            region: "eu-central-1".into(),
            instance: "i".into(),
            recording_type: None,
            access_key: "AK".into(),
            secret: secret(),
            session_token: None,
        }),
        2 => Platform::Asterisk(Asterisk {
            base_url: "http://pbx.example.com/ari".into(),
            user: "u".into(),
            secret: secret(),
            recording: template("{call_id}"),
            mode: asterisk::Mode::Pause,
        }),
        3 => freeswitch(),
        4 => Platform::Http(Box::new(hooks(true))),
        _ => Platform::Http(Box::new(hooks(false))),
    }
}

fn freeswitch() -> Platform {
    Platform::Freeswitch(Freeswitch {
        door: Door::EventSocket {
            address: "pbx.example.com:8021".into(),
            password: Sensitive::new("sesame".to_owned()),
        },
        recording: template("/r/{call_id}.wav"),
        mode: freeswitch::Mode::Mask,
    })
}

fn hooks(verified: bool) -> HttpHooks {
    let url = || template("https://r.example.com/{call_id}");
    let hook = |confirm| Hook {
        method: Method::Post,
        url: url(),
        body: None,
        success: vec![200, 201, 202, 204],
        already: vec![409],
        confirm,
    };
    let test = Test {
        pointer: "/state".into(),
        equals: "paused".into(),
    };
    HttpHooks {
        headers: Vec::new(),
        pause: hook((!verified).then(|| test.clone())),
        resume: hook(None),
        verify: verified.then(|| Question {
            method: Method::Get,
            url: url(),
            body: None,
            paused: test,
        }),
    }
}

#[expect(clippy::unwrap_used, reason = "it is one")]
fn template(text: &str) -> Template {
    Template::parse(text).unwrap()
}
