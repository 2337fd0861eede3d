//! Certificates of erasure: what was erased, at whose request and by whose word, signed; without its value.
//!
//! Signed with the audit log's Ed25519 key (RFC 8032), so that whoever has its public key can check them anywhere.
//! What is signed is the line `hushgate erasure certificate 1`, a line feed, and `certificate` as JSON without
//! spaces, members in the order in which they stand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{Done, Request, Target, Word};
use crate::store::audit::{PublicKey, SigningKey};
use crate::store::documents::Id;

/// The first line of what is signed: no other thing that is signed begins so.
const TITLE: &str = "hushgate erasure certificate 1";

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The version of the program that made it.
    pub hushgate_version: String,
    /// When it was made: the request had been carried out by then.
    pub made: String,
    /// The request.
    pub request: Id,
    /// What was to be erased.
    pub target: Target,
    /// Who asked for it.
    pub asked: Word,
    /// Who agreed.
    pub approvals: Vec<Word>,
    /// What was done to each call.
    pub done: Vec<Done>,
}

/// A signed statement of what was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// What it says.
    pub certificate: Contents,
    /// The id of the key that signed.
    pub key: String,
    /// Ed25519 over [`Contents::text`], in base 64.
    pub signature: String,
}

impl Contents {
    /// What is signed.
    pub fn text(&self) -> String {
        // Texts and numbers by name: this cannot fail.
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("{TITLE}\n{json}")
    }
}

impl Certificate {
    /// Certifies a request that was carried out.
    pub fn sign(request: &Request, made: jiff::Timestamp, key: &SigningKey) -> Self {
        let certificate = Contents {
            hushgate_version: env!("CARGO_PKG_VERSION").into(),
            made: made.to_string(),
            request: request.id.clone(),
            target: request.target.clone(),
            asked: request.asked.clone(),
            approvals: request.approvals.clone(),
            done: request.done.clone(),
        };
        Self {
            signature: STANDARD.encode(key.sign(certificate.text().as_bytes())),
            key: key.public().id(),
            certificate,
        }
    }

    /// As files have it: indented JSON with a line end.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads what [`Certificate::to_json`] wrote.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| {
            format!(
                "is no certificate of erasure (line {}, column {})",
                error.line(),
                error.column()
            )
        })
    }

    /// Whether the key signed it; `Err` says what is wrong.
    pub fn check(&self, key: &PublicKey) -> Result<(), String> {
        if self.key != key.id() {
            return Err(format!(
                "is signed with another key ({}); this one is {}",
                self.key,
                key.id()
            ));
        }
        let signature = STANDARD.decode(&self.signature).unwrap_or_default();
        if !key.verifies(self.certificate.text().as_bytes(), &signature) {
            return Err("was altered: its signature is not of its text".into());
        }
        Ok(())
    }
}
