//! What a message carries: a session description, recording metadata, both, or neither.

use super::message::Headers;
use super::multipart;

/// Types of recording metadata: RFC 7865 and RFC 9806, and RFC 7866 before it was corrected.
const METADATA: &[&str] = &["application/rs-metadata+xml", "application/rs-metadata"];
/// Asks for a snapshot of the metadata (RFC 7866, 8.2).
const REQUEST: &str = "application/rs-metadata-request";
const SDP: &str = "application/sdp";

/// What bodies are taken, for Accept.
pub(super) const ACCEPT: &str =
    "application/sdp, application/rs-metadata+xml, application/rs-metadata, multipart/mixed";

/// The parts of a body that matter.
#[derive(Clone, Copy, Default)]
pub(super) struct Bodies<'a> {
    pub(super) description: Option<&'a [u8]>,
    pub(super) metadata: Option<&'a [u8]>,
    /// Whether a snapshot of the metadata is asked for.
    pub(super) wants_metadata: bool,
}

/// Why a body is refused.
#[derive(Clone, Copy)]
pub(super) enum BodyFault {
    /// 415.
    Unsupported,
    /// 400.
    Malformed,
}

impl BodyFault {
    pub(super) fn status(self) -> u16 {
        match self {
            BodyFault::Unsupported => 415,
            BodyFault::Malformed => 400,
        }
    }
}

/// Tells the parts apart.
pub(super) fn bodies<'a>(headers: &Headers, body: &'a [u8]) -> Result<Bodies<'a>, BodyFault> {
    let mut found = Bodies::default();
    if body.trim_ascii().is_empty() {
        return Ok(found);
    }
    let encoding = headers.get("Content-Encoding").unwrap_or("identity");
    if !encoding.eq_ignore_ascii_case("identity") {
        return Err(BodyFault::Unsupported);
    }
    let Some(kind) = headers.content_type().map_err(|_| BodyFault::Malformed)? else {
        if !body.trim_ascii_start().starts_with(b"v=0") {
            return Err(BodyFault::Unsupported);
        }
        found.description = Some(body);
        return Ok(found);
    };
    if !kind.is_multipart() {
        let disposition = headers.get("Content-Disposition").unwrap_or_default();
        if !put(&mut found, &kind.essence, disposition, body)
            && !disposition
                .to_ascii_lowercase()
                .contains("handling=optional")
        {
            return Err(BodyFault::Unsupported);
        }
        return Ok(found);
    }
    let parts = multipart::parts(&kind, body).map_err(|_| BodyFault::Malformed)?;
    for part in parts {
        let essence = part
            .content_type
            .map(|kind| kind.essence)
            .unwrap_or_default();
        let disposition = part.disposition.unwrap_or_default();
        // What else there is, is not for us.
        let _ = put(&mut found, &essence, &disposition, part.body);
    }
    Ok(found)
}

/// Puts a part into its place; whether there is one.
fn put<'a>(found: &mut Bodies<'a>, essence: &str, disposition: &str, body: &'a [u8]) -> bool {
    let recording = disposition
        .trim_start()
        .get(.."recording-session".len())
        .is_some_and(|start| start.eq_ignore_ascii_case("recording-session"));
    if essence == REQUEST {
        found.wants_metadata = true;
    } else if essence == SDP {
        found.description.get_or_insert(body);
    } else if METADATA.contains(&essence) || recording {
        found.metadata.get_or_insert(body);
    } else {
        return false;
    }
    true
}
