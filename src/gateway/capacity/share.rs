//! Whether a call asks for so much that its windows say nothing of how recognition keeps up with the others. Pure.
//!
//! The workers see to it that such a call gets no more than its share (`engine::pool`), so that it is late with the
//! rest, and alone. Capacity is for calls as they usually are: one that is not would make the gateway believe that
//! others are late too, and that calls are as costly as that one.

/// Windows in a while that any call may ask for: both parties of a call in which numbers are read out.
const FREE: f64 = 16.0;
/// How many times the others' average a call may ask for beyond these.
const TIMES: f64 = 2.0;

/// Whether a call that lately handed in `own` windows, of `all` that `calls` calls did, floods.
pub(super) fn is_flood(own: f64, all: f64, calls: usize) -> bool {
    let others = calls.saturating_sub(1);
    others > 0 && own > FREE + TIMES * (all - own).max(0.0) / others as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_call_alone_is_no_flood() {
        assert!(!is_flood(1_000.0, 1_000.0, 1));
    }

    #[test]
    fn a_call_is_one_that_asks_for_far_more_than_others() {
        assert!(!is_flood(24.0, 28.0, 2));
        assert!(is_flood(25.0, 29.0, 2));
        assert!(is_flood(17.0, 17.0, 5), "the others ask for nothing");
        assert!(!is_flood(16.0, 16.0, 5), "nor need they");
    }

    #[test]
    fn where_all_flood_none_does() {
        assert!(!is_flood(60.0, 24.0 * 60.0, 24));
    }

    proptest! {
        /// Calls that ask for no more than twice the average of the others never are.
        #[test]
        fn as_much_as_others_is_allowed(
            own in 0..64_u32,
            theirs in prop::collection::vec(0..64_u32, 0..100),
        ) {
            let (sum, calls) = (theirs.iter().sum::<u32>(), theirs.len() + 1);
            if own * theirs.len() as u32 <= sum {
                prop_assert!(!is_flood(f64::from(own), f64::from(own + sum), calls));
            }
        }
    }
}
