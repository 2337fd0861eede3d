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

    /// Opens the next free pair. Fails when all are taken.
    pub(in crate::gateway::serve) fn open(&self) -> io::Result<Pair> {
        for _ in 0..self.pairs {
            let place = self.next.fetch_add(1, Ordering::Relaxed) % self.pairs;
            let port = self.first + 2 * place as u16;
            let address = SocketAddr::new(self.address, port);
            let Ok(rtp) = bind(address) else {
                continue;
            };
            let Ok(rtcp) = bind(SocketAddr::new(self.address, port + 1)) else {
                continue;
            };
            return Ok(Pair { rtp, rtcp, address });
        }
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "all of rtp_ports are in use",
        ))
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
        let ports = Ports::new([127, 0, 0, 1].into(), &(39_500..=39_505));
        let pairs: Vec<Pair> = (0..3).map_while(|_| ports.open().ok()).collect();
        assert!(pairs.iter().all(|pair| pair.address().port() % 2 == 0));
        assert_eq!(pairs.len(), 3);
        assert_eq!(ports.open().unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(pairs);
        assert!(ports.open().is_ok());
    }
}
