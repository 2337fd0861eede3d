//! A call's fair share of recognition. Pure.
//!
//! The nearest deadline goes first, and a call's deadlines are as near as any other's: a call whose sound makes
//! windows faster than they are answered would have the queue to itself, and every other call would be late with
//! it. So a call may have some windows under way, and beyond these twice what the others have on average. What
//! exceeds its share is answered as overloaded, which fills that stretch of that call.

/// Windows that any call may have under way: both parties of a call in a lively talk, while a worker is replaced.
const FREE: usize = 8;
/// How much more than the others, on average, a call may have beyond these.
const TIMES: usize = 2;

/// Whether a call with `own` windows under way may hand in another, of `all` that `calls` calls have.
pub(in crate::gateway) fn allows(own: usize, all: usize, calls: usize) -> bool {
    let others = calls.saturating_sub(1);
    if others == 0 {
        return true;
    }
    let theirs = all.saturating_sub(own);
    own < FREE + (TIMES * theirs).div_ceil(others)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_call_alone_has_all() {
        assert!(allows(1_000, 1_000, 1));
    }

    #[test]
    fn a_flood_is_stopped_where_others_have_little() {
        assert!(allows(7, 8, 2));
        assert!(allows(9, 10, 2));
        assert!(!allows(10, 11, 2));
        assert!(!allows(8, 8, 5), "the others have none");
    }

    #[test]
    fn where_all_are_behind_none_is_singled_out() {
        assert!(allows(40, 24 * 40, 24));
    }

    proptest! {
        /// What is let through is never taken back by others handing in more.
        #[test]
        fn more_of_others_never_means_less(own in 0..100_usize, theirs in 0..1_000_usize, calls in 1..50_usize) {
            if allows(own, own + theirs, calls) {
                prop_assert!(allows(own, own + theirs + 1, calls));
            }
        }

        /// Calls that have no more than the average are never stopped.
        #[test]
        fn the_average_is_allowed(each in 0..64_usize, calls in 1..200_usize) {
            prop_assert!(allows(each, each * calls, calls));
        }
    }
}
