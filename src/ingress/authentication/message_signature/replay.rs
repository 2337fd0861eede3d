//! Which signatures were accepted, until they have expired.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

/// A hash of what makes a signature unique, so that all are of one size.
type Mark = [u8; 32];

/// The signatures that must not be accepted again.
#[derive(Debug)]
pub(super) struct Seen {
    capacity: usize,
    /// Each with the last second at which it would be accepted.
    marks: BTreeMap<Mark, u64>,
    by_expiry: BTreeSet<(u64, Mark)>,
}

impl Seen {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            marks: BTreeMap::new(),
            by_expiry: BTreeSet::new(),
        }
    }

    /// Takes note of what would be accepted until `expires`; fails if it was seen, or there is no room.
    pub(super) fn insert(
        &mut self,
        what: &[u8],
        expires: u64,
        now: u64,
    ) -> Result<(), &'static str> {
        while let Some(&(oldest, mark)) = self.by_expiry.first()
            && oldest < now
        {
            self.by_expiry.pop_first();
            self.marks.remove(&mark);
        }
        let mark: Mark = Sha256::digest(what).into();
        if self.marks.contains_key(&mark) {
            return Err("the signature was used before");
        }
        if self.marks.len() >= self.capacity {
            return Err("more signatures came than are remembered");
        }
        self.marks.insert(mark, expires);
        self.by_expiry.insert((expires, mark));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_is_taken_once_until_it_expires() {
        let mut seen = Seen::new(2);
        assert_eq!(seen.insert(b"a", 10, 0), Ok(()));
        assert_eq!(
            seen.insert(b"a", 20, 10),
            Err("the signature was used before")
        );
        assert_eq!(seen.insert(b"b", 12, 10), Ok(()));
        assert!(seen.insert(b"c", 12, 10).is_err());
        assert_eq!(seen.insert(b"c", 13, 11), Ok(()));
        assert!(seen.insert(b"a", 21, 12).is_err());
        assert_eq!(seen.insert(b"a", 21, 13), Ok(()));
        assert_eq!(seen.marks.len(), seen.by_expiry.len());
    }

    proptest! {
        #[test]
        fn nothing_passes_twice_and_memory_is_bounded(
            steps in prop::collection::vec((0_u8..20, 0_u64..4), 0..200)
        ) {
            let mut seen = Seen::new(8);
            let mut now = 0;
            let mut taken: BTreeMap<u8, u64> = BTreeMap::new();
            for (what, pause) in steps {
                now += pause;
                let expires = now + 10;
                if seen.insert(&[what], expires, now).is_ok() {
                    let before = taken.insert(what, expires);
                    prop_assert!(before.is_none_or(|before| before < now));
                }
                prop_assert!(seen.marks.len() <= 8);
                prop_assert_eq!(seen.marks.len(), seen.by_expiry.len());
            }
        }
    }
}
