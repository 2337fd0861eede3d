//! Sends the packets of all calls when they are due, with the time in their samples.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use hushgate::call::CallId;
use hushgate::gateway::player::{Playback, Speed};
use tokio::time::Instant;

/// What a time in a packet begins with: mu-law that no speech has.
pub(crate) const MARK: [u8; 6] = [0x61, 0xE1, 0x61, 0xE1, 0x6E, 0xEE];
/// A time is sixteen times four bits, each one of sixteen quiet values.
pub(crate) const NIBBLES: usize = 16;
pub(crate) const NIBBLE: u8 = 0x60;
/// The sound of a packet, in samples at 8 kHz.
const PACKET: usize = 160;
/// Calls send in so many turns of a millisecond.
const TURNS: usize = 20;

/// Microseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_micros() as u64
}

/// The time in the samples that follow a mark.
pub(crate) fn time(nibbles: impl Iterator<Item = u8>) -> u64 {
    nibbles.fold(0, |time, nibble| (time << 4) | u64::from(nibble & 0x0F))
}

/// Where the packets of a call's two legs go, and from which socket.
pub(crate) struct Legs {
    pub(crate) to: [SocketAddr; 2],
    pub(crate) from: [Arc<UdpSocket>; 2],
}

struct Stream {
    to: SocketAddr,
    from: Arc<UdpSocket>,
    source: u32,
    sent: u32,
}

#[derive(Default)]
struct State {
    /// Streams by when they send.
    turns: [Vec<Stream>; TURNS],
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
                for stream in &mut state.turns[turn as usize % TURNS] {
                    stream.send(&speech);
                    sent += 1;
                }
                state.sent += sent;
                state.behind = state.behind.max(due.elapsed());
            }
        });
        Self { state }
    }

    /// Begins to send for another call.
    pub(crate) fn add(&mut self, legs: Legs) {
        let mut state = self.state.lock().unwrap();
        let turn = state.calls * 7 % TURNS;
        let source = state.calls as u32 * 2;
        state.calls += 1;
        for ((to, from), leg) in legs.to.into_iter().zip(legs.from).zip(0..) {
            state.turns[turn].push(Stream {
                to,
                from,
                source: source + leg,
                sent: 0,
            });
        }
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

impl Stream {
    fn send(&mut self, speech: &[Vec<u8>; 2]) {
        let speech = &speech[self.source as usize % 2];
        // Calls are at different places of the same conversation.
        let at =
            (self.sent as usize + self.source as usize * 31) * PACKET % (speech.len() - PACKET);
        let mut packet = [0; 12 + PACKET];
        packet[0] = 0x80;
        packet[2..4].copy_from_slice(&(self.sent as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(self.sent * PACKET as u32).to_be_bytes());
        packet[8..12].copy_from_slice(&self.source.to_be_bytes());
        packet[12..].copy_from_slice(&speech[at..at + PACKET]);
        packet[12..][..MARK.len()].copy_from_slice(&MARK);
        let now = now();
        for (place, byte) in (0_u64..).zip(&mut packet[12 + MARK.len()..][..NIBBLES]) {
            *byte = NIBBLE + ((now >> (60 - 4 * place)) & 0x0F) as u8;
        }
        self.sent += 1;
        // What cannot be sent is not heard, which is counted there.
        let _ = self.from.send_to(&packet, self.to);
    }
}

/// Both legs of a sample call in mu-law.
fn speech() -> [Vec<u8>; 2] {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio-samples/amex_full.wav");
    let call = CallId::new("sample").unwrap();
    let sample = Playback::from_file(&file, call, Speed::Realtime).unwrap();
    [sample.customer, sample.agent]
}
