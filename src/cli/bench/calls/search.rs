//! Which numbers of calls are tried. Pure.

/// No server takes more (`max_calls`).
pub(super) const MOST: usize = 10_000;

/// Which numbers are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plan {
    /// These, in order.
    Listed(Vec<usize>),
    /// 1, 2, 4 and so on until a number is too much or the limit is reached; then what lies between.
    Search { limit: usize },
}

/// A number that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) calls: usize,
    /// Whether nothing was late, failed or leaked.
    pub(super) clean: bool,
}

impl Plan {
    /// From the command line's arguments.
    pub(super) fn new(listed: Vec<usize>, up_to: Option<usize>) -> Self {
        if listed.is_empty() {
            Self::Search {
                limit: up_to.unwrap_or(MOST),
            }
        } else {
            Self::Listed(listed)
        }
    }

    /// What is tried next; `None` at the end.
    pub(super) fn next(&self, tried: &[Tried]) -> Option<usize> {
        match self {
            Self::Listed(listed) => listed.get(tried.len()).copied(),
            Self::Search { limit } => {
                let well = capacity(tried);
                match least_too_many(tried) {
                    Some(too_many) => {
                        let between = (well + too_many) / 2;
                        (between > well).then_some(between)
                    }
                    None if well >= *limit => None,
                    None => Some((well * 2).clamp(1, *limit)),
                }
            }
        }
    }
}

/// The largest number that went well below the first that did not; 0 if there is none.
pub(super) fn capacity(tried: &[Tried]) -> usize {
    let too_many = least_too_many(tried).unwrap_or(usize::MAX);
    let clean = tried.iter().filter(|step| step.clean);
    let below = clean
        .map(|step| step.calls)
        .filter(|calls| *calls < too_many);
    below.max().unwrap_or(0)
}

/// The smallest number that was too much, if any was.
pub(super) fn least_too_many(tried: &[Tried]) -> Option<usize> {
    let unclean = tried.iter().filter(|step| !step.clean);
    unclean.map(|step| step.calls).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that is tried on a machine that follows so many.
    fn trace(plan: &Plan, follows: usize) -> (Vec<usize>, usize) {
        let mut tried = Vec::new();
        while let Some(calls) = plan.next(&tried) {
            let clean = calls <= follows;
            tried.push(Tried { calls, clean });
        }
        let numbers = tried.iter().map(|step| step.calls).collect();
        (numbers, capacity(&tried))
    }

    #[test]
    fn it_doubles_and_then_halves_what_lies_between() {
        let plan = Plan::new(Vec::new(), None);
        assert_eq!(trace(&plan, 5), (vec![1, 2, 4, 8, 6, 5], 5));
        assert_eq!(trace(&plan, 0), (vec![1], 0));
        assert_eq!(trace(&plan, 1), (vec![1, 2], 1));
        for follows in 0..300 {
            assert_eq!(trace(&plan, follows).1, follows);
        }
        assert_eq!(trace(&plan, usize::MAX).1, MOST);
    }

    #[test]
    fn a_limit_is_tried_and_not_passed() {
        let plan = Plan::new(Vec::new(), Some(6));
        assert_eq!(trace(&plan, 100), (vec![1, 2, 4, 6], 6));
        assert_eq!(trace(&plan, 4), (vec![1, 2, 4, 6, 5], 4));
    }

    #[test]
    fn a_list_is_tried_as_it_is() {
        let plan = Plan::new(vec![4, 2, 8], None);
        assert_eq!(trace(&plan, 3), (vec![4, 2, 8], 2));
    }

    #[test]
    fn what_goes_well_by_luck_beyond_is_no_capacity() {
        let step = |calls, clean| Tried { calls, clean };
        let tried = [step(2, true), step(4, false), step(8, true)];
        assert_eq!(capacity(&tried), 2);
    }
}
