//! Webhooks: how each fares, and what could not be delivered.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::audit::actor;
use super::problem::{Code, Problem, ProblemDocument};
use crate::access::Identity;
use crate::config::webhooks::{Topic, Webhook};
use crate::store::audit::{Action, Record};
use crate::store::database::DatabaseError;
use crate::store::deliveries::{Deliveries, Delivery, Fares};

/// What could not be delivered that is listed at once.
const MOST: u32 = 500;

/// An endpoint, without its secrets, and how it fares.
#[derive(Debug, Serialize)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) events: Vec<&'static str>,
    /// `active` or `disabled`.
    pub(crate) state: &'static str,
    #[serde(flatten)]
    pub(crate) fares: Fares,
}

/// Every endpoint, and how it fares.
pub(crate) async fn endpoints(
    webhooks: &[Webhook],
    deliveries: &Deliveries,
) -> Result<Vec<Endpoint>, DatabaseError> {
    let mut endpoints = Vec::new();
    for webhook in webhooks {
        let fares = deliveries.fares(&webhook.name).await?;
        endpoints.push(Endpoint {
            name: webhook.name.clone(),
            url: webhook.place(),
            events: webhook
                .topics
                .iter()
                .map(|topic| Topic::name(*topic))
                .collect(),
            state: match fares.disabled {
                None => "active",
                Some(_) => "disabled",
            },
            fares,
        });
    }
    Ok(endpoints)
}

/// Endpoints.
#[derive(Serialize, ToSchema)]
pub(super) struct Endpoints {
    /// In the configuration's order, without their secrets.
    #[schema(value_type = Vec<Object>)]
    webhooks: Vec<Endpoint>,
}

/// Lists webhooks: what waits for each, what came of the last try.
#[utoipa::path(get, path = "/api/v1/webhooks", operation_id = "webhooks", tag = "webhooks", responses(
    (status = 200, description = "webhooks", body = Endpoints),
))]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Endpoints>, Problem> {
    let webhooks = endpoints(&api.services.webhooks, &api.deliveries()).await?;
    Ok(Json(Endpoints { webhooks }))
}

/// What could not be delivered.
#[derive(Serialize, ToSchema)]
pub(super) struct Dead {
    /// The latest first.
    #[schema(value_type = Vec<Object>)]
    dead: Vec<Delivery>,
}

/// Lists what could not be delivered: 500 at most.
#[utoipa::path(get, path = "/api/v1/webhooks/dead", operation_id = "dead_deliveries", tag = "webhooks", responses(
    (status = 200, description = "what could not be delivered", body = Dead),
))]
pub(super) async fn dead(State(api): State<Api>) -> Result<Json<Dead>, Problem> {
    let dead = api.deliveries().dead(MOST).await?;
    Ok(Json(Dead { dead }))
}

/// Has something tried again; a webhook that is disabled is told of things again.
#[utoipa::path(post, path = "/api/v1/webhooks/dead/{id}/retry", operation_id = "retry_delivery", tag = "webhooks",
    params(("id" = String, Path, description = "the delivery's id")), responses(
    (status = 200, description = "it waits again", body = Object),
    (status = 404, description = "there is no such delivery", body = ProblemDocument),
))]
pub(super) async fn retry(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
) -> Result<Json<Delivery>, Problem> {
    let retried = api.deliveries().retry(&id, Timestamp::now()).await?;
    let delivery = retried.ok_or_else(|| {
        Problem::new(
            Code::UnknownDelivery,
            "nothing of this id could not be delivered",
        )
    })?;
    api.tell(was_retried(&delivery).by(actor(&identity)))
        .await?;
    Ok(Json(delivery))
}

/// The entry about something that is tried again.
pub(crate) fn was_retried(delivery: &Delivery) -> Record {
    Record::new(Action::WebhookRetried)
        .with_name("endpoint", &delivery.endpoint)
        .with_name("event", &delivery.event)
}
