use std::collections::BTreeSet;
use std::net::IpAddr;

use super::throttle::{FREE, FREE_OF_ADDRESS, LOCKED_AT, LOCKED_SECONDS, Throttle, WINDOW_SECONDS};
use super::*;
use crate::call::Sensitive;

fn user(role: Role) -> Identity {
    Identity {
        name: "kim".into(),
        kind: Kind::User,
        role,
        scope: Scope::default(),
        only: None,
    }
}

fn token(role: Role, only: &[Permission]) -> Identity {
    Identity {
        kind: Kind::Token,
        only: Some(only.iter().copied().collect()),
        ..user(role)
    }
}

fn places(names: &[&str]) -> Option<BTreeSet<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

fn call<'a>(site: &'a str, queue: &'a str, agent: &'a str) -> Subject<'a> {
    let told = |text: &'a str| (!text.is_empty()).then_some(text);
    Subject::Call {
        site: told(site),
        queue: told(queue),
        agent: told(agent),
    }
}

#[track_caller]
fn check(
    identity: &Identity,
    permission: Permission,
    subject: Subject<'_>,
    denial: Option<Denial>,
) {
    let expected = denial.map_or(Decision::Allowed, Decision::Denied);
    assert_eq!(permits(identity, permission, subject), expected);
}

#[test]
fn the_table_states_every_permission_once_for_every_role() {
    let stated: Vec<Permission> = TABLE.iter().map(|row| row.permission).collect();
    assert_eq!(stated, Permission::ALL);
    for permission in Permission::ALL {
        assert!(!permission.words().is_empty());
        assert_eq!(permission.name().parse(), Ok(*permission));
        // Somebody may, and a program only what it is given.
        assert!(
            Role::ALL
                .iter()
                .any(|role| grant(*role, *permission) != Grant::No)
        );
        assert!(matches!(
            grant(Role::Service, *permission),
            Grant::No | Grant::Named
        ));
        for role in [
            Role::Agent,
            Role::Supervisor,
            Role::ComplianceOfficer,
            Role::Auditor,
            Role::Admin,
        ] {
            assert_ne!(grant(role, *permission), Grant::Named);
        }
    }
    for role in Role::ALL {
        assert_eq!(role.name().parse(), Ok(role));
    }
}

/// Who runs the machine and who checks hear and read nothing of a call; who may change users may not judge calls.
#[test]
fn duties_are_separate() {
    use Permission::*;
    for permission in [ReadTranscript, PlayRecording, ExportRecording, ListenLive] {
        assert_eq!(grant(Role::Admin, permission), Grant::No);
        assert_eq!(grant(Role::Auditor, permission), Grant::No);
    }
    for permission in [ManageUsers, ManageTokens, RotateKeys, RestoreBackup] {
        assert_eq!(grant(Role::ComplianceOfficer, permission), Grant::No);
    }
    for row in TABLE
        .iter()
        .filter(|row| row.permission.concern() != Concern::Calls)
    {
        assert_eq!(row.grants[0], Grant::No, "an agent: {}", row.permission);
    }
}

#[test]
fn decisions_follow_the_table() {
    for row in TABLE {
        for (role, grant) in Role::ALL.into_iter().zip(row.grants) {
            let permission = row.permission;
            let subject = match permission.concern() {
                Concern::Calls => call("Seoul", "cards", "a7"),
                Concern::AllCalls | Concern::Gateway => Subject::Gateway,
            };
            let mut person = user(role);
            let without = permits(&person, permission, subject);
            person.scope.agent = Some("a7".into());
            let with = permits(&person, permission, subject);
            let named = permits(&token(role, &[permission]), permission, subject);
            let unnamed = permits(&token(role, &[]), permission, subject);
            match grant {
                Grant::No => {
                    assert!(!without.is_allowed() && !with.is_allowed() && !named.is_allowed())
                }
                Grant::Own => assert!(!without.is_allowed() && with.is_allowed()),
                Grant::Yes => assert!(without.is_allowed() && named.is_allowed()),
                Grant::Named => assert!(!without.is_allowed() && named.is_allowed()),
            }
            assert!(!unnamed.is_allowed());
        }
    }
}

