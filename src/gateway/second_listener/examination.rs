//! One recording of the store: listened to, and if something sensitive is still heard, locked away, redacted again and
//! listened to once more.

use anyhow::Context;
use zeroize::Zeroizing;

use super::hearing::{self, Findings, Sound};
use super::known::Known;
use super::outcome::{SecondHearing, Verdict, entry, micros};
use super::remedy;
use crate::audio::SampleRate;
use crate::call::Leg;
use crate::egress::Report;
use crate::engine::Recogniser;
use crate::gateway::replay::Source;
use crate::policy::Policy;
use crate::store::audit::{Action, Record};
use crate::store::sealed::Content;
use crate::store::vault::{RecordName, StoredAudio, Vault, VaultError};

/// How often a recording is redacted again before somebody has to decide.
const ERASURES: u32 = 2;

/// What listens.
pub struct Listener<'a> {
    /// Turns windows into words.
    pub recogniser: &'a mut dyn Recogniser,
    /// SHA-256 of its model.
    pub model_sha256: &'a str,
    /// What is not to be heard.
    pub policy: &'a Policy,
    /// Asked before each window; see [`hearing::listen`].
    pub waits: &'a mut dyn FnMut() -> bool,
    /// Takes entries for the audit log.
    pub tell: &'a mut dyn FnMut(Record),
}

/// Listens to a recording and does what is to be done about it. `None`: it was told to stop.
pub fn examine(
    vault: &Vault,
    name: &RecordName,
    listener: &mut Listener<'_>,
) -> anyhow::Result<Option<SecondHearing>> {
    // What is locked away is listened to again: that is how it gets free.
    let vault = &vault.opening_quarantined();
    let mut outcome = SecondHearing::new(listener.policy.version(), listener.model_sha256);
    let mut known = Known::default();
    let mut has_report = false;
    loop {
        if let Some(report) = report(vault, name)? {
            known = Known::of(&report);
            has_report = true;
        }
        let mut audio = Reading::open(vault, name)?;
        let sound = audio.sound()?;
        let heard = hearing::listen(
            &mut audio,
            sound,
            &known,
            listener.policy,
            listener.recogniser,
            listener.waits,
        )?;
        let Some(findings) = heard else {
            return Ok(None);
        };
        add(&mut outcome, &findings);
        if findings.still.is_empty() {
            if outcome.rounds > 1 {
                outcome.verdict = Verdict::RedactedAgain;
            }
            break;
        }
        outcome.verdict = Verdict::Quarantined;
        if outcome.rounds == 1 {
            lock_away(vault, name, &outcome, listener)?;
        }
        if outcome.rounds > ERASURES {
            break;
        }
        let is_erased = remedy::erase(vault, name, &findings.still, &mut *listener.tell)
            .context("what is still heard could not be erased")?;
        if !is_erased {
            break;
        }
        if !has_report {
            for heard in &findings.still {
                known.hide(heard.leg, heard.span(), &heard.kind);
            }
        }
    }
    let text = Zeroizing::new(serde_json::to_vec(&outcome).context("the outcome is no JSON")?);
    vault.save_hearing(name, &text)?;
    (listener.tell)(outcome.record(name.as_str()));
    if outcome.verdict != Verdict::Quarantined {
        vault.end_quarantine(name)?;
    }
    Ok(Some(outcome))
}

/// Listens to a recording and changes nothing.
pub fn only_listen(
    vault: &Vault,
    name: &RecordName,
    policy: &Policy,
    recogniser: &mut dyn Recogniser,
    waits: &mut dyn FnMut() -> bool,
) -> anyhow::Result<Findings> {
    let vault = &vault.opening_quarantined();
    let known = report(vault, name)?.map_or_else(Known::default, |report| Known::of(&report));
    let mut audio = Reading::open(vault, name)?;
    let sound = audio.sound()?;
    hearing::listen(&mut audio, sound, &known, policy, recogniser, waits)?
        .context("it was told to stop")
}

