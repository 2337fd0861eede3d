//! How far a conversation was heard, and what of it was not.

use crate::audio::{MediaTime, Span};
use crate::call::Leg;

/// Up to where each leg was listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeardUntil {
    agent: MediaTime,
    customer: MediaTime,
    mixed: MediaTime,
}

impl HeardUntil {
    /// From the legs of a call; a leg that is not told is taken to be heard as far as the others.
    pub fn of(legs: impl IntoIterator<Item = (Leg, MediaTime)> + Clone) -> Self {
        let least = legs.clone().into_iter().map(|(_, time)| time).min();
        let mut heard = Self::from(least.unwrap_or_default());
        for (leg, time) in legs {
            match leg {
                Leg::Agent => heard.agent = time,
                Leg::Customer => heard.customer = time,
                Leg::Mixed => heard.mixed = time,
            }
        }
        heard
    }

    /// Up to where this leg was heard.
    pub fn on(&self, leg: Leg) -> MediaTime {
        match leg {
            Leg::Agent => self.agent,
            Leg::Customer => self.customer,
            Leg::Mixed => self.mixed,
        }
    }

    /// Up to where all legs were heard.
    pub fn everywhere(&self) -> MediaTime {
        self.agent.min(self.customer).min(self.mixed)
    }
}

impl From<MediaTime> for HeardUntil {
    /// All legs were heard as far as this.
    fn from(time: MediaTime) -> Self {
        Self {
            agent: time,
            customer: time,
            mixed: time,
        }
    }
}

/// What was listened to, whether or not there were words in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearing {
    /// Up to where each leg was listened to.
    pub until: HeardUntil,
    /// Speech that could not be examined, or was not yet when it was due, in any order: a question may have been in
    /// it.
    pub unheard: Vec<(Leg, Span)>,
    /// Up to where audio leaves before much more is heard, in a call that is under way.
    pub leaves_to: Option<MediaTime>,
}

impl<T: Into<HeardUntil>> From<T> for Hearing {
    /// Nothing was missed.
    fn from(until: T) -> Self {
        Self {
            until: until.into(),
            unheard: Vec::new(),
            leaves_to: None,
        }
    }
}
