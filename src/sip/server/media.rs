//! What is agreed on in one session: lines, slots, ports, and the text that says so.

use super::DecisionError;
use crate::call::Sensitive;
use crate::sip::description::{
    Codec, Crypto, Description, Direction, LocalMedia, OfferedLine, Origin, RemoteStream, Taking,
    answer, negotiate, offer,
};

/// The payload type of events in offers of ours.
const EVENTS: u8 = 101;

/// An offer and what would be taken of it.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// `None`: the offer is left to us.
    pub(super) offer: Option<Description>,
    /// For each line, with slots.
    pub(super) taking: Vec<Taking>,
    /// The streams that have no port yet.
    pub(super) wanted: Vec<RemoteStream>,
}

/// What is agreed on.
#[derive(Debug)]
pub(super) struct Media {
    /// In the order they were given.
    pub(super) locals: Vec<LocalMedia>,
    /// Each line's slot, if it ever had one.
    slots: Vec<Option<usize>>,
    taking: Vec<Taking>,
    /// The offer that was answered last.
    answered: Option<Description>,
    origin: Origin,
    /// Our description as it was sent last.
    text: Sensitive<String>,
}

impl Media {
    pub(super) fn new(id: u64) -> Self {
        Self {
            locals: Vec::new(),
            slots: Vec::new(),
            taking: Vec::new(),
            answered: None,
            origin: Origin { id, version: 1 },
            text: Sensitive::new(String::new()),
        }
    }

    /// Whether an offer is the one that was answered last. Its version alone does not tell: not all senders count
    /// their changes.
    pub(super) fn is_answered(&self, offer: &Description) -> bool {
        self.answered.as_ref() == Some(offer)
    }

    /// Our description as it was sent last.
    pub(super) fn text(&self) -> &str {
        self.text.expose()
    }

    /// What would be taken of an offer; `None` if it has audio and nothing of it can be recorded.
    pub(super) fn plan(&self, offer: Description, codecs: &[Codec], safe: bool) -> Option<Plan> {
        let mut taking = negotiate(&offer, codecs, safe);
        let mut wanted = Vec::new();
        let mut next = self.locals.len();
        for (line, taking) in taking.iter_mut().enumerate() {
            let Taking::Taken(stream) = taking else {
                continue;
            };
            match self.slots.get(line).copied().flatten() {
                Some(slot) => {
                    let key = self.locals.get(slot).and_then(|local| local.key.as_ref());
                    stream.slot = slot;
                    if stream.crypto.is_some() && !key.is_some_and(Crypto::is_key) {
                        // The port was given for plain RTP.
                        *taking = Taking::Refused;
                    }
                }
                None => {
                    stream.slot = next;
                    next += 1;
                    wanted.push((**stream).clone());
                }
            }
        }
        let live = offer.streams.iter().any(|stream| stream.port != 0);
        let taken = taking.iter().any(|taking| *taking != Taking::Refused);
        (taken || !live).then_some(Plan {
            offer: Some(offer),
            taking,
            wanted,
        })
    }

    /// Whether these ports can be given for a plan.
    pub(super) fn check(&self, plan: &Plan, given: &[LocalMedia]) -> Result<(), DecisionError> {
        if given.len() > plan.wanted.len() {
            return Err(DecisionError::TooMany);
        }
        for (stream, local) in plan.wanted.iter().zip(given) {
            let fits = local.key.as_ref().is_some_and(Crypto::is_key);
            if stream.crypto.is_some() && !fits {
                return Err(DecisionError::Key(stream.slot));
            }
        }
        Ok(())
    }

    /// Agrees on a plan with the ports that were given for it. Streams without one are refused.
    pub(super) fn settle(&mut self, plan: Plan, given: &[LocalMedia]) {
        let Some(offer) = plan.offer else {
            return;
        };
        self.locals.extend_from_slice(given);
        self.taking = plan.taking;
        self.slots
            .resize(self.taking.len().max(self.slots.len()), None);
        for (taking, slot) in self.taking.iter_mut().zip(&mut self.slots) {
            if let Taking::Taken(stream) = taking {
                if stream.slot < self.locals.len() {
                    *slot = Some(stream.slot);
                } else {
                    *taking = Taking::Refused;
                }
            }
        }
        self.say(|media| answer(&offer, &media.taking, &media.locals, media.origin));
        self.answered = Some(offer);
    }

