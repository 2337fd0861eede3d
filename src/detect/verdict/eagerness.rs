//! How eager each profile is to take digits for a card's, when nothing was said about them.

use crate::audio::MediaTime;
use crate::detect::run::{self, Run};
use crate::policy::Profile;

use super::telephone_shape;

/// Digits from which on a run is waited for long.
const LONG_RUN: usize = 8;

/// Thresholds of a profile, in digits and time.
pub(super) struct Eagerness {
    /// An open run of this many digits is suspected.
    pub(super) open: usize,
    /// A closed run of this many digits is hidden, unasked.
    pub(super) closed: usize,
    /// A run of this many plain digits is hidden of which nothing at all was said.
    pub(super) unexplained: usize,
    /// How long after its last digit a run stays open.
    pub(super) patience: MediaTime,
}

impl Eagerness {
    /// Who has dictated so many digits that only a card, or a number nobody asked for, has as many is
    /// waited for as long as a run may pause: its first digits must not leave meanwhile.
    pub(super) fn patience_with(&self, run: &Run) -> MediaTime {
        if run.count() >= LONG_RUN && !telephone_shape(run, Profile::Balanced) {
            self.patience.max(run::LONGEST_PAUSE)
        } else {
            self.patience
        }
    }
}

pub(super) fn eagerness(profile: Profile) -> Eagerness {
    match profile {
        Profile::Strict => Eagerness {
            open: 4,
            closed: 5,
            unexplained: 4,
            patience: MediaTime::from_millis(4_500),
        },
        Profile::Balanced => Eagerness {
            open: 4,
            closed: 12,
            unexplained: 6,
            patience: MediaTime::from_millis(3_000),
        },
        Profile::Lenient => Eagerness {
            open: 7,
            closed: 15,
            unexplained: 15,
            patience: MediaTime::from_millis(2_500),
        },
    }
}
