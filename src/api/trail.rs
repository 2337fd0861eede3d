//! The audit log, as those read it who answer for it.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::{Code, Problem, ProblemDocument};
use super::query::{Query, limit};
use super::{Api, Shared};
use crate::store::audit::{
    Action, AuditError, Entry, EntryFilter, KeyFiles, LogSettings, Verdict, Verification,
    entries_of, verify_folder,
};

/// Entries of a page, unless told otherwise.
const PAGE: u32 = 100;
/// The most that may be asked for.
const LONGEST_PAGE: u32 = 1_000;

/// Which entries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Entries before this one: `next` of the page before.
    #[param(value_type = Option<u64>)]
    before: Option<String>,
    /// Entries of the page: 100 unless told otherwise, 1,000 at most.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    /// Of this action alone, such as `access_denied`.
    action: Option<String>,
    /// About this call alone.
    call: Option<String>,
}

/// A page of the log.
#[derive(Serialize, ToSchema)]
pub(super) struct Page {
    /// The newest first.
    #[schema(value_type = Vec<Object>)]
    entries: Vec<Entry>,
    /// What `before` of the next page is; absent when this is the last.
    next: Option<u64>,
}

/// Lists entries of the audit log, the newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(Wanted), responses(
    (status = 200, description = "entries", body = Page),
    (status = 400, description = "not understood", body = ProblemDocument),
))]
pub(super) async fn entries(
    State(api): State<Api>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page>, Problem> {
    let bad = |detail: &str| Problem::new(Code::BadRequest, detail);
    let before = match wanted.before.as_deref().map(str::parse::<u64>) {
        None => u64::MAX,
        Some(Ok(before)) => before,
        Some(Err(_)) => return Err(bad("before: expected the number of an entry")),
    };
    let limit = limit(wanted.limit.as_deref(), PAGE, LONGEST_PAGE)? as usize;
    let action = match wanted.action {
        None => None,
        Some(name) => Some(
            serde_json::from_value::<Action>(name.into())
                .map_err(|_| bad("action: expected one of docs/audit.md"))?,
        ),
    };
    let filter = EntryFilter {
        call: wanted.call,
        action,
        ..EntryFilter::default()
    };
    let files = api.log()?.files();
    let read = api.long.run(move || {
        // One more says whether there is another page.
        let mut last = std::collections::VecDeque::with_capacity(limit + 2);
        let read = entries_of(&files, &filter, |line| {
            if line.entry.sequence >= before {
                return false;
            }
            last.push_back(line.entry);
            if last.len() > limit + 1 {
                last.pop_front();
            }
            true
        });
        match read {
            // Nothing happened yet.
            Ok(()) | Err(AuditError::NoLog { .. }) => Ok(last),
            Err(error) => Err(error),
        }
    });
    let mut last = read
        .await?
        .map_err(|error| Problem::internal("reading the audit log", &error))?;
    let next = if last.len() > limit {
        last.pop_front();
        last.front().map(|entry| entry.sequence)
    } else {
        None
    };
    Ok(Json(Page {
        entries: last.into_iter().rev().collect(),
        next,
    }))
}

/// Verifies the audit log from its first entry to its last.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "audit", responses(
    (status = 200, description = "`bad` names the first entry that is not as it was written", body = Object),
))]
pub(super) async fn verify(State(api): State<Api>) -> Result<Json<Verdict>, Problem> {
    let settings = api.log()?.clone();
    let verified = api.long.run(move || {
        let keys = KeyFiles::new(&settings.keys);
        let with = Verification {
            hmac: Some(keys.load_hmac()?),
            public: vec![keys.load_signing()?.public()],
            is_live: true,
            ..Verification::default()
        };
        verify_folder(&settings.files(), with, |_, _| {})
    });
    let verdict = verified.await?;
    let verdict = verdict.map_err(|error| Problem::internal("reading the audit log", &error))?;
    Ok(Json(verdict))
}

impl Shared {
    fn log(&self) -> Result<&LogSettings, Problem> {
        let log = self.services.log.as_ref();
        log.ok_or_else(|| Problem::new(Code::NoSuchPart, "no audit log is kept"))
    }
}
