//! Slows down who guesses passwords, and locks out who goes on.
//!
//! Failures are counted for each name, whether there is such a user or not, and for each address. After
//! [`FREE`] of a name the next try has to wait 1, 2, 4 ... seconds; after [`LOCKED_AT`] half an hour (PCI DSS 4.0.1,
//! 8.3.4: at most ten attempts, 30 minutes). An address may fail [`FREE_OF_ADDRESS`] times in [`WINDOW_SECONDS`].
//!
//! It is bounded: when too many are known, those that have been quiet longest are forgotten. What is counted is
//! lost when the gateway is started again. It is given the time, in seconds.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Failures of a name without a wait.
pub const FREE: u32 = 3;
/// Failures of a name after which it is locked.
pub const LOCKED_AT: u32 = 10;
/// For how long it is locked, in seconds.
pub const LOCKED_SECONDS: u64 = 30 * 60;
/// Failures of an address without a wait.
pub const FREE_OF_ADDRESS: u32 = 20;
/// After so long without a failure of an address it is forgotten, in seconds.
pub const WINDOW_SECONDS: u64 = 5 * 60;
/// Names and addresses that are remembered.
const MOST: usize = 10_000;

#[derive(Debug, Clone, Copy, Default)]
struct Failures {
    count: u32,
    last: u64,
    /// Until when tries are refused.
    until: u64,
}

/// What failed lately.
#[derive(Debug, Default)]
pub struct Throttle {
    names: BTreeMap<String, Failures>,
    addresses: BTreeMap<IpAddr, Failures>,
}

impl Throttle {
    /// Whether a try may be made; else for how many seconds not.
    pub fn check(&self, name: &str, address: IpAddr, now: u64) -> Result<(), u64> {
        let wait =
            |failures: Option<&Failures>| failures.map_or(0, |f| f.until.saturating_sub(now));
        match wait(self.names.get(name)).max(wait(self.addresses.get(&network(address)))) {
            0 => Ok(()),
            seconds => Err(seconds),
        }
    }

    /// A try failed. True if the name is locked by it.
    pub fn failed(&mut self, name: &str, address: IpAddr, now: u64) -> bool {
        make_room(&mut self.names);
        let failures = self.names.entry(name.to_owned()).or_default();
        if now.saturating_sub(failures.last) > LOCKED_SECONDS {
            failures.count = 0;
        }
        failures.count += 1;
        failures.last = now;
        let locks = failures.count >= LOCKED_AT;
        failures.until = match failures.count {
            count if count <= FREE => 0,
            _ if locks => now + LOCKED_SECONDS,
            count => now + (1 << (count - FREE - 1)),
        };
        make_room(&mut self.addresses);
        let failures = self.addresses.entry(network(address)).or_default();
        if now.saturating_sub(failures.last) > WINDOW_SECONDS {
            failures.count = 0;
        }
        failures.count += 1;
        failures.last = now;
        if failures.count >= FREE_OF_ADDRESS {
            failures.until = now + WINDOW_SECONDS;
        }
        locks
    }

    /// A try succeeded: the name is free again. The address is not: it may have guessed one of many.
    pub fn succeeded(&mut self, name: &str) {
        self.names.remove(name);
    }
}

/// Who has one address of IPv6 has 2^64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            octets.into()
        }
    }
}

fn make_room<K: Ord + Clone>(known: &mut BTreeMap<K, Failures>) {
    if known.len() < MOST {
        return;
    }
    // A locked name stays locked however many others are tried; of the rest half go.
    let mut quiet: Vec<(u64, u64, K)> = known
        .iter()
        .map(|(key, failures)| (failures.until, failures.last, key.clone()))
        .collect();
    quiet.sort_unstable();
    for (_, _, key) in quiet.into_iter().take(MOST / 2) {
        known.remove(&key);
    }
}
