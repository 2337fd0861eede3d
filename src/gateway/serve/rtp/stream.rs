//! One stream's task: takes datagrams from its sockets, hands what they hold to the call, and reports back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{Described, NewStream, Pair};
use crate::audio::{MediaTime, SampleRate};
use crate::call::{Leg, Sensitive};
use crate::gateway::call::Input;
use crate::rtp::{Came, Counters, Port, PortSettings, Received, Refused, Settings, SourcePolicy};
use crate::session::RawFrame;

/// Longest datagram of audio: 60 ms of linear samples at 48 kHz, and headers. Longer ones are cut short, and then
/// are none.
const LONGEST_AUDIO: usize = 8 * 1024;
/// Longest report.
const LONGEST_REPORT: usize = 2 * 1024;

/// On hold nothing comes; after so long the call is told that time goes on, as a gap of ten minutes would end it.
const TIME_GOES_ON: Duration = Duration::from_secs(60);
/// How far behind now that is told: what waits for packets before it is younger.
const BEHIND: Duration = Duration::from_secs(1);

/// What a stream is told.
pub(super) enum Command {
    /// It was described anew.
    Describe(Described),
}

pub(super) struct StreamTask {
    leg: Leg,
    pair: Pair,
    port: Port,
    rate: SampleRate,
    begun: Instant,
    inputs: mpsc::Sender<Input>,
    commands: mpsc::Receiver<Command>,
    heard: Arc<AtomicU64>,
    received: Vec<Received>,
    /// Where reports go: where they are said to be wanted.
    reports: Option<SocketAddr>,
    /// When the call was last given something.
    told: Duration,
    /// Whether it was told already that a sender was not let in.
    has_warned: bool,
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
        let Described {
            formats,
            addresses,
            reports,
            their_key,
        } = new.described;
        let settings = PortSettings {
            receiver: Settings::new(formats, rate),
            sources: SourcePolicy {
                addresses,
                ..SourcePolicy::default()
            },
            their_key,
            our_key: new.our_key,
            ssrc: rand(),
            // Nothing of this machine or the call.
            name: format!("{:08x}", rand()),
        };
        Self {
            leg: new.leg,
            pair: new.pair,
            port: Port::new(settings, begun.elapsed()),
            rate,
            begun,
            inputs,
            commands,
            heard,
            received: Vec::new(),
            reports,
            told: Duration::ZERO,
            has_warned: false,
        }
    }

    /// Until the commands end, or the call no longer listens.
    pub(super) async fn run(mut self) -> (Counters, Refused) {
        let mut audio = Vec::with_capacity(LONGEST_AUDIO);
        let mut report = Vec::with_capacity(LONGEST_REPORT);
        loop {
            audio.clear();
            report.clear();
            let due = self.begun + self.port.due();
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(Command::Describe(described)) => self.describe(described),
                    None => break,
                },
                // An error is what came back for something that was sent: it says nothing of what comes.
                datagram = self.pair.rtp.recv_buf_from(&mut audio) => {
                    if let Ok((_, from)) = datagram {
                        self.take(&mut audio, from);
                    }
                }
                datagram = self.pair.rtcp.recv_buf_from(&mut report) => {
                    if let Ok((_, from)) = datagram
                        && self.port.handle_report(self.begun.elapsed(), from, &mut report) == Came::Report
                    {
                        self.reports = Some(from);
                    }
                }
                () = sleep_until(due) => {
                    let since = self.begun.elapsed();
                    let report = self.port.poll(since, rand(), &mut self.received);
                    self.report(report);
                    self.let_time_go_on(since);
                }
            }
            if !self.hand_over().await {
                return self.outcome();
            }
        }
        // What has arrived belongs to the call.
        loop {
            audio.clear();
            let Ok((_, from)) = self.pair.rtp.try_recv_buf_from(&mut audio) else {
                break;
            };
            self.take(&mut audio, from);
        }
        let last = self.port.finish(self.begun.elapsed(), &mut self.received);
        self.report(last);
        self.hand_over().await;
        self.outcome()
    }

    /// A moment of silence in place of what does not come on any stream.
    fn let_time_go_on(&mut self, since: Duration) {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        if since < self.told.max(heard) + TIME_GOES_ON || !self.received.is_empty() {
            return;
        }
        let time = since.saturating_sub(BEHIND);
        let time = MediaTime::from_micros(time.as_micros() as u64);
        self.received.push(Received::Audio {
            at: self.rate.index_at(time),
            samples: Sensitive::new(vec![0]),
        });
    }

    fn outcome(&self) -> (Counters, Refused) {
        (self.port.counters(), self.port.refused())
    }

    fn describe(&mut self, described: Described) {
        let since = self.begun.elapsed();
        self.reports = described.reports.or(self.reports);
        self.port.describe(
            since,
            described.formats,
            described.addresses,
            described.their_key,
        );
    }

    fn take(&mut self, datagram: &mut Vec<u8>, from: SocketAddr) {
        let since = self.begun.elapsed();
        match self.port.handle(since, from, datagram, &mut self.received) {
            Came::Media(_) => {
                self.heard
                    .fetch_max(since.as_millis() as u64, Ordering::Relaxed);
            }
            Came::Report => {}
            Came::Nothing => {
                if self.port.refused().senders > 0 && !self.has_warned {
                    self.has_warned = true;
                    tracing::warn!(%from, leg = %self.leg, "refused audio of a sender who may not send");
                }
            }
        }
    }

    /// Sends a report to where reports come from or are wanted, or beside where the audio comes from. Nobody
    /// waits for it: what cannot be sent at once is not sent.
    fn report(&self, report: Option<Vec<u8>>) {
        let beside = || {
            let sender = self.port.sender()?;
            Some(SocketAddr::new(sender.ip(), sender.port().checked_add(1)?))
        };
        if let (Some(report), Some(to)) = (report, self.reports.or_else(beside)) {
            send(&self.pair.rtcp, &report, to);
        }
    }

    /// False when the call no longer listens.
    async fn hand_over(&mut self) -> bool {
        if !self.received.is_empty() {
            self.told = self.begun.elapsed();
        }
        for received in self.received.drain(..) {
            let input = match received {
                Received::Audio { at, samples } => Input::Audio(RawFrame {
                    leg: self.leg,
                    at,
                    samples,
                }),
                Received::Key { at } => Input::Key {
                    leg: self.leg,
                    at: Some(self.rate.time_of(at)),
                },
            };
            if self.inputs.send(input).await.is_err() {
                return false;
            }
        }
        true
    }
}