#[test]
fn places_limit_and_what_is_not_known_is_denied() {
    use Permission::*;
    let mut limited = user(Role::Supervisor);
    limited.scope.sites = places(&["Seoul", "Busan"]);
    check(&limited, PlayRecording, call("Seoul", "", ""), None);
    check(
        &limited,
        PlayRecording,
        call("Leeds", "", ""),
        Some(Denial::Site),
    );
    check(
        &limited,
        PlayRecording,
        Subject::UNPLACED,
        Some(Denial::Site),
    );
    check(
        &limited,
        PlayRecording,
        Subject::Gateway,
        Some(Denial::Limited),
    );
    check(&limited, ListRecordings, Subject::SomeCalls, None);
    check(&limited, ReadPolicies, Subject::Gateway, None);
    limited.scope.queues = places(&["cards"]);
    check(&limited, PlayRecording, call("Seoul", "cards", ""), None);
    check(
        &limited,
        PlayRecording,
        call("Seoul", "loans", ""),
        Some(Denial::Queue),
    );
    limited.scope.sites = places(&[]);
    check(
        &limited,
        PlayRecording,
        call("Seoul", "cards", ""),
        Some(Denial::Site),
    );

    let mut officer = user(Role::ComplianceOfficer);
    check(&officer, RunRetention, Subject::Gateway, None);
    officer.scope.queues = places(&["cards"]);
    check(
        &officer,
        RunRetention,
        Subject::Gateway,
        Some(Denial::Limited),
    );
    check(
        &officer,
        RunRetention,
        Subject::SomeCalls,
        Some(Denial::Limited),
    );
    check(&officer, ActivatePolicies, Subject::Gateway, None);

    let mut agent = user(Role::Agent);
    check(
        &agent,
        ReadReport,
        call("", "", "a7"),
        Some(Denial::NotTheirCall),
    );
    check(
        &agent,
        ReadReport,
        Subject::UNPLACED,
        Some(Denial::NotTheirCall),
    );
    agent.scope.agent = Some("a7".into());
    check(&agent, ReadReport, call("", "", "a7"), None);
    check(
        &agent,
        ReadReport,
        call("", "", "a8"),
        Some(Denial::NotTheirCall),
    );
    check(&agent, ReadReport, Subject::Gateway, Some(Denial::Limited));
    check(
        &agent,
        PlayRecording,
        call("", "", "a7"),
        Some(Denial::Role),
    );
}

#[test]
fn tokens_only_ever_narrow() {
    use Permission::*;
    check(
        &token(Role::Supervisor, &[PlayRecording]),
        PlayRecording,
        Subject::UNPLACED,
        None,
    );
    check(
        &token(Role::Supervisor, &[PlayRecording]),
        ReadReport,
        Subject::UNPLACED,
        Some(Denial::Token),
    );
    check(
        &token(Role::Supervisor, &[ManageUsers]),
        ManageUsers,
        Subject::Gateway,
        Some(Denial::Role),
    );
    check(
        &token(Role::Service, &[ManageUsers]),
        ManageUsers,
        Subject::Gateway,
        Some(Denial::Role),
    );
    let unnamed = Identity {
        kind: Kind::Token,
        ..user(Role::Supervisor)
    };
    check(
        &unnamed,
        PlayRecording,
        Subject::UNPLACED,
        Some(Denial::Token),
    );
    check(
        &user(Role::Service),
        ReadMetrics,
        Subject::Gateway,
        Some(Denial::Token),
    );
}

#[test]
fn scopes_lie_in_wider_ones() {
    let all = Scope::default();
    let some = Scope {
        sites: places(&["Seoul"]),
        ..Scope::default()
    };
    assert!(some.lies_in(&all) && some.lies_in(&some) && !all.lies_in(&some));
}

#[test]
fn transcripts_are_masked_by_role() {
    let said = "my card is [pan] thanks, pressed [dtmf ****] call 4111 1111 1111";
    let masked = "my card is [hidden] thanks, pressed [hidden] call #### #### ####";
    let mut agent = user(Role::Agent);
    let theirs = call("", "", "a7");
    let shown = |view: View| Some(view.of(said, [])?.text.into_owned());
    assert_eq!(shown(view_of(&agent, theirs)), None);
    agent.scope.agent = Some("a7".into());
    assert_eq!(shown(view_of(&agent, theirs)).as_deref(), Some(masked));
    assert_eq!(view_of(&agent, call("", "", "a8")), View::Nothing);
    assert_eq!(
        shown(view_of(&user(Role::Supervisor), theirs)).as_deref(),
        Some(masked)
    );
    assert_eq!(
        shown(view_of(&user(Role::ComplianceOfficer), theirs)).as_deref(),
        Some(said)
    );
    for role in [Role::Auditor, Role::Admin, Role::Service] {
        assert_eq!(view_of(&user(role), theirs), View::Nothing);
    }
    let reader = token(Role::Service, &[Permission::ReadTranscript]);
    assert_eq!(view_of(&reader, theirs), View::Masked);
    assert_eq!(View::Masked.of("[cvv", []).unwrap().text, "[hidden]");
    let harmless = "in 2026, 3 times";
    assert_eq!(View::Masked.of(harmless, []).unwrap().text, harmless);
}

#[test]
fn the_page_has_the_table() {
    let page = include_str!("../../docs/access.md");
    let table = table_as_markdown();
    assert!(
        page.contains(&table),
        "docs/access.md is stale; the table is:\n{table}"
    );
}

#[test]
fn names_are_plain() {
    assert_eq!(
        UserName::new("Kim.Lee@example").unwrap().as_str(),
        "kim.lee@example"
    );
    let long = "a".repeat(65);
    for text in [
        "",
        " kim",
        "kim lee",
        ".kim",
        "김",
        "kim\n",
        "a4111111111111111",
        &long,
    ] {
        assert_eq!(UserName::new(text), Err(InvalidUserName), "{text:?}");
    }
}

