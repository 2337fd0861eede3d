//! A call's fair share of recognition. Pure.
//!
//! The nearest deadline goes first, and a call's deadlines are as near as any other's: a call whose sound makes
//! windows faster than they are answered would have the queue to itself, and every other call would be late with
//! it. So a call may have some windows under way, and beyond these so many times what the others have on average;
//! less of both when windows wait long. What exceeds its share is answered as overloaded, which fills that stretch of
//! that call.

/// What calls may have under way.
#[derive(Debug, Clone, Copy)]
struct Share {
    /// Windows of any call.
    free: usize,
    /// How many times the others' average a call may have beyond these.
    times: usize,
}

/// Both parties of a call in a lively talk, while a worker is replaced.
const USUAL: Share = Share { free: 8, times: 2 };
/// When windows wait for half the time that they are given: what a call needs, and as much as others.
const BEHIND: Share = Share { free: 4, times: 1 };

/// Whether a call with `own` windows under way may hand in another, of `all` that `calls` calls have; `is_behind`:
/// windows wait long.
pub(in crate::gateway) fn allows(own: usize, all: usize, calls: usize, is_behind: bool) -> bool {
    let others = calls.saturating_sub(1);
    if others == 0 {
        return true;
    }
    let Share { free, times } = if is_behind { BEHIND } else { USUAL };
    let theirs = all.saturating_sub(own);
    own < free + (times * theirs).div_ceil(others)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_call_alone_has_all() {
        assert!(allows(1_000, 1_000, 1, true));
    }

    #[test]
    fn a_flood_is_stopped_where_others_have_little() {
        assert!(allows(9, 10, 2, false));
        assert!(!allows(10, 11, 2, false));
        assert!(!allows(8, 8, 5, false), "the others have none");
        assert!(allows(4, 5, 2, true));
        assert!(!allows(5, 6, 2, true));
    }

    #[test]
    fn where_all_are_behind_none_is_singled_out() {
        assert!(allows(40, 24 * 40, 24, true));
    }

    proptest! {
        /// What is let through is never taken back by others handing in more.
        #[test]
        fn more_of_others_never_means_less(
            own in 0..100_usize,
            theirs in 0..1_000_usize,
            calls in 1..50_usize,
            is_behind: bool,
        ) {
            if allows(own, own + theirs, calls, is_behind) {
                prop_assert!(allows(own, own + theirs + 1, calls, is_behind));
            }
        }

        /// Calls that have no more than the average are never stopped.
        #[test]
        fn the_average_is_allowed(each in 0..64_usize, calls in 1..200_usize, is_behind: bool) {
            prop_assert!(allows(each, each * calls, calls, is_behind));
        }
    }
}
