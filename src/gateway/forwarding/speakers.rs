//! What speaks each protocol to a recorder, made for every connection anew.
//!
//! Gives the speakers what they cannot have of themselves: chance.

use std::sync::Arc;

use uuid::Uuid;

use super::SpeakerMaker;
use crate::call::Leg;
use crate::egress::forward::audio_fork::{AudioForkSpeaker, Dialect, Layout};
use crate::egress::forward::audiohook::{AudioHookSpeaker, SessionIds};
use crate::egress::forward::audiosocket::{AudioSocketSpeaker, Codec};
use crate::egress::forward::chan_websocket::{ChanWebSocketSpeaker, Form};
use crate::egress::forward::twilio::{Style, TwilioSpeaker};
use crate::egress::forward::vonage::VonageSpeaker;

/// The organization of AudioHook sessions where neither the platform nor the configuration says one: always
/// the same.
pub const ORGANIZATION: Uuid = Uuid::from_u128(0x1f0c_5a3d_7be2_4d96_9c41_86e0_d2b5_f37a);

/// Twilio and its dialects; `outbound` is who is heard on the outbound track.
pub fn twilio(style: Style, outbound: Leg) -> SpeakerMaker {
    Arc::new(move |facts| Box::new(TwilioSpeaker::new(style, facts, outbound)))
}

/// Genesys AudioHook, in the name of an organization where the platform does not say one. The destination
/// gets its proof by [`super::Destination::with_api_key`].
pub fn audiohook(organization: Option<Uuid>) -> SpeakerMaker {
    Arc::new(move |facts| {
        let ids = SessionIds {
            organization: organization.unwrap_or(ORGANIZATION),
            session: Uuid::new_v4(),
            correlation: Uuid::new_v4(),
        };
        Box::new(AudioHookSpeaker::new(ids, facts))
    })
}

/// Asterisk's AudioSocket, for destinations over TCP alone; `leg` is who is heard, [`Leg::Mixed`] all.
pub fn audiosocket(codec: Codec, leg: Leg) -> SpeakerMaker {
    Arc::new(move |facts| Box::new(AudioSocketSpeaker::new(codec, leg, &facts)))
}

/// Asterisk's chan_websocket; `leg` is who is heard, [`Leg::Mixed`] all.
pub fn chan_websocket(form: Form, leg: Leg) -> SpeakerMaker {
    Arc::new(move |facts| Box::new(ChanWebSocketSpeaker::new(form, leg, facts)))
}

/// FreeSWITCH's mod_audio_fork and mod_audio_stream, and jambonz.
pub fn audio_fork(dialect: Dialect, layout: Layout) -> SpeakerMaker {
    Arc::new(move |facts| Box::new(AudioForkSpeaker::new(dialect, layout, facts)))
}

/// Vonage; `leg` is who is heard, [`Leg::Mixed`] all.
pub fn vonage(leg: Leg) -> SpeakerMaker {
    Arc::new(move |facts| Box::new(VonageSpeaker::new(leg, facts)))
}
