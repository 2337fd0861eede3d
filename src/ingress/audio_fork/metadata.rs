//! What FreeSWITCH's text messages say, read leniently: most of them come from whoever wrote the dialplan.

use serde::Deserialize;

use super::{Dialect, Mix, Settings};
use crate::audio::SampleRate;
use crate::call::CallId;
use crate::ingress::json::Scalar;
use crate::ingress::{ProtocolError, close};

/// A text message.
pub(super) enum Note<'a> {
    /// A key was pressed.
    KeyPressed,
    /// A JSON object that is nothing else.
    Metadata(Box<Metadata<'a>>),
    /// Anything else.
    Opaque,
}

/// A JSON object's members, as far as they matter.
#[derive(Deserialize)]
pub(super) struct Metadata<'a> {
    #[serde(borrow, default)]
    event: Option<Scalar<'a>>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<Scalar<'a>>,
    #[serde(borrow, default, rename = "sampleRate")]
    sample_rate: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    rate: Option<Scalar<'a>>,
    #[serde(borrow, default, rename = "mixType")]
    mix_type: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    channels: Option<Scalar<'a>>,
    #[serde(borrow, default, rename = "callSid")]
    call_sid: Option<Scalar<'a>>,
    #[serde(borrow, default, rename = "call_sid")]
    call_sid_in_snake_case: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    uuid: Option<Scalar<'a>>,
    #[serde(borrow, default, rename = "callId")]
    call_id: Option<Scalar<'a>>,
}

impl<'a> Note<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        // serde reads an array as a struct, too.
        if !text.trim_start().starts_with('{') {
            return Note::Opaque;
        }
        let Ok(metadata) = serde_json::from_str::<Metadata<'a>>(text) else {
            return Note::Opaque;
        };
        match &metadata.event {
            Some(event) if event.text() == Some("dtmf") => Note::KeyPressed,
            _ if metadata.is_answer() => Note::Opaque,
            _ => Note::Metadata(Box::new(metadata)),
        }
    }
}

impl Metadata<'_> {
    /// Whether it answers what a server sent.
    fn is_answer(&self) -> bool {
        let kind = self.kind.as_ref().and_then(Scalar::text);
        matches!(kind, Some("mark" | "playDone"))
    }

    /// The rate that is said, if one is.
    pub(super) fn rate(&self, settings: &Settings) -> Result<Option<SampleRate>, ProtocolError> {
        let said = match settings.dialect {
            Dialect::AudioStream => self.sample_rate.as_ref().or(self.rate.as_ref()),
            Dialect::AudioFork | Dialect::Jambonz => self.sample_rate.as_ref(),
        };
        let Some(said) = said else {
            return Ok(None);
        };
        let rate = said
            .whole()
            .and_then(|hertz| SampleRate::new(u32::try_from(hertz).ok()?).ok());
        rate.map(Some).ok_or(ProtocolError::closed(
            close::UNSUPPORTED,
            "the sampleRate in metadata is not one of 8000, 16000, 24000, 32000 or 48000",
        ))
    }

    /// The mix that is said, if one is.
    pub(super) fn mix(&self, settings: &Settings) -> Result<Option<Mix>, ProtocolError> {
        if let Some(said) = &self.mix_type {
            return match said.text() {
                Some("mono") => Ok(Some(Mix::Mono)),
                Some("mixed") => Ok(Some(Mix::Mixed)),
                Some("stereo") => Ok(Some(Mix::Stereo)),
                _ => Err(ProtocolError::closed(
                    close::UNSUPPORTED,
                    "the mixType in metadata is not one of mono, mixed or stereo",
                )),
            };
        }
        let Some(said) = &self.channels else {
            return Ok(None);
        };
        match (settings.dialect, said.whole()) {
            (Dialect::AudioFork | Dialect::Jambonz, _) => Ok(None),
            (Dialect::AudioStream, Some(1)) => Ok(Some(match settings.mix {
                // Of whom is not said: of anyone.
                Mix::Stereo | Mix::Mixed => Mix::Mixed,
                Mix::Mono => Mix::Mono,
            })),
            (Dialect::AudioStream, Some(2)) => Ok(Some(Mix::Stereo)),
            (Dialect::AudioStream, _) => Err(ProtocolError::closed(
                close::UNSUPPORTED,
                "the channels in metadata are not 1 or 2",
            )),
        }
    }

    /// The call's id, if there is a valid one.
    pub(super) fn call(&self) -> Option<CallId> {
        [
            &self.call_sid,
            &self.call_sid_in_snake_case,
            &self.uuid,
            &self.call_id,
        ]
        .into_iter()
        .find_map(|said| CallId::new(said.as_ref()?.text()?).ok())
    }
}