fn send(socket: &UdpSocket, report: &[u8], to: SocketAddr) {
    if let Err(error) = socket.try_send_to(report, to) {
        tracing::debug!(%to, %error, "could not send a report");
    }
}

/// For identifiers that only must not collide.
fn rand() -> u32 {
    uuid::Uuid::new_v4().as_u128() as u32
}

#[cfg(test)]
mod tests {
    use super::super::Ports;
    use super::*;

    #[tokio::test]
    async fn time_goes_on_while_nothing_comes() {
        let ports = Ports::new([127, 0, 0, 1].into(), &(29_600..=29_601));
        let new = NewStream {
            leg: Leg::Mixed,
            pair: ports.open(1).unwrap().remove(0),
            described: Described {
                formats: Vec::new(),
                addresses: None,
                reports: None,
                their_key: None,
            },
            our_key: None,
        };
        let (inputs, mut queue) = mpsc::channel(4);
        let (_commands, commands) = mpsc::channel(1);
        let heard = Arc::new(AtomicU64::new(30_000));
        let mut task = StreamTask::new(
            new,
            SampleRate::TELEPHONE,
            Instant::now(),
            inputs,
            commands,
            heard,
        );
        // Another stream was heard half a minute ago.
        task.let_time_go_on(Duration::from_secs(61));
        assert!(task.received.is_empty());
        task.let_time_go_on(Duration::from_secs(91));
        assert!(task.hand_over().await);
        let Some(Input::Audio(frame)) = queue.recv().await else {
            panic!("no audio");
        };
        assert_eq!(frame.at.0, 90 * 8_000);
        assert_eq!(frame.samples.expose(), &[0]);
    }
}
