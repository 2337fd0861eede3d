//! Which sender a port listens to.
//!
//! The session description says where audio should come from, and behind address translation or from some
//! border controllers it comes from elsewhere (symmetric RTP, RFC 4961). So the first sender is latched, and
//! nobody else is heard until the call is described anew or that sender has been silent for a while. Strictly,
//! the address must also be one of those that the description or the signalling named.
//!
//! A sender is latched by [`SourceGuard::confirm`] alone, after its packet proved to be one: whoever sends
//! noise does not take the port. Ports are not compared between streams, and the time is an input.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

/// What a port is told of its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePolicy {
    /// The addresses audio may come from; `None` lets the first sender in from anywhere.
    pub addresses: Option<Vec<IpAddr>>,
    /// A sender that was silent for so long may be replaced by another.
    pub silence: Duration,
}

impl Default for SourcePolicy {
    fn default() -> Self {
        Self {
            addresses: None,
            silence: Duration::from_secs(5),
        }
    }
}

/// Why a packet is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Neither the description nor the signalling named this address.
    #[error("from {0}, which the call's description does not name")]
    Unnamed(IpAddr),
    /// Another sender has the port.
    #[error("from {0}, while another sender has the port")]
    Taken(SocketAddr),
}

/// One port's sender.
#[derive(Debug, Clone)]
pub struct SourceGuard {
    policy: SourcePolicy,
    latched: Option<Latch>,
}

#[derive(Debug, Clone, Copy)]
struct Latch {
    from: SocketAddr,
    heard: Duration,
    /// The call was described anew: until then another sender may come.
    open_until: Duration,
}

impl SourceGuard {
    /// For a port that has heard nobody.
    pub fn new(policy: SourcePolicy) -> Self {
        Self {
            policy,
            latched: None,
        }
    }

    /// Whether a packet may be looked at.
    pub fn check(&self, from: SocketAddr, since: Duration) -> Result<(), Refusal> {
        self.check_address(from.ip())?;
        match self.latched {
            Some(latch)
                if latch.from != canonical(from)
                    && since >= latch.open_until
                    && since.saturating_sub(latch.heard) < self.policy.silence =>
            {
                Err(Refusal::Taken(from))
            }
            _ => Ok(()),
        }
    }

    /// Whether a report may be looked at, which comes from another port of the sender.
    pub fn check_report(&self, from: SocketAddr, since: Duration) -> Result<(), Refusal> {
        self.check_address(from.ip())?;
        match self.latched {
            Some(latch)
                if latch.from.ip() != from.ip().to_canonical() && since >= latch.open_until =>
            {
                Err(Refusal::Taken(from))
            }
            _ => Ok(()),
        }
    }

    fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let address = address.to_canonical();
        match &self.policy.addresses {
            Some(named) if !named.iter().any(|named| named.to_canonical() == address) => {
                Err(Refusal::Unnamed(address))
            }
            _ => Ok(()),
        }
    }

    /// A packet that was let in was valid: its sender has the port. True if it is a new one.
    pub fn confirm(&mut self, from: SocketAddr, since: Duration) -> bool {
        let from = canonical(from);
        let is_new = self.latched.is_none_or(|latch| latch.from != from);
        let open_until = match self.latched {
            Some(latch) if !is_new => latch.open_until,
            _ => Duration::ZERO,
        };
        self.latched = Some(Latch {
            from,
            heard: since,
            open_until,
        });
        is_new
    }

    /// The call was described anew (re-INVITE): another sender may come, once and soon.
    pub fn reopen(&mut self, addresses: Option<Vec<IpAddr>>, since: Duration) {
        self.policy.addresses = addresses;
        if let Some(latch) = &mut self.latched {
            latch.open_until = since.saturating_add(self.policy.silence);
        }
    }

    /// Who has the port; where reports go to, too, if nothing else was agreed on.
    pub fn sender(&self) -> Option<SocketAddr> {
        self.latched.map(|latch| latch.from)
    }
}

/// An IPv4 address is the same when a socket for both families tells it.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests;
