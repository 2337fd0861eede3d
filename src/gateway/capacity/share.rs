//! A call's fair share of recognition. Pure.
//!
//! The nearest deadline goes first, and a call's deadlines are as near as any other's: a call whose sound makes
//! windows faster than they are answered would have the queue to itself, and every other call would be late with
//! it. So a call has so many windows with the engine at most, and fewer when windows wait there for long. Those beyond
//! wait in a line of the call's own.

/// Windows that any call may have there: both parties of a call in a lively talk, while a worker is replaced.
const FREE: usize = 8;
/// How many times the others' average a call may have beyond these.
const TIMES: usize = 2;
/// Windows that any call may have there when windows wait for long: one of each party.
const LEAST: usize = 2;

/// Whether a call with `own` windows there may hand in another, of `all` that `calls` calls have there. `is_behind`:
/// windows wait for half the time that they are given; then a call may have what others have on average.
pub(in crate::gateway) fn allows(own: usize, all: usize, calls: usize, is_behind: bool) -> bool {
    let others = calls.saturating_sub(1);
    if others == 0 {
        return true;
    }
    let theirs = all.saturating_sub(own);
    if is_behind {
        own < theirs.div_ceil(others).max(LEAST)
    } else {
        own < FREE + (TIMES * theirs).div_ceil(others)
    }
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
        assert!(allows(1, 2, 2, true));
        assert!(!allows(2, 3, 2, true));
    }

    #[test]
    fn where_all_are_behind_none_is_singled_out() {
        assert!(allows(39, 39 + 23 * 40, 24, true));
        assert!(allows(40, 24 * 40, 24, false));
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

        /// Calls that have less than the average, or next to nothing, are never stopped.
        #[test]
        fn less_than_others_is_allowed(
            own in 0..64_usize,
            theirs in prop::collection::vec(0..64_usize, 0..100),
            is_behind: bool,
        ) {
            let (sum, calls) = (theirs.iter().sum::<usize>(), theirs.len() + 1);
            if own * theirs.len() < sum || own < LEAST {
                prop_assert!(allows(own, own + sum, calls, is_behind));
            }
        }
    }
}
