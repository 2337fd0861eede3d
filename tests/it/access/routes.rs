//! Every route of the description, for every role: as the table says, by token and by session.

use std::time::Duration;

use hushgate::access::{Concern, Identity, Kind, Permission, Role, Scope, Subject, permits};
use hushgate::api::{Need, description, routes};
use hushgate::store::audit::Action;
use serde_json::Value;

use super::*;

/// What a description says of a route.
struct Described {
    method: String,
    path: String,
    need: String,
}

/// Asks again where an address asked for more at once than it may.
async fn asked(office: &Office, route: &Described, proof: &str, body: &str) -> Answer {
    loop {
        let answer = office
            .ask(&route.method, &filled(&route.path), proof, body)
            .await;
        if answer.status != 429 {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn described() -> Vec<Described> {
    let description = serde_json::to_value(description::openapi()).unwrap();
    let mut found = Vec::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let need = operation[description::NEED].as_str();
            found.push(Described {
                method: method.to_uppercase(),
                path: path.clone(),
                need: need
                    .unwrap_or_else(|| panic!("{method} {path} says no need"))
                    .to_owned(),
            });
        }
    }
    found
}

/// With something in place of what varies; a call that is there, accounts that are not. Streams end at once.
fn filled(path: &str) -> String {
    path.replace("/live/events", "/live/events?wait=0")
        .replace("{call}", "CA1")
        .replace("{part}", "report")
        .replace("{name}", "ghost")
        .replace("{id}", "none")
}

#[test]
fn every_route_is_described() {
    let described: Vec<(String, String, String)> = described()
        .into_iter()
        .map(|route| (route.path, route.method, route.need))
        .collect();
    let mut routed: Vec<(String, String, String)> = routes()
        .into_iter()
        .map(|route| {
            let need = description::need_name(route.need).to_owned();
            (route.path.to_owned(), route.method.to_string(), need)
        })
        .collect();
    let mut described = described;
    described.sort();
    routed.sort();
    assert_eq!(described, routed);
    // What takes nothing is a short list.
    let open: Vec<&str> = routes()
        .iter()
        .filter(|route| route.need == Need::Nothing)
        .map(|route| route.path)
        .collect();
    assert_eq!(
        open,
        [
            "/",
            "/agent",
            "/assets/{version}/{file}",
            "/healthz",
            "/readyz",
            "/openapi.json",
            "/api/v1/sign-in",
            "/api/v1/openid/start",
            "/api/v1/openid/callback"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_every_route_is_as_the_table_says_for_every_role() {
    let office = Office::open("").await;
    office.call("CA1").await;
    let mut denied = 0;
    for role in Role::ALL {
        let by_token = office.token(role, &all_of(role), agent()).await;
        let mut proofs = vec![(by_token, Some(all_of(role)))];
        // Nobody's session is a program's.
        if role != Role::Service {
            let name = format!("{role}-1").replace('_', "-");
            office.user(&name, role, agent()).await;
            proofs.push((office.session(&name).await, None));
        }
        for (proof, only) in proofs {
            let identity = Identity {
                name: "x".into(),
                kind: Kind::User,
                role,
                scope: agent(),
                only: only.map(|only| only.into_iter().collect()),
            };
            for route in described() {
                let body = if route.method == "GET" || route.method == "DELETE" {
                    ""
                } else {
                    "{}"
                };
                // It ends the session, and is tried elsewhere.
                if route.path == "/api/v1/sign-out" {
                    continue;
                }
                let answer = asked(&office, &route, &proof, body).await;
                let what = format!("{role}: {} {}: {}", route.method, route.path, answer.status);
                let Ok(permission) = route.need.parse::<Permission>() else {
                    assert!(
                        ![401, 403].contains(&answer.status) || route.path.ends_with("callback"),
                        "{what}"
                    );
                    continue;
                };
                let subject = match permission.concern() {
                    Concern::Calls => Subject::Call {
                        site: Some("Seoul"),
                        queue: Some("cards"),
                        agent: Some("a7"),
                    },
                    Concern::AllCalls | Concern::Gateway => Subject::Gateway,
                };
                if permits(&identity, permission, subject).is_allowed() {
                    assert!(![401, 403, 500, 503].contains(&answer.status), "{what}");
                } else {
                    assert_eq!(answer.status, 403, "{what}");
                    assert_eq!(answer.code(), "not_permitted", "{what}");
                    denied += 1;
                }
            }
        }
    }
    assert!(denied > 50, "{denied}");
    assert_eq!(office.entries(Action::AccessDenied).len(), denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_without_proof() {
    let office = Office::open("").await;
    let forged = [
        String::new(),
        "Authorization: Bearer hushgate_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n".to_owned(),
        "Authorization: Basic cm9vdDpjb3JyZWN0IGhvcnNlIDc=\r\n".to_owned(),
        by_cookie("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ];
    for proof in &forged {
        for route in described().iter().filter(|route| route.need != "none") {
            let body = if route.method == "GET" || route.method == "DELETE" {
                ""
            } else {
                "{}"
            };
            let answer = asked(&office, route, proof, body).await;
            assert_eq!(answer.status, 401, "{} {}", route.method, route.path);
            assert_eq!(answer.code(), "not_signed_in");
            assert_eq!(answer.headers("content-type"), ["application/problem+json"]);
            assert_eq!(answer.headers("www-authenticate"), ["Bearer"]);
        }
    }
    // In an address a token is not looked for.
    let token = office
        .token_secret(Role::Admin, &all_of(Role::Admin), Scope::default())
        .await;
    let path = format!("/api/v1/users?access_token={token}");
    assert_eq!(office.get(&path, "").await.status, 401);
    assert!(!watch_log().text().contains(&token));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_identity_sees_its_places_alone() {
    let office = Office::open("").await;
    let all = all_of(Role::ComplianceOfficer);
    let seoul = office
        .token(Role::ComplianceOfficer, &all, at("Seoul"))
        .await;
    let busan = office
        .token(Role::ComplianceOfficer, &all, at("Busan"))
        .await;
    let agent = office
        .token(Role::Agent, &all_of(Role::Agent), super::agent())
        .await;
    for number in 0..6 {
        let (site, agent) = if number % 2 == 0 {
            ("Seoul", "a7")
        } else {
            ("Busan", "a8")
        };
        office
            .place(&format!("CA{number}"), site, "cards", agent)
            .await;
    }
    let names = |answer: Answer| -> Vec<String> {
        let listed = answer.json();
        let found = listed["recordings"].as_array().unwrap().iter();
        let mut names: Vec<String> = found
            .map(|call| call["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let list = "/api/v1/recordings";
    assert_eq!(names(office.get(list, &seoul).await), ["CA0", "CA2", "CA4"]);
    assert_eq!(names(office.get(list, &busan).await), ["CA1", "CA3", "CA5"]);
    assert_eq!(names(office.get(list, &agent).await), ["CA0", "CA2", "CA4"]);
    let others = format!("{list}?agent=a8");
    assert_eq!(
        names(office.get(&others, &agent).await),
        Vec::<String>::new()
    );
    let others = format!("{list}?site=Busan");
    assert_eq!(
        names(office.get(&others, &seoul).await),
        Vec::<String>::new()
    );
    // Page by page it is the same.
    let mut paged = Vec::new();
    let mut after = String::new();
    loop {
        let page = office
            .get(&format!("{list}?limit=1{after}"), &seoul)
            .await
            .json();
        let found = page["recordings"].as_array().unwrap();
        paged.extend(
            found
                .iter()
                .map(|call| call["name"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    paged.sort();
    assert_eq!(paged, ["CA0", "CA2", "CA4"]);
    for wrong in [
        "limit=0",
        "limit=501",
        "after=x",
        "state=done",
        "sate=open",
        "from=now",
        "limit=1&limit=2",
    ] {
        let answer = office.get(&format!("{list}?{wrong}"), &seoul).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "bad_request"),
            "{wrong}"
        );
    }
    // Of what is not theirs it is not even told whether there is evidence.
    assert_eq!(
        office
            .get("/api/v1/recordings/CA1/evidence", &seoul)
            .await
            .status,
        403
    );

    // Kinds are not found out by searching for them.
    let kinds = format!("{list}?kind=pan");
    assert_eq!(names(office.get(&kinds, &seoul).await).len(), 3);
    assert_eq!(office.get(&kinds, &agent).await.status, 403);
    let one = office.get(&format!("{list}?limit=1"), &agent).await.json();
    assert_eq!(
        one["recordings"][0]["hidden_s"],
        serde_json::json!({"hidden": 2.0})
    );
    assert_eq!(one["recordings"][0]["alerts"], Value::Null);
    let one = office.get(&format!("{list}?limit=1"), &seoul).await.json();
    assert_eq!(
        one["recordings"][0]["hidden_s"],
        serde_json::json!({"cvv": 0.5, "pan": 1.5})
    );
}
