//! A session's streams: ports, packets and reports of each leg.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::RngCore;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::audio::{MediaTime, SampleIndex, SampleRate};
use crate::egress::forward::StreamFacts;
use crate::gateway::agreed;
use crate::rtp::srtp::{MasterKey, Protector, Unprotector};
use crate::rtp::{Reporter, Sender, SenderSettings};
use crate::session::CleanAudio;
use crate::sip::client::Recipient;
use crate::sip::description::{Codec, Crypto, Direction, LocalMedia, OfferedLine, Suite};

/// Of a packet.
pub(super) const PACKET: Duration = Duration::from_millis(20);
/// Longest report that is read.
const LONGEST_REPORT: usize = 2_048;
/// Pairs of ports that are tried.
const TRIES: usize = 50;
/// From the epoch of NTP to that of Unix, in seconds.
const NTP_EPOCH: u64 = 2_208_988_800;
/// The suite that we offer.
const SUITE: Suite = Suite::Aes128Sha1Tag80;

/// All streams of one session.
pub(super) struct Media {
    legs: Vec<Leg>,
    /// One for all streams (RFC 3550, 6.5.1): nothing of this machine or the call.
    name: String,
    rate: SampleRate,
    chance: ChaCha20Rng,
    packets: Vec<Vec<u8>>,
}

/// One leg's ports, and its stream once the recorder takes it.
struct Leg {
    channel: usize,
    label: String,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    address: SocketAddr,
    key: Option<MasterKey>,
    stream: Option<Stream>,
}

struct Stream {
    sender: Sender,
    reporter: Reporter,
    protector: Option<Protector>,
    unprotector: Option<Unprotector>,
    recipient: Recipient,
    first_sequence: u16,
    packets: u32,
    /// How many have come, by the recorder's reports.
    arrived: Option<u32>,
}

/// What sending has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// Nothing: packets are not acknowledged.
    Unknown,
    /// Something that was sent came back: the port is closed.
    Refused,
}

impl Media {
    /// Opens ports on the address from which the recorder is reached. `streams`: channels and labels.
    pub(super) async fn open(
        ip: IpAddr,
        streams: &[(usize, String)],
        rate: SampleRate,
        is_secure: bool,
        mut chance: ChaCha20Rng,
    ) -> io::Result<Self> {
        let mut legs = Vec::new();
        for (channel, label) in streams {
            let (rtp, rtcp) = pair(ip).await?;
            legs.push(Leg {
                channel: *channel,
                label: label.clone(),
                address: rtp.local_addr()?,
                rtp,
                rtcp,
                key: is_secure.then(|| agreed::fresh_key(&mut chance)),
                stream: None,
            });
        }
        Ok(Self {
            legs,
            name: format!("{:016x}", chance.next_u64()),
            rate,
            chance,
            packets: Vec::new(),
        })
    }

    /// What is offered. `narrow`: a telephone's encodings alone, whatever the call's rate.
    pub(super) fn lines(&self, facts: &StreamFacts, narrow: bool) -> Vec<OfferedLine> {
        let codecs = codecs(facts.rate, facts.encoding, narrow);
        let line = |leg: &Leg| OfferedLine {
            label: leg.label.clone(),
            direction: Direction::SendOnly,
            local: LocalMedia {
                address: leg.address,
                rtcp_mux: false,
                key: leg.key.as_ref().map(MasterKey::bytes),
            },
            codecs: codecs
                .iter()
                .map(|codec| (codec.usual_payload_type(), *codec))
                .collect(),
            // Keys are hidden: there is nothing to tell of them.
            telephone_event: None,
            packet_time: Some(PACKET.as_millis() as u32),
            crypto: leg.key.as_ref().map(|key| Crypto {
                tag: 1,
                suite: SUITE,
                key: key.bytes(),
            }),
        };
        self.legs.iter().map(line).collect()
    }

    /// Takes over what the recorder takes; tells how many streams that are.
    pub(super) async fn agree(
        &mut self,
        since: Duration,
        recipients: Vec<Option<Recipient>>,
    ) -> io::Result<usize> {
        let mut taken = 0;
        let mut recipients = recipients.into_iter();
        for leg in &mut self.legs {
            let Some(recipient) = recipients.next().flatten() else {
                leg.stream = None;
                continue;
            };
            taken += 1;
            leg.rtp.connect(recipient.rtp).await?;
            match &mut leg.stream {
                Some(stream) if stream.is_as_before(&recipient) => stream.recipient = recipient,
                stream => {
                    let key = leg.key.as_ref();
                    let chance = &mut self.chance;
                    *stream = Stream::new(recipient, key, self.rate, &self.name, since, chance);
                }
            }
        }
        Ok(taken)
    }

