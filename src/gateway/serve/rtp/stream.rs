//! One stream's task: takes datagrams from its ports, and hands what they hold to the call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{Described, NewStream, Pair};
use crate::audio::SampleRate;
use crate::call::Leg;
use crate::gateway::call::Input;
use crate::rtp::source::{SourceGuard, SourcePolicy};
use crate::rtp::{Counters, Received, Receiver, Settings, Taken};
use crate::session::RawFrame;

/// No UDP datagram is longer.
const LONGEST_DATAGRAM: usize = 65_536;
/// Without a packet there is nothing to flush; the task looks again after so long.
const IDLE: Duration = Duration::from_secs(1);

/// What a stream is told.
#[derive(Debug)]
pub(super) enum Command {
    /// It was described anew.
    Describe(Described),
}

pub(super) struct StreamTask {
    leg: Leg,
    pair: Pair,
    receiver: Receiver,
    guard: SourceGuard,
    begun: Instant,
    inputs: mpsc::Sender<Input>,
    commands: mpsc::Receiver<Command>,
    heard: Arc<AtomicU64>,
    received: Vec<Received>,
    /// Datagrams from senders who may not send.
    refused: u64,
}

impl StreamTask {
    pub(super) fn new(
        new: NewStream,
        rate: SampleRate,
        begun: Instant,
        inputs: mpsc::Sender<Input>,
        commands: mpsc::Receiver<Command>,
        heard: Arc<AtomicU64>,
    ) -> Self {
        let policy = SourcePolicy {
            addresses: new.described.addresses,
            ..SourcePolicy::default()
        };
        Self {
            leg: new.leg,
            pair: new.pair,
            receiver: Receiver::new(Settings::new(new.described.formats, rate)),
            guard: SourceGuard::new(policy),
            begun,
            inputs,
            commands,
            heard,
            received: Vec::new(),
            refused: 0,
        }
    }

    /// Until the commands end, or the call no longer listens.
    pub(super) async fn run(mut self) -> Counters {
        let mut buffer = vec![0; LONGEST_DATAGRAM].into_boxed_slice();
        let mut reports = vec![0; LONGEST_DATAGRAM].into_boxed_slice();
        loop {
            let flush = self
                .receiver
                .next_flush()
                .map_or_else(|| Instant::now() + IDLE, |due| self.begun + due);
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(Command::Describe(described)) => self.describe(described),
                    None => break,
                },
                datagram = self.pair.rtp.recv_from(&mut buffer) => {
                    // An error is what came back for something that was sent: it says nothing of what comes.
                    if let Ok((length, from)) = datagram {
                        self.take(&buffer[..length], from);
                    }
                }
                // Reports are read so that they do not pile up.
                _ = self.pair.rtcp.recv_from(&mut reports) => {}
                () = sleep_until(flush) => self.receiver.flush(self.begun.elapsed(), &mut self.received),
            }
            if !self.hand_over().await {
                return self.counters();
            }
        }
        // What has arrived belongs to the call.
        while let Some((length, from)) = waiting(&self.pair.rtp, &mut buffer) {
            self.take(&buffer[..length], from);
        }
        self.receiver.finish(&mut self.received);
        self.hand_over().await;
        self.counters()
    }

    fn counters(&self) -> Counters {
        let mut counters = self.receiver.counters();
        counters.junk += self.refused;
        counters
    }

    fn describe(&mut self, described: Described) {
        let since = self.begun.elapsed();
        self.receiver.set_formats(described.formats);
        self.guard.reopen(described.addresses, since);
    }

    fn take(&mut self, datagram: &[u8], from: SocketAddr) {
        let since = self.begun.elapsed();
        if let Err(refusal) = self.guard.check(from, since) {
            if self.refused == 0 {
                tracing::warn!(%refusal, leg = %self.leg, "refused audio");
            }
            self.refused += 1;
            return;
        }
        if self
            .receiver
            .handle_packet(since, datagram, &mut self.received)
            == Taken::Rtp
        {
            self.guard.confirm(from, since);
            self.heard
                .fetch_max(since.as_millis() as u64, Ordering::Relaxed);
        }
    }

    /// False when the call no longer listens.
    async fn hand_over(&mut self) -> bool {
        let rate = self.receiver.rate();
        for received in self.received.drain(..) {
            let input = match received {
                Received::Audio { at, samples } => Input::Audio(RawFrame {
                    leg: self.leg,
                    at,
                    samples,
                }),
                Received::Key { at } => Input::Key {
                    leg: self.leg,
                    at: Some(rate.time_of(at)),
                },
            };
            if self.inputs.send(input).await.is_err() {
                return false;
            }
        }
        true
    }
}

/// A datagram that has come already.
fn waiting(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    socket.try_recv_from(buffer).ok()
}
