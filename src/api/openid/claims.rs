//! From an ID token's claims to who somebody is here.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::OpenIdError;
use crate::access::{Identity, Kind, Scope, UserName};
use crate::call::particulars::Label;
use crate::config::access::OpenId;

/// Who somebody is by their claims. The first of the configured roles whose value they have is theirs.
pub(super) fn identity_of(
    settings: &OpenId,
    claims: &Map<String, Value>,
) -> Result<Identity, OpenIdError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let name = text(&settings.name_claim).ok_or(OpenIdError::Claims("have no name"))?;
    let name = UserName::new(name)
        .map_err(|_| OpenIdError::Claims("have a name that users here cannot have"))?;
    let groups = texts(claims.get(&settings.role_claim));
    let role = settings
        .roles
        .iter()
        .find(|of| groups.contains(&of.value))
        .ok_or(OpenIdError::Claims("come to no role"))?
        .role;
    // A claim that is asked for and absent is no place at all.
    let places = |claim: &Option<String>| {
        claim.as_ref().map(|claim| {
            texts(claims.get(claim))
                .into_iter()
                .filter(|place| is_label(place))
                .collect()
        })
    };
    let agent = settings.agent_claim.as_deref().and_then(text);
    Ok(Identity {
        // Never the name of a user who has a password here.
        name: format!("openid:{name}"),
        kind: Kind::User,
        role,
        scope: Scope {
            sites: places(&settings.sites_claim),
            queues: places(&settings.queues_claim),
            agent: agent.filter(|agent| is_label(agent)).map(str::to_owned),
        },
        only: None,
    })
}

fn is_label(text: &str) -> bool {
    Label::new(text).is_ok()
}

/// A claim's texts: one, or a list.
fn texts(claim: Option<&Value>) -> BTreeSet<String> {
    match claim {
        Some(Value::String(text)) => [text.clone()].into(),
        Some(Value::Array(values)) => values
            .iter()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect(),
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::access::Role;
    use crate::config::Config;

    fn settings() -> OpenId {
        let text = "[access.openid]\nissuer = \"https://id.example\"\nclient_id = \"hushgate\"\n\
            redirect_url = \"https://calls.example/api/v1/openid/callback\"\nsites_claim = \"sites\"\n\
            agent_claim = \"agent\"\n\
            [[access.openid.roles]]\nvalue = \"officers\"\nrole = \"compliance_officer\"\n\
            [[access.openid.roles]]\nvalue = \"leads\"\nrole = \"supervisor\"\n";
        Config::parse(text, "a.toml")
            .unwrap()
            .access
            .unwrap()
            .openid
            .unwrap()
    }

    fn check(claims: Value, expected: Result<(&str, Role, &[&str]), &str>) {
        let found = identity_of(&settings(), claims.as_object().unwrap());
        match (found, expected) {
            (Ok(found), Ok((name, role, sites))) => {
                let found_sites: Vec<String> = found.scope.sites.unwrap().into_iter().collect();
                assert_eq!(
                    (&*found.name, found.role, &*found_sites),
                    (
                        name,
                        role,
                        &*sites
                            .iter()
                            .map(|site| (*site).to_owned())
                            .collect::<Vec<_>>()
                    )
                );
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (found, expected) => panic!("{found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn claims_come_to_a_role_and_places() {
        let leads =
            json!({"preferred_username": "Kim", "groups": ["x", "leads"], "sites": ["Seoul"]});
        check(leads, Ok(("openid:kim", Role::Supervisor, &["Seoul"])));
        let both =
            json!({"preferred_username": "kim", "groups": ["leads", "officers"], "sites": "Seoul"});
        check(
            both,
            Ok(("openid:kim", Role::ComplianceOfficer, &["Seoul"])),
        );
        let nowhere = json!({"preferred_username": "kim", "groups": "leads"});
        check(nowhere, Ok(("openid:kim", Role::Supervisor, &[])));
        check(
            json!({"preferred_username": "kim", "groups": ["x"]}),
            Err("come to no role"),
        );
        check(json!({"preferred_username": "kim"}), Err("come to no role"));
        check(
            json!({"preferred_username": "kim", "groups": {"leads": true}}),
            Err("come to no role"),
        );
        check(json!({"groups": "leads"}), Err("have no name"));
        check(
            json!({"preferred_username": "kim\nlee", "groups": "leads"}),
            Err("cannot have"),
        );
    }
}
