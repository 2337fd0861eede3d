//! Detection policies: looked at, checked, tried on past calls, put to use.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::audit::actor;
use super::calls::blocking;
use super::problem::{Code, Problem, ProblemDocument};
use super::signing_in::Body;
use super::{Api, Shared};
use crate::access::{Identity, Permission};
use crate::egress::Report;
use crate::egress::report::Utterance;
use crate::gateway::policies::{Policies, Trial, try_on};
use crate::policy::Policy;
use crate::store::audit::{Action, Record};
use crate::store::sealed::Content;
use crate::store::vault::{RecordName, Vault};

/// The policy that new calls begin with.
#[derive(Serialize, ToSchema)]
pub(super) struct Current {
    /// Its version, which reports name.
    version: String,
    /// `strict`, `balanced` or `lenient`.
    #[schema(value_type = String)]
    profile: crate::policy::Profile,
    /// Its text (TOML); null for what is built in.
    toml: Option<String>,
}

/// Shows the policy that new calls begin with.
#[utoipa::path(get, path = "/api/v1/policies/current", tag = "policies", responses(
    (status = 200, description = "the policy", body = Current),
))]
pub(super) async fn current(State(api): State<Api>) -> Result<Json<Current>, Problem> {
    let policies = api.policies()?;
    let policy = policies.current();
    let toml = blocking(move || policies.text()).await?;
    let toml = toml.map_err(|error| Problem::internal("reading the policy", &error))?;
    Ok(Json(Current {
        version: policy.version().to_owned(),
        profile: policy.profile,
        toml,
    }))
}

/// A policy's text.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    /// TOML, as docs/policy.md describes it.
    toml: String,
}

/// Checks a policy.
#[utoipa::path(post, path = "/api/v1/policies/validate", tag = "policies", request_body = Text, responses(
    (status = 200, description = "`good`, and `version` or `problem` with line and field", body = Object),
))]
pub(super) async fn validate(
    State(api): State<Api>,
    Body(text): Body<Text>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(match api.policies()?.check(&text.toml) {
        Ok(policy) => json!({ "good": true, "version": policy.version() }),
        Err(problem) => json!({ "good": false, "problem": format!("{problem:#}") }),
    }))
}

/// A policy to be tried on a past call.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Try {
    /// TOML, as docs/policy.md describes it.
    toml: String,
    /// The recording.
    call: String,
}

/// Tries a policy on a past call's masked transcript: what would be hidden, and what would not be any more.
#[utoipa::path(post, path = "/api/v1/policies/try", tag = "policies", request_body = Try, responses(
    (status = 200, description = "what would be otherwise", body = Object),
    (status = 400, description = "the policy is not one", body = ProblemDocument),
    (status = 404, description = "there is no such call", body = ProblemDocument),
))]
pub(super) async fn try_policy(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Body(asked): Body<Try>,
) -> Result<Json<Trial>, Problem> {
    let policy = api.checked(&asked.toml)?;
    let path = axum::extract::Path(asked.call);
    let call = api
        .call(path, &identity, Permission::TestPolicies)
        .await?
        .name;
    api.tell_of_call(
        &identity,
        Action::TranscriptRead,
        call.as_str(),
        "policy trial",
    )
    .await?;
    let vault = api.services.vault.clone();
    let tried = api.long.run(move || {
        let report: Report = read(&vault, &call, Content::Report)?;
        let words: Vec<Utterance> = read(&vault, &call, Content::Transcript)?;
        Ok::<_, Problem>(try_on(&policy, &report, &words))
    });
    Ok(Json(tried.await??))
}

/// A policy to be put to use.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Activate {
    /// TOML, as docs/policy.md describes it.
    toml: String,
    /// The version that is in use, as far as it is known: if it is another, nothing is changed.
    before: String,
}

/// Puts a policy to use for calls that begin from now on.
#[utoipa::path(post, path = "/api/v1/policies/activate", tag = "policies", request_body = Activate, responses(
    (status = 200, description = "its version", body = Object),
    (status = 400, description = "the policy is not one", body = ProblemDocument),
    (status = 409, description = "another is in use, or there is no file for it", body = ProblemDocument),
))]
pub(super) async fn activate(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Body(asked): Body<Activate>,
) -> Result<Json<Value>, Problem> {
    api.checked(&asked.toml)?;
    let policies = api.policies()?;
    let log = api
        .services
        .audit
        .as_ref()
        .map(|auditor| auditor.log().clone());
    let by = actor(&identity);
    let done = blocking(move || {
        policies.activate(&asked.toml, &asked.before, |policy| {
            let record = Record::new(Action::PolicyChanged)
                .by(by)
                .with_name("version", policy.version())
                .with_name("before", &asked.before);
            match &log {
                Some(log) => log.record_durably(record).wait().map(drop)?,
                None => drop(record),
            }
            Ok(())
        })
    });
    let policy = done.await?;
    let policy = policy.map_err(|error| Problem::new(Code::Conflict, format!("{error:#}")))?;
    Ok(Json(json!({ "version": policy.version() })))
}

fn read<T: DeserializeOwned>(
    vault: &Vault,
    call: &RecordName,
    content: Content,
) -> Result<T, Problem> {
    let text = vault.document(call, content)?;
    serde_json::from_slice(&text).map_err(|error| Problem::internal("reading the call", &error))
}

impl Shared {
    fn policies(&self) -> Result<Arc<Policies>, Problem> {
        let policies = self.services.policies.clone();
        policies.ok_or_else(|| Problem::new(Code::Unavailable, "nobody takes calls here"))
    }

    fn checked(&self, toml: &str) -> Result<Policy, Problem> {
        let checked = self.policies()?.check(toml);
        checked.map_err(|problem| Problem::new(Code::BadRequest, format!("toml: {problem:#}")))
    }
}