#[test]
fn passwords_are_checked_and_hashed() {
    let name = UserName::new("kim").unwrap();
    let password = |text: &str| Sensitive::new(text.to_owned());
    let check =
        |text: &str, expected| assert_eq!(password::check(&name, &password(text)), expected);
    check("correct horse 7", Ok(()));
    check("short 7", Err(password::WeakPassword::Length));
    check(&"long7".repeat(60), Err(password::WeakPassword::Length));
    check(
        "correct horse battery",
        Err(password::WeakPassword::Composition),
    );
    check(
        "4111 1111 1111 1111",
        Err(password::WeakPassword::Composition),
    );
    check("the Kim family of 7", Err(password::WeakPassword::Name));

    let hash = password::hash(&password("correct horse 7")).unwrap();
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
    assert!(!hash.contains("horse"));
    assert_ne!(hash, password::hash(&password("correct horse 7")).unwrap());
    assert!(password::verify(&password("correct horse 7"), Some(&hash)));
    assert!(!password::verify(&password("correct horse 8"), Some(&hash)));
    assert!(!password::verify(&password("correct horse 7"), None));
    assert!(!password::verify(
        &password("correct horse 7"),
        Some("not a hash")
    ));
    let long = "a1".repeat(200);
    let hash = password::hash(&password(&long[..password::LONGEST])).unwrap();
    assert!(!password::verify(&password(&long), Some(&hash)));
}

/// Else the time would tell who has an account.
#[test]
fn the_hash_of_nobody_is_calculated() {
    let nobody = tokio::time::Instant::now;
    let password = Sensitive::new("correct horse 7".to_owned());
    let time = |hash: Option<&str>| {
        let begun = nobody();
        for _ in 0..3 {
            password::verify(&password, hash);
        }
        begun.elapsed()
    };
    let hash = password::hash(&Sensitive::new("another horse 7".to_owned())).unwrap();
    let (known, unknown) = (time(Some(&hash)), time(None));
    // A hash that is refused at once takes a thousandth.
    assert!(
        unknown * 5 > known && known * 5 > unknown,
        "{known:?} {unknown:?}"
    );
}

#[test]
fn secrets_are_random_and_kept_as_hashes() {
    let (one, other) = (secret::token().unwrap(), secret::token().unwrap());
    assert!(one.expose().starts_with(secret::TOKEN_PREFIX));
    assert_eq!(one.expose().len(), secret::TOKEN_PREFIX.len() + 43);
    assert_ne!(one.expose(), other.expose());
    assert_eq!(secret::hashed("abc").len(), 64);
    assert!(secret::hashed("abc").starts_with("ba7816bf"));
    let id = secret::public_id().unwrap();
    assert!(
        id.len() == 16 && id.chars().all(|c| c.is_ascii_lowercase()),
        "{id}"
    );
}

#[test]
fn guessing_is_slowed_down_and_locked_out() {
    let mut throttle = Throttle::default();
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    let mut now = 1_000;
    let mut waits = Vec::new();
    for count in 1..=LOCKED_AT {
        assert_eq!(throttle.failed("kim", address, now), count == LOCKED_AT);
        let wait = throttle.check("kim", address, now).err().unwrap_or(0);
        waits.push(wait);
        now += wait;
        assert_eq!(throttle.check("kim", address, now), Ok(()));
    }
    assert_eq!(waits[..FREE as usize], [0, 0, 0]);
    assert_eq!(waits[FREE as usize..], [1, 2, 4, 8, 16, 32, LOCKED_SECONDS]);
    assert_eq!(throttle.check("lee", address, now), Ok(()));
    // Each further failure locks again, until one succeeds or a long while has passed.
    assert!(throttle.failed("kim", address, now));
    throttle.succeeded("kim");
    assert_eq!(throttle.check("kim", address, now), Ok(()));
}

#[test]
fn an_address_that_tries_many_names_is_refused() {
    let mut throttle = Throttle::default();
    for number in 0..FREE_OF_ADDRESS {
        // One network of IPv6 is one address.
        let address = format!("2001:db8::{number:x}").parse().unwrap();
        throttle.failed(&format!("user{number}"), address, 7);
    }
    let other: IpAddr = "2001:db8::ffff".parse().unwrap();
    assert_eq!(throttle.check("new", other, 7), Err(WINDOW_SECONDS));
    assert_eq!(throttle.check("new", other, 7 + WINDOW_SECONDS), Ok(()));
    assert_eq!(
        throttle.check("new", "2001:db8:0:1::1".parse().unwrap(), 7),
        Ok(())
    );
    for number in 0..25_000_u32 {
        throttle.failed(
            &format!("name{number}"),
            IpAddr::from(number.to_be_bytes()),
            7,
        );
    }
    let shown = format!("{throttle:?}").matches("Failures").count();
    assert!(shown <= 20_000, "{shown}");
}
