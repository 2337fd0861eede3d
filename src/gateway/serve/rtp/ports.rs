//! Ports for streams: two in a row, audio on the even one (RFC 3550, 11).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::net::UdpSocket;

/// A range of ports on one address.
#[derive(Debug)]
pub(in crate::gateway::serve) struct Ports {
    address: IpAddr,
    first: u16,
    pairs: u32,
    /// Where the search for the next free pair begins, so that a port is not given out again at once: packets
    /// of the stream before it may still be under way.
    next: AtomicU32,
}

/// The sockets of one stream.
#[derive(Debug)]
pub(in crate::gateway::serve) struct Pair {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    address: SocketAddr,
}

impl Pair {
    /// Where RTP is taken.
    pub(in crate::gateway::serve) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Ports {
    pub(in crate::gateway::serve) fn new(address: IpAddr, range: &RangeInclusive<u16>) -> Self {
        let first = range.start().next_multiple_of(2);
        let pairs = u32::from(range.end().saturating_sub(first)).div_ceil(2);
        Self {
            address,
            first,
            pairs,
            next: AtomicU32::new(0),
        }
    }

    /// Opens pairs in a row, from the next free one on: some senders take the second stream's port to be the
    /// first's and two. Fails when there are none.
    pub(in crate::gateway::serve) fn open(&self, count: usize) -> io::Result<Vec<Pair>> {
        let count = count as u32;
        for _ in 0..self.pairs {
            let place = self.next.fetch_add(1, Ordering::Relaxed) % self.pairs;
            if place + count > self.pairs {
                continue;
            }
            let pairs: Option<Vec<Pair>> = (place..place + count)
                .map(|place| self.pair(place))
                .collect();
            if let Some(pairs) = pairs {
                self.next.store(place + count, Ordering::Relaxed);
                return Ok(pairs);
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "all of rtp_ports are in use",
        ))
    }

    fn pair(&self, place: u32) -> Option<Pair> {
        let port = self.first + 2 * place as u16;
        let address = SocketAddr::new(self.address, port);
        Some(Pair {
            rtp: bind(address).ok()?,
            rtcp: bind(SocketAddr::new(self.address, port + 1)).ok()?,
            address,
        })
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pairs_are_even_and_run_out() {
        let ports = Ports::new([127, 0, 0, 1].into(), &(29_500..=29_505));
        let numbers = |pairs: &[Pair]| {
            let ports = pairs.iter().map(|pair| pair.address().port());
            ports.collect::<Vec<_>>()
        };
        let first = ports.open(2).unwrap();
        assert_eq!(numbers(&first), [29_500, 29_502]);
        // In a row there is one left.
        assert_eq!(ports.open(2).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let second = ports.open(1).unwrap();
        assert_eq!(numbers(&second), [29_504]);
        drop((first, second));
        assert_eq!(numbers(&ports.open(3).unwrap()), [29_500, 29_502, 29_504]);
    }
}