/// What came of listening to a recording before; `None`: nobody did.
pub fn outcome_of(vault: &Vault, name: &RecordName) -> anyhow::Result<Option<SecondHearing>> {
    match vault.document(name, Content::Hearing) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text).with_context(|| {
            format!("{name}: what the second listener wrote is not readable")
        })?)),
        Err(VaultError::Missing { .. } | VaultError::Shredded { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn add(outcome: &mut SecondHearing, findings: &Findings) {
    outcome.rounds += 1;
    if outcome.rounds == 1 {
        outcome.speech_s = findings.speech_s;
        outcome.unintelligible_s = findings.unintelligible_s;
    }
    outcome.cpu_s += findings.cpu_s;
    outcome.still_heard.extend(findings.still.iter().cloned());
}

/// Before anything else: nobody shall hear it meanwhile.
fn lock_away(
    vault: &Vault,
    name: &RecordName,
    outcome: &SecondHearing,
    listener: &mut Listener<'_>,
) -> anyhow::Result<()> {
    let kinds = outcome.kinds().join(", ");
    vault.quarantine(name, &format!("the second listener heard {kinds}"))?;
    let seconds: f64 = outcome
        .still_heard
        .iter()
        .map(|heard| heard.end - heard.start)
        .sum();
    let surest = outcome
        .still_heard
        .iter()
        .map(|heard| heard.confidence)
        .fold(0.0, f64::max);
    tracing::error!(
        call = name.as_str(),
        kinds,
        stretches = outcome.still_heard.len(),
        seconds,
        "the second listener hears something sensitive in a recording: it is in quarantine and redacted again"
    );
    let about = |action| {
        entry(action, name.as_str())
            .with_name("kinds", &kinds)
            .with("stretches", outcome.still_heard.len())
            .with("still_heard_us", micros(seconds))
            .with("confidence_permille", (surest * 1_000.0).round() as u64)
    };
    (listener.tell)(about(Action::RecordingQuarantined));
    (listener.tell)(about(Action::AlertRaised).with_name("alert", "second_listener"));
    Ok(())
}

fn report(vault: &Vault, name: &RecordName) -> anyhow::Result<Option<Report>> {
    match vault.document(name, Content::Report) {
        Ok(text) => {
            Ok(Some(serde_json::from_slice(&text).with_context(|| {
                format!("{name}: the report is not readable")
            })?))
        }
        Err(VaultError::Missing { .. } | VaultError::Shredded { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A recording of the store, read from its beginning.
struct Reading {
    audio: StoredAudio,
    /// Bytes of the WAV file that were read.
    at: u64,
}

/// Bytes of a WAV header of 16-bit PCM.
const HEADER: u64 = 44;

impl Reading {
    fn open(vault: &Vault, name: &RecordName) -> anyhow::Result<Self> {
        Ok(Self {
            audio: vault.audio(name)?,
            at: HEADER,
        })
    }

    fn sound(&self) -> anyhow::Result<Sound> {
        Ok(Sound {
            legs: Leg::of_channels(usize::from(self.audio.channels()))
                .context("one or two channels are expected")?,
            rate: SampleRate::new(self.audio.rate())?,
        })
    }
}

impl Source for Reading {
    fn read(&mut self, most: usize) -> anyhow::Result<Vec<Vec<i16>>> {
        let channels = usize::from(self.audio.channels());
        let bytes = self.audio.read_at(self.at, most * channels * 2)?;
        self.at += bytes.len() as u64;
        let mut legs = vec![Vec::with_capacity(most); channels];
        for frame in bytes.chunks_exact(channels * 2) {
            for (leg, sample) in legs.iter_mut().zip(frame.chunks_exact(2)) {
                leg.push(i16::from_le_bytes([sample[0], sample[1]]));
            }
        }
        Ok(legs)
    }
}