    /// Sends a stretch of a block, `from..to` in samples: what makes full packets, and the rest later.
    pub(super) async fn say(&mut self, block: &CleanAudio, from: usize, to: usize) -> Sent {
        let at = SampleIndex(block.start().0 + from as u64);
        let mut sent = Sent::Unknown;
        for leg in &mut self.legs {
            let samples = block.channels().get(leg.channel);
            let samples = samples.and_then(|samples| samples.get(from..to));
            let (Some(stream), Some(samples)) = (&mut leg.stream, samples) else {
                continue;
            };
            if stream.recipient.active {
                stream.sender.push(at, samples, &mut self.packets);
                if stream.send(&leg.rtp, &mut self.packets).await == Sent::Refused {
                    sent = Sent::Refused;
                }
            }
        }
        sent
    }

    /// Sends what is left, and a farewell for each stream.
    pub(super) async fn finish(&mut self, since: Duration, position: MediaTime) {
        for leg in &mut self.legs {
            if let Some(stream) = &mut leg.stream {
                stream.sender.finish(&mut self.packets);
                stream.send(&leg.rtp, &mut self.packets).await;
                let said = stream.sender.sent(ntp_now(), position);
                let farewell = stream.reporter.farewell(since, Some(said), None);
                stream.report(&leg.rtcp, farewell).await;
            }
        }
    }

    /// When the next report is due, if any stream has one.
    pub(super) fn report_due(&self) -> Option<Duration> {
        let streams = self.legs.iter().filter_map(|leg| leg.stream.as_ref());
        streams.map(|stream| stream.reporter.due()).min()
    }

    /// Sends the reports that are due. Sound that was said at `position` was said now.
    pub(super) async fn report(&mut self, since: Duration, position: MediaTime) {
        for leg in &mut self.legs {
            if let Some(stream) = &mut leg.stream
                && stream.reporter.due() <= since
            {
                let said = stream.sender.sent(ntp_now(), position);
                let chance = self.chance.next_u32();
                let report = stream.reporter.report(since, chance, Some(said), None);
                stream.report(&leg.rtcp, report).await;
            }
        }
    }

    /// Waits for a report of the recorder's. Nothing is lost when this is not waited for.
    pub(super) async fn hear(&mut self, since: impl Fn() -> Duration) {
        let mut buffer = [0; LONGEST_REPORT];
        let (place, length, from) = std::future::poll_fn(|context| {
            for (place, leg) in self.legs.iter_mut().enumerate() {
                let mut read = ReadBuf::new(&mut buffer);
                match leg.rtcp.poll_recv_from(context, &mut read) {
                    Poll::Ready(Ok(from)) => {
                        return Poll::Ready((place, read.filled().len(), Some(from)));
                    }
                    // What came back for a report that was sent.
                    Poll::Ready(Err(_)) => return Poll::Ready((place, 0, None)),
                    Poll::Pending => {}
                }
            }
            Poll::Pending
        })
        .await;
        let leg = self.legs.get_mut(place);
        let stream = leg.and_then(|leg| leg.stream.as_mut());
        if let (Some(stream), Some(from)) = (stream, from) {
            stream.hear(since(), from, buffer[..length].to_vec());
        }
    }

    /// How many packets each stream has sent.
    pub(super) fn sent(&self) -> Vec<u32> {
        let sent = |leg: &Leg| leg.stream.as_ref().map_or(0, |stream| stream.packets);
        self.legs.iter().map(sent).collect()
    }

    /// Whether so many packets of each have come, as far as the recorder reports; `None` if it does not.
    pub(super) fn has_arrived(&self, sent: &[u32]) -> Option<bool> {
        let live = self.legs.iter().zip(sent).filter_map(|(leg, sent)| {
            let stream = leg.stream.as_ref()?;
            stream.recipient.active.then_some((stream, *sent))
        });
        let mut arrived = None;
        for (stream, sent) in live {
            let so_far = arrived.unwrap_or(true);
            arrived = Some(so_far && stream.arrived? >= sent);
        }
        arrived
    }
}

