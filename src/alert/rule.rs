//! What a rule asks for, of whom, and in which calls.

use std::sync::Arc;

use super::fact::Fact;
use super::phrase::Phrase;
use super::watch::Watch;
use crate::audio::MediaTime;
use crate::call::Leg;
use crate::call::particulars::Particulars;
use crate::detect::Kind;
use crate::telemetry::alerts::{AlertKind, Severity};

/// Whose words a rule listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// The agent's.
    Agent,
    /// The customer's.
    Customer,
    /// Anybody's.
    Anyone,
}

impl Speaker {
    /// All of them.
    pub const ALL: [Speaker; 3] = [Speaker::Agent, Speaker::Customer, Speaker::Anyone];

    /// Its name in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Speaker::Agent => "agent",
            Speaker::Customer => "customer",
            Speaker::Anyone => "anyone",
        }
    }

    /// Whether a leg may carry this speaker's words; one that carries both does.
    pub(super) fn is_on(self, leg: Leg) -> bool {
        match (self, leg) {
            (Speaker::Anyone, _) | (_, Leg::Mixed) => true,
            (Speaker::Agent, Leg::Agent) | (Speaker::Customer, Leg::Customer) => true,
            (Speaker::Agent | Speaker::Customer, _) => false,
        }
    }
}

/// What raises an alert.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// One of the phrases is said.
    Said {
        /// Forbidden, or of distress.
        kind: AlertKind,
        /// By whom.
        by: Speaker,
        /// Which.
        phrases: Vec<Phrase>,
    },
    /// None of the phrases is said by the agent in time.
    NotSaid {
        /// Which.
        phrases: Vec<Phrase>,
        /// So long after the call began.
        within: Option<MediaTime>,
        /// Before one of these kinds is asked for or said.
        before: Vec<Kind>,
    },
    /// The agent tells a fact wrongly.
    Facts(Vec<Fact>),
    /// One of these kinds is asked for.
    Asked(Vec<Kind>),
    /// Nobody speaks for so long.
    Silence(MediaTime),
    /// Both speak at the same time for so long.
    TalkOver(MediaTime),
    /// Something of one of these kinds was hidden; of any, if there are none.
    Hidden(Vec<Kind>),
    /// So much was filled as it was not examined in time.
    Late(MediaTime),
    /// So much was filled as it could not be examined.
    Failed(MediaTime),
    /// A recorder elsewhere does not do what it was told, or did not get audio.
    Recorder,
    /// Something was heard in the recording afterwards; raised by who listens to it.
    HeardAgain,
}

impl Test {
    /// The kind of its alerts.
    pub fn kind(&self) -> AlertKind {
        match self {
            Test::Said { kind, .. } => *kind,
            Test::NotSaid { .. } => AlertKind::MissingDisclosure,
            Test::Facts(_) => AlertKind::WrongFact,
            Test::Asked(_) => AlertKind::ForbiddenQuestion,
            Test::Silence(_) => AlertKind::LongSilence,
            Test::TalkOver(_) => AlertKind::TalkOver,
            Test::Hidden(_) => AlertKind::HiddenKind,
            Test::Late(_) => AlertKind::Late,
            Test::Failed(_) => AlertKind::Failed,
            Test::Recorder => AlertKind::Recorder,
            Test::HeardAgain => AlertKind::SecondListener,
        }
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Of no other rule.
    pub name: String,
    /// How urgent its alerts are.
    pub severity: Severity,
    /// What its alerts say: its author's words.
    pub message: String,
    /// The queues of calls it applies to; none means all.
    pub queues: Vec<String>,
    /// The sites; none means all.
    pub sites: Vec<String>,
    /// What happens within so long of the last alert is the same occurrence.
    pub again: MediaTime,
    /// What raises it.
    pub test: Test,
}

impl Rule {
    /// Whether it applies to calls of a place. A call of which the place is not known is of none.
    pub fn applies(&self, queue: Option<&str>, site: Option<&str>) -> bool {
        let is_in = |places: &[String], place: Option<&str>| {
            places.is_empty() || place.is_some_and(|place| places.iter().any(|one| one == place))
        };
        is_in(&self.queues, queue) && is_in(&self.sites, site)
    }
}

/// All rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules(Vec<Arc<Rule>>);

impl Rules {
    /// These.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules.into_iter().map(Arc::new).collect())
    }

    /// Each of them.
    pub fn all(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter().map(|rule| &**rule)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Watches a call by those that apply to it; `None` where none does. Its alerts' ids begin with `tag`, which no
    /// other call has.
    pub fn watch(&self, call: &Particulars, tag: &str) -> Option<Watch> {
        let queue = call.queue.as_ref().map(|queue| queue.as_str());
        let site = call.site.as_ref().map(|site| site.as_str());
        let rules: Vec<Arc<Rule>> = self
            .0
            .iter()
            .filter(|rule| rule.applies(queue, site))
            .cloned()
            .collect();
        (!rules.is_empty()).then(|| Watch::new(rules, tag))
    }
}
