//! The section as it is written: every field optional, none unknown.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::egress::control::Method;

/// `[doors.NAME.control]`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct ControlSection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base_url: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authorities: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session_token: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instance: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) access_key: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recording: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) header: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pause_seconds: Option<Spanned<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resume_seconds: Option<Spanned<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quiet_seconds: Option<Spanned<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timeout_seconds: Option<Spanned<f64>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pause: Option<Spanned<HookSection>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resume: Option<Spanned<HookSection>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verify: Option<Spanned<HookSection>>,
}

/// `[doors.NAME.control.pause]`, `.resume` and `.verify`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HookSection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<Method>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) success: Option<Vec<u16>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) already: Vec<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pointer: Option<Spanned<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) equals: Option<Spanned<String>>,
}