impl Stream {
    /// `None` if nothing can be sent in the encoding that was agreed on.
    fn new(
        recipient: Recipient,
        our_key: Option<&MasterKey>,
        rate: SampleRate,
        name: &str,
        since: Duration,
        chance: &mut ChaCha20Rng,
    ) -> Option<Self> {
        let ssrc = chance.next_u32();
        // Not near the end, so that a recorder that counts poorly has no wrap at once.
        let first_sequence = (chance.next_u32() >> 17) as u16;
        let sender = Sender::new(SenderSettings {
            format: agreed::format(recipient.codec)?,
            payload_type: recipient.payload_type,
            rate,
            packet: PACKET,
            ssrc,
            first_sequence,
            first_timestamp: chance.next_u32(),
        })
        .ok()?;
        let unprotector = match &recipient.crypto {
            Some(crypto) => {
                let key = agreed::master_key(crypto.key.expose())?;
                Some(Unprotector::new(agreed::suite(crypto.suite), &key))
            }
            None => None,
        };
        Some(Self {
            sender,
            reporter: Reporter::new(ssrc, name, since),
            protector: our_key.map(|key| Protector::new(agreed::suite(SUITE), key)),
            unprotector,
            recipient,
            first_sequence,
            packets: 0,
            arrived: None,
        })
    }

    /// Whether what was sent goes on for this recipient.
    fn is_as_before(&self, recipient: &Recipient) -> bool {
        let known = &self.recipient;
        (known.codec, known.payload_type) == (recipient.codec, recipient.payload_type)
            && known.crypto == recipient.crypto
    }

    async fn send(&mut self, socket: &UdpSocket, packets: &mut Vec<Vec<u8>>) -> Sent {
        let mut sent = Sent::Unknown;
        for mut packet in packets.drain(..) {
            self.packets = self.packets.wrapping_add(1);
            if let Some(protector) = &mut self.protector
                && let Err(error) = protector.protect_rtp(&mut packet)
            {
                tracing::error!(%error, "a packet cannot be encrypted and is not sent");
                continue;
            }
            if let Err(error) = socket.send(&packet).await
                && error.kind() == io::ErrorKind::ConnectionRefused
            {
                sent = Sent::Refused;
                // The error is of one before; this one has not gone out.
                let _ = socket.send(&packet).await;
            }
        }
        sent
    }

    async fn report(&mut self, socket: &UdpSocket, mut report: Vec<u8>) {
        if let Some(protector) = &mut self.protector
            && protector.protect_rtcp(&mut report).is_err()
        {
            return;
        }
        // What cannot be sent is not missed.
        let _ = socket.send_to(&report, self.recipient.rtcp).await;
    }

    /// Takes a report, if it is from where the recorder is.
    fn hear(&mut self, since: Duration, from: SocketAddr, mut bytes: Vec<u8>) {
        if from.ip() != self.recipient.rtcp.ip() {
            return;
        }
        if let Some(unprotector) = &mut self.unprotector
            && unprotector.unprotect_rtcp(&mut bytes).is_err()
        {
            return;
        }
        let Ok(heard) = self.reporter.handle(since, &bytes) else {
            return;
        };
        if let Some(report) = heard.about_us {
            let number = report.highest.wrapping_sub(self.first_sequence.into());
            let arrived = number.wrapping_add(1);
            // A report cannot tell of what was not sent.
            if arrived <= self.packets {
                self.arrived = self.arrived.max(Some(arrived));
            }
        }
    }
}

/// What a call of this rate is offered in, the best first.
fn codecs(rate: SampleRate, encoding: Encoding, narrow: bool) -> Vec<Codec> {
    if rate > SampleRate::TELEPHONE && !narrow {
        let rate = rate.hertz();
        return vec![Codec::L16 { rate }, Codec::G722];
    }
    match encoding {
        Encoding::Companded(Law::A) => vec![Codec::Pcma, Codec::Pcmu],
        _ => vec![Codec::Pcmu, Codec::Pcma],
    }
}

/// Two ports in a row, audio on the even one (RFC 3550, 11).
async fn pair(ip: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    for _ in 0..TRIES {
        let one = UdpSocket::bind(SocketAddr::new(ip, 0)).await?;
        let port = one.local_addr()?.port();
        let beside = UdpSocket::bind(SocketAddr::new(ip, port ^ 1)).await;
        match beside {
            Ok(beside) if port.is_multiple_of(2) => return Ok((one, beside)),
            Ok(beside) => return Ok((beside, one)),
            Err(_) => {}
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// Seconds since 1900 and their fraction, 32 bits each.
fn ntp_now() -> u64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let fraction = (u64::from(now.subsec_nanos()) << 32) / 1_000_000_000;
    (now.as_secs().wrapping_add(NTP_EPOCH) << 32) | fraction
}
