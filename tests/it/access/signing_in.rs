//! Signing in and out, sessions, and what comes of guessing.

use hushgate::access::{Role, Scope, UserName};
use hushgate::store::accounts::Change;
use hushgate::store::audit::Action;
use serde_json::json;

use super::*;

fn credentials(name: &str, password: &str) -> String {
    json!({"name": name, "password": password}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_and_ends() {
    let office = Office::open("").await;
    office.user("kim", Role::Supervisor, at("Seoul")).await;
    let answer = office
        .ask("POST", "/api/v1/sign-in", "", &credentials("Kim", PASSWORD))
        .await;
    assert_eq!(answer.status, 200);
    let me = answer.json();
    assert_eq!(
        (&me["name"], &me["role"]),
        (&json!("kim"), &json!("supervisor"))
    );
    assert_eq!(me["scope"]["sites"], json!(["Seoul"]));
    let cookie = answer.headers("set-cookie")[0].to_owned();
    for part in [
        "; Path=/",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Max-Age=28800",
    ] {
        assert!(cookie.contains(part), "{part}");
    }
    let secret = answer.cookie("__Host-hushgate_session").unwrap();
    let session = by_cookie(&secret);
    assert_eq!(office.get("/api/v1/me", &session).await.json(), me);
    assert_eq!(office.entries(Action::SignedIn).len(), 1);

    // By cookie, what changes something needs the header, and comes from no other site.
    let bare = format!("Cookie: __Host-hushgate_session={secret}\r\n");
    let foreign = format!("{session}Sec-Fetch-Site: cross-site\r\n");
    assert_eq!(office.get("/api/v1/me", &bare).await.status, 200);
    for proof in [&bare, &foreign] {
        let answer = office.ask("POST", "/api/v1/sign-out", proof, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "cross_site"));
    }
    let elsewhere = "Sec-Fetch-Site: cross-site\r\n";
    let answer = office
        .ask(
            "POST",
            "/api/v1/sign-in",
            elsewhere,
            &credentials("kim", PASSWORD),
        )
        .await;
    assert_eq!(answer.code(), "cross_site");

    let out = office.ask("POST", "/api/v1/sign-out", &session, "").await;
    assert_eq!(out.status, 204);
    assert_eq!(out.cookie("__Host-hushgate_session").as_deref(), Some(""));
    assert_eq!(office.get("/api/v1/me", &session).await.status, 401);
    assert_eq!(office.entries(Action::SignedOut).len(), 1);
    let log = watch_log().text();
    assert!(!log.contains(&secret) && !log.contains(PASSWORD));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_wrong_is_told_nothing_and_slowed_down() {
    let office = Office::open("").await;
    office.user("kim", Role::Supervisor, Scope::default()).await;
    office
        .user("gone", Role::Supervisor, Scope::default())
        .await;
    let disabled = Change {
        disabled: Some(true),
        ..Change::default()
    };
    let gone = UserName::new("gone").unwrap();
    office
        .accounts
        .change(&gone, disabled, Timestamp::now())
        .await
        .unwrap();
    let sign_in = |name: &'static str, password: &'static str| {
        let body = credentials(name, password);
        let office = &office;
        async move { office.ask("POST", "/api/v1/sign-in", "", &body).await }
    };
    let mut bodies = BTreeSet::new();
    for (name, password) in [
        ("kim", "wrong horse 7"),
        ("nobody", PASSWORD),
        ("no name at all", PASSWORD),
        ("gone", PASSWORD),
        ("kim", ""),
    ] {
        let answer = sign_in(name, password).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, "sign_in_refused"),
            "{name}"
        );
        assert!(answer.headers("set-cookie").is_empty());
        bodies.insert(answer.body);
    }
    // All are told the same.
    assert_eq!(bodies.len(), 1);
    assert_eq!(sign_in("kim", "wrong horse 7").await.status, 401);
    assert_eq!(sign_in("kim", "wrong horse 7").await.status, 401);
    // Now even the right one waits.
    let waits = sign_in("kim", PASSWORD).await;
    assert_eq!((waits.status, waits.code().as_str()), (429, "too_many"));
    assert_eq!(waits.headers("retry-after"), ["1"]);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(sign_in("kim", PASSWORD).await.status, 200);
    assert!(!office.entries(Action::SignInRefused).is_empty());
    for (body, status) in [("", 415), ("{", 400), ("{\"name\": \"kim\"}", 400)] {
        assert_eq!(
            office.ask("POST", "/api/v1/sign-in", "", body).await.status,
            status,
            "{body}"
        );
    }
    let long = credentials("kim", &"x".repeat(70_000));
    assert_eq!(
        office
            .ask("POST", "/api/v1/sign-in", "", &long)
            .await
            .status,
        413
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_tokens_are_managed() {
    let office = Office::open("").await;
    office.user("root", Role::Admin, Scope::default()).await;
    let root = office.session("root").await;
    let lee = json!({"name": "lee", "role": "supervisor", "scope": {"sites": ["Seoul"]}, "password": PASSWORD});
    let ask = |method: &'static str, path: &'static str, body: serde_json::Value| {
        let (office, root) = (&office, &root);
        async move { office.ask(method, path, root, &body.to_string()).await }
    };
    let made = ask("POST", "/api/v1/users", lee.clone()).await;
    assert_eq!(made.status, 201);
    assert!(!String::from_utf8_lossy(&made.body).contains("argon2"));
    assert_eq!(ask("POST", "/api/v1/users", lee).await.code(), "conflict");
    for (wrong, status) in [
        (json!({"name": "a b", "role": "agent"}), 400),
        (json!({"name": "ab", "role": "service"}), 400),
        (json!({"name": "ab", "role": "boss"}), 400),
        (
            json!({"name": "ab", "role": "agent", "password": "short"}),
            400,
        ),
        (
            json!({"name": "ab", "role": "agent", "scope": {"sites": ["4111111111111111"]}}),
            400,
        ),
    ] {
        let answer = ask("POST", "/api/v1/users", wrong.clone()).await;
        assert_eq!(answer.status, status, "{wrong}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("4111"));
    }
    // A session ends when the role changes.
    let lee = office.session("lee").await;
    assert_eq!(office.get("/api/v1/me", &lee).await.status, 200);
    let changed = ask("PATCH", "/api/v1/users/lee", json!({"role": "auditor"})).await;
    assert_eq!(changed.json()["role"], "auditor");
    assert_eq!(office.get("/api/v1/me", &lee).await.status, 401);
    let last = ask("PATCH", "/api/v1/users/root", json!({"disabled": true})).await;
    assert_eq!((last.status, last.code().as_str()), (409, "conflict"));

    // One's own password takes the one before.
    let lee = office.session("lee").await;
    let change = |current: &str| json!({"current": current, "new": "another horse 8"}).to_string();
    let wrong = office
        .ask("PUT", "/api/v1/me/password", &lee, &change("wrong horse 7"))
        .await;
    assert_eq!(wrong.code(), "sign_in_refused");
    let right = office
        .ask("PUT", "/api/v1/me/password", &lee, &change(PASSWORD))
        .await;
    assert_eq!(right.status, 204);
    assert_eq!(office.get("/api/v1/me", &lee).await.status, 401);
    let body = credentials("lee", "another horse 8");
    assert_eq!(
        office
            .ask("POST", "/api/v1/sign-in", "", &body)
            .await
            .status,
        200
    );

    let token =
        json!({"name": "crm", "permissions": ["list_recordings"], "scope": {"sites": ["Seoul"]}});
    let made = ask("POST", "/api/v1/tokens", token).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let secret = made["secret"].as_str().unwrap();
    let proof = format!("Authorization: Bearer {secret}\r\n");
    assert_eq!(office.get("/api/v1/recordings", &proof).await.status, 200);
    assert_eq!(office.get("/api/v1/users", &proof).await.status, 403);
    let listed = office.get("/api/v1/tokens", &root).await;
    assert!(!String::from_utf8_lossy(&listed.body).contains(secret));
    for wrong in [
        json!({"name": "crm", "permissions": []}),
        json!({"name": "crm", "permissions": ["manage_users"]}),
        json!({"name": "crm", "permissions": ["fly"]}),
        json!({"name": "crm", "permissions": ["read_metrics"], "days": 400}),
    ] {
        assert_eq!(
            ask("POST", "/api/v1/tokens", wrong.clone()).await.status,
            400,
            "{wrong}"
        );
    }
    let id = made["token"]["id"].as_str().unwrap();
    let revoke = format!("/api/v1/tokens/{id}");
    assert_eq!(office.ask("DELETE", &revoke, &root, "").await.status, 204);
    assert_eq!(office.ask("DELETE", &revoke, &root, "").await.status, 404);
    assert_eq!(office.get("/api/v1/recordings", &proof).await.status, 401);
    // One of them is the refused one, and one more says that nothing came of it.
    assert_eq!(office.entries(Action::AccessChanged).len(), 7);
    assert!(!watch_log().text().contains(secret));

    // Who is limited gives nobody more than they have.
    let limited = office
        .token(Role::Admin, &all_of(Role::Admin), at("Seoul"))
        .await;
    for (body, status) in [
        (json!({"name": "wide", "role": "supervisor"}), 403),
        (
            json!({"name": "narrow", "role": "supervisor", "scope": {"sites": ["Seoul"]}}),
            201,
        ),
    ] {
        let answer = office
            .ask("POST", "/api/v1/users", &limited, &body.to_string())
            .await;
        assert_eq!(answer.status, status, "{body}");
    }
    let wide = office
        .ask(
            "PATCH",
            "/api/v1/users/root",
            &limited,
            "{\"password\": \"correct horse 9\"}",
        )
        .await;
    assert_eq!(wide.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_headers() {
    let office = Office::open("").await;
    for path in [
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/nowhere",
        "/api/v1/me",
    ] {
        let answer = office
            .get(path, "Origin: https://elsewhere.example\r\n")
            .await;
        let policy = answer.headers("content-security-policy")[0];
        assert!(
            policy.starts_with("default-src 'none'; frame-ancestors 'none'"),
            "{policy}"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.headers(name), [value], "{path}");
        }
        assert!(answer.headers("access-control-allow-origin").is_empty());
    }
    assert_eq!(office.get("/nowhere", "").await.code(), "unknown_page");
    assert_eq!(
        office.ask("DELETE", "/api/v1/me", "", "").await.code(),
        "wrong_method"
    );
    assert_eq!(
        office.get("/api/v1/openid/start", "").await.code(),
        "unknown_page"
    );
    assert_eq!(
        office.get("/readyz", "").await.json(),
        json!({"ready": true, "not_ready": []})
    );
}