    /// Sets the text; its version is greater if it differs (RFC 3264, 8).
    fn say(&mut self, text: impl Fn(&Self) -> String) {
        let same = Sensitive::new(text(self));
        if same != self.text {
            if !self.text.expose().is_empty() {
                self.origin.version += 1;
            }
            self.text = Sensitive::new(text(self));
        }
    }

    /// The streams that are recorded.
    pub(super) fn streams(&self) -> Vec<RemoteStream> {
        self.taking
            .iter()
            .filter_map(|taking| match taking {
                Taking::Taken(stream) => Some((**stream).clone()),
                Taking::Refused => None,
            })
            .collect()
    }

    /// Offers to record one stream on each port.
    pub(super) fn offer_all(&mut self, given: &[LocalMedia], codecs: &[Codec]) {
        self.locals = given.to_vec();
        self.slots = (0..given.len()).map(Some).collect();
        let lines: Vec<OfferedLine> = given
            .iter()
            .zip(1..)
            .map(|(local, number): (_, usize)| OfferedLine {
                label: number.to_string(),
                direction: Direction::ReceiveOnly,
                local: local.clone(),
                codecs: codecs
                    .iter()
                    .map(|codec| (codec.usual_payload_type(), *codec))
                    .collect(),
                telephone_event: Some(EVENTS),
                packet_time: None,
                crypto: None,
            })
            .collect();
        self.say(|media| offer(&lines, media.origin));
    }

    /// Offers what is agreed on.
    pub(super) fn offer_again(&mut self) {
        let lines: Vec<OfferedLine> = self.taking.iter().map(|t| self.line(t)).collect();
        self.say(|media| offer(&lines, media.origin));
    }

    fn line(&self, taking: &Taking) -> OfferedLine {
        let stream = match taking {
            Taking::Taken(stream) => self.locals.get(stream.slot).map(|local| (stream, local)),
            Taking::Refused => None,
        };
        let Some((stream, local)) = stream else {
            let nowhere = self
                .locals
                .first()
                .map_or(([0, 0, 0, 0], 0).into(), |l| l.address);
            return OfferedLine {
                label: String::new(),
                direction: Direction::Inactive,
                local: LocalMedia {
                    address: (nowhere.ip(), 0).into(),
                    rtcp_mux: false,
                    key: None,
                },
                codecs: vec![(0, Codec::Pcmu)],
                telephone_event: None,
                packet_time: None,
                crypto: None,
            };
        };
        OfferedLine {
            label: stream.label.clone().unwrap_or_default(),
            direction: Direction::ReceiveOnly,
            local: LocalMedia {
                rtcp_mux: local.rtcp_mux && stream.rtcp_mux,
                ..local.clone()
            },
            codecs: vec![(stream.payload_type, stream.codec)],
            telephone_event: stream.telephone_event,
            packet_time: None,
            crypto: stream.crypto.as_ref().map(|theirs| Crypto {
                tag: theirs.tag,
                suite: theirs.suite,
                key: local.key.clone().unwrap_or(Sensitive::new(Vec::new())),
            }),
        }
    }

    /// Takes the answer to an offer of ours; whether anything can be recorded.
    pub(super) fn take_answer(
        &mut self,
        answer: Description,
        codecs: &[Codec],
        safe: bool,
    ) -> bool {
        let mut taking = negotiate(&answer, codecs, safe);
        taking.truncate(self.slots.len());
        taking.resize(self.slots.len(), Taking::Refused);
        for (taking, slot) in taking.iter_mut().zip(&self.slots) {
            let stays = match (&mut *taking, slot) {
                (Taking::Taken(stream), Some(slot)) => {
                    stream.slot = *slot;
                    true
                }
                _ => false,
            };
            if !stays {
                *taking = Taking::Refused;
            }
        }
        let any = taking.iter().any(|taking| *taking != Taking::Refused);
        if any {
            self.taking = taking;
        }
        any
    }
}
