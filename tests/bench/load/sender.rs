//! Sends the packets of all calls when they are due, each with a stamp in its samples.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hushgate::call::CallId;
use hushgate::gateway::player::{Playback, Speed};
use tokio::time::Instant;

use super::stamp::{Stamp, now};

/// The sound of a packet, in samples at 8 kHz.
pub(crate) const PACKET: usize = 160;
/// Calls send in so many turns of a millisecond.
const TURNS: usize = 20;

/// How a call's packets get where they go: both legs' packets of a number, in mu-law. What cannot be sent is not
/// heard, which is counted there.
pub(crate) trait Line: Send {
    fn send(&mut self, number: u32, packets: &[[u8; PACKET]; 2]);
}

struct Call {
    line: Box<dyn Line>,
    /// Calls are at different places of the same conversation.
    offset: usize,
    sent: u32,
}

#[derive(Default)]
struct State {
    /// Calls by when they send.
    turns: [Vec<Call>; TURNS],
    calls: usize,
    sent: u64,
    behind: Duration,
}

/// A thread that sends.
pub(crate) struct Sender {
    state: Arc<Mutex<State>>,
}

impl Sender {
    pub(crate) fn start() -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::downgrade(&state);
        let speech = speech();
        std::thread::spawn(move || {
            let begun = Instant::now();
            for turn in 0_u32.. {
                let due = begun + Duration::from_millis(u64::from(turn));
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let Some(state) = shared.upgrade() else {
                    return;
                };
                let mut state = state.lock().unwrap();
                let mut sent = 0;
                for call in &mut state.turns[turn as usize % TURNS] {
                    call.send(&speech);
                    sent += 2;
                }
                state.sent += sent;
                state.behind = state.behind.max(due.elapsed());
            }
        });
        Self { state }
    }

    /// Begins to send for another call.
    pub(crate) fn add(&mut self, line: Box<dyn Line>) {
        let mut state = self.state.lock().unwrap();
        let number = state.calls;
        state.calls += 1;
        state.turns[number * 7 % TURNS].push(Call {
            line,
            offset: number * 62,
            sent: 0,
        });
    }

    /// How many packets were sent, and how many milliseconds too late at most, since this was asked last.
    pub(crate) fn take(&mut self) -> (u64, f64) {
        let mut state = self.state.lock().unwrap();
        let behind = std::mem::take(&mut state.behind);
        (
            std::mem::take(&mut state.sent),
            behind.as_secs_f64() * 1_000.0,
        )
    }
}

impl Call {
    fn send(&mut self, speech: &[Vec<u8>; 2]) {
        let stamp = Stamp {
            sent: now(),
            number: u64::from(self.sent),
        };
        let packets = [0, 1].map(|leg: usize| {
            let speech = &speech[leg];
            let at = (self.sent as usize + self.offset) * PACKET % (speech.len() - PACKET);
            let mut packet = [0; PACKET];
            packet.copy_from_slice(&speech[at..at + PACKET]);
            stamp.write(&mut packet);
            packet
        });
        self.line.send(self.sent, &packets);
        self.sent += 1;
    }
}

/// Both legs of a sample call in mu-law.
fn speech() -> [Vec<u8>; 2] {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples/amex_full.wav");
    let call = CallId::new("sample").unwrap();
    let sample = Playback::from_file(&file, call, Speed::Realtime).unwrap();
    [sample.customer, sample.agent]
}
