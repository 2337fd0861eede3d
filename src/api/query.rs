//! The query of an address, as a handler wants it: each name once, and none that is not known.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::{Code, Problem};

/// How many a page has: so many as are asked for, `usual` unless any are.
pub(super) fn limit(asked: Option<&str>, usual: u32, most: u32) -> Result<u32, Problem> {
    match asked.map(str::parse) {
        None => Ok(usual),
        Some(Ok(limit)) if (1..=most).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::new(
            Code::BadRequest,
            format!("limit: expected 1 to {most}"),
        )),
    }
}

/// The query of an address, whose values are texts.
pub(super) struct Query<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let bad = || {
            Problem::new(
                Code::BadRequest,
                "the query is not as /openapi.json describes it",
            )
        };
        let mut values = Map::new();
        let query = parts.uri.query().unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let before = values.insert(name.into_owned(), Value::String(value.into_owned()));
            if before.is_some() {
                return Err(bad());
            }
        }
        serde_json::from_value(Value::Object(values))
            .map(Self)
            .map_err(|_| bad())
    }
}
