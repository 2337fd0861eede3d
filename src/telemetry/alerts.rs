//! The words for alerts: what kinds there are, and how urgent one is.

use serde::{Deserialize, Serialize};

macro_rules! named {
    ($(#[doc = $about:literal])+ $type:ident { $($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+
        }

        impl $type {
            /// All of them, in order.
            pub const ALL: &[$type] = &[$($type::$name),+];

            /// Its name, in snake case.
            pub fn name(self) -> &'static str {
                match self { $($type::$name => $text),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|known| known.name() == text).ok_or_else(|| {
                    let names: Vec<&str> = Self::ALL.iter().map(|known| known.name()).collect();
                    format!("expected one of {}", names.join(", "))
                })
            }
        }
    };
}

named! {
    /// What an alert is about.
    AlertKind {
        /// Something was said that must not be.
        ForbiddenStatement = "forbidden_statement",
        /// Something was not said that must be.
        MissingDisclosure = "missing_disclosure",
        /// A fact was told wrongly.
        WrongFact = "wrong_fact",
        /// Something was asked for where policy forbids it.
        ForbiddenQuestion = "forbidden_question",
        /// Somebody is in distress.
        Distress = "distress",
        /// Nobody spoke for long.
        LongSilence = "long_silence",
        /// Both spoke at the same time for long.
        TalkOver = "talk_over",
        /// Something of a kind was hidden.
        HiddenKind = "hidden_kind",
        /// Audio was filled because it was not examined in time.
        Late = "late",
        /// Audio was filled because it could not be examined.
        Failed = "failed",
        /// A recorder elsewhere was not confirmed to pause or go on, or did not get audio.
        Recorder = "recorder",
        /// Something was heard in a recording afterwards.
        SecondListener = "second_listener",
    }
}

impl AlertKind {
    /// Whether an alert of this kind tells what kind of data was said.
    pub fn tells_kind(self) -> bool {
        self == Self::HiddenKind
    }
}

named! {
    /// How urgent an alert is, the least first.
    Severity {
        /// To be known.
        Info = "info",
        /// To be looked at.
        Warning = "warning",
        /// To be acted upon at once.
        Critical = "critical",
    }
}
