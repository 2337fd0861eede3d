use jiff::{SignedDuration, ToSpan};

use super::*;
use crate::access::{Permission, secret};
use crate::call::Sensitive;
use crate::store::database::DatabaseSettings;

const IDLE: SignedDuration = SignedDuration::from_mins(15);

struct Place {
    folder: tempfile::TempDir,
    accounts: Accounts,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = DatabaseSettings::within(folder.path());
        let accounts = Accounts::new(Database::open(&settings).await.unwrap());
        Self { folder, accounts }
    }

    async fn add(&self, name: &str, role: Role) -> User {
        let user = NewUser {
            name: UserName::new(name).unwrap(),
            role,
            scope: Scope::default(),
            password: Some("$argon2id$of-a-password".into()),
        };
        self.accounts.add(user, now()).await.unwrap()
    }

    async fn sign_in(&self, name: &str, given: Option<(Role, Scope)>) -> Sensitive<String> {
        let secret = secret::random().unwrap();
        let session = NewSession {
            secret: &secret,
            name,
            given,
            expires: now() + 8.hours(),
        };
        self.accounts.begin_session(session, now()).await.unwrap();
        secret
    }

    async fn identity(&self, secret: &Sensitive<String>, at: Timestamp) -> Option<(String, Role)> {
        let session = self
            .accounts
            .session(secret.expose(), IDLE, at)
            .await
            .unwrap();
        session.map(|session| (session.identity.name, session.identity.role))
    }
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn named(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

#[tokio::test]
async fn users_are_made_and_changed() {
    let place = Place::new().await;
    let accounts = &place.accounts;
    assert!(!accounts.has_users().await.unwrap());
    let made = place.add("Kim", Role::Supervisor).await;
    assert_eq!(
        (made.name.as_str(), made.role, made.disabled),
        ("kim", Role::Supervisor, false)
    );
    assert!(accounts.has_users().await.unwrap());
    let again = NewUser {
        name: named("KIM"),
        role: Role::Admin,
        scope: Scope::default(),
        password: None,
    };
    assert!(matches!(
        accounts.add(again, now()).await,
        Err(AccountError::Taken { .. })
    ));
    let scope = Scope {
        sites: Some(["Seoul".to_owned()].into()),
        ..Scope::default()
    };
    let change = Change {
        scope: Some(scope.clone()),
        ..Change::default()
    };
    let changed = accounts.change(&named("kim"), change, now()).await.unwrap();
    assert_eq!(
        (changed.role, &changed.scope, changed.has_password),
        (Role::Supervisor, &scope, true)
    );
    assert_eq!(accounts.users().await.unwrap(), [changed]);
    let nobody = accounts
        .change(&named("lee"), Change::default(), now())
        .await;
    assert!(matches!(nobody, Err(AccountError::NoUser { .. })));
}

#[tokio::test]
async fn the_last_admin_stays() {
    let place = Place::new().await;
    place.add("root", Role::Admin).await;
    for change in [
        Change {
            disabled: Some(true),
            ..Change::default()
        },
        Change {
            role: Some(Role::Auditor),
            ..Change::default()
        },
    ] {
        let outcome = place
            .accounts
            .change(&named("root"), change.clone(), now())
            .await;
        assert!(matches!(outcome, Err(AccountError::LastAdmin { .. })));
    }
    let root = place.accounts.user(&named("root")).await.unwrap().unwrap();
    assert_eq!((root.role, root.disabled), (Role::Admin, false));
    place.add("other", Role::Admin).await;
    let change = Change {
        disabled: Some(true),
        ..Change::default()
    };
    place
        .accounts
        .change(&named("root"), change, now())
        .await
        .unwrap();
}

#[tokio::test]
async fn sessions_end_by_time_and_by_change() {
    let place = Place::new().await;
    place.add("kim", Role::Supervisor).await;
    let kim = Some(("kim".to_owned(), Role::Supervisor));
    let secret = place.sign_in("kim", None).await;
    assert_eq!(place.identity(&secret, now()).await, kim);
    assert_eq!(
        place.identity(&secret::random().unwrap(), now()).await,
        None
    );
    // Used every ten minutes it lasts, but not for ever.
    let mut at = now();
    for _ in 0..47 {
        at += 10.minutes();
        assert_eq!(place.identity(&secret, at).await, kim);
    }
    assert_eq!(place.identity(&secret, at + 10.minutes()).await, None);
    let secret = place.sign_in("kim", None).await;
    assert_eq!(place.identity(&secret, now() + 15.minutes()).await, kim);
    let secret = place.sign_in("kim", None).await;
    assert_eq!(place.identity(&secret, now() + 16.minutes()).await, None);
    // That somebody looks whether it stands is no use of it.
    let secret = place.sign_in("kim", None).await;
    let stands = async |minutes: i64| {
        let accounts = &place.accounts;
        let at = now() + minutes.minutes();
        let session = accounts.standing_session(secret.expose(), IDLE, at).await;
        session.unwrap().is_some()
    };
    assert!(stands(10).await && stands(15).await);
    assert!(!stands(16).await);

    for change in [
        Change {
            role: Some(Role::Agent),
            ..Change::default()
        },
        Change {
            password: Some("$argon2id$another".into()),
            ..Change::default()
        },
        Change {
            scope: Some(Scope::default()),
            ..Change::default()
        },
        Change {
            disabled: Some(true),
            ..Change::default()
        },
    ] {
        let secret = place.sign_in("kim", None).await;
        assert!(
            place
                .accounts
                .change(&named("kim"), change, now())
                .await
                .is_ok()
        );
        assert_eq!(place.identity(&secret, now()).await, None);
    }
    // Disabled: even one that is begun does not hold.
    let secret = place.sign_in("kim", None).await;
    assert_eq!(place.identity(&secret, now()).await, None);
    let secret = place.sign_in("nobody", None).await;
    assert_eq!(place.identity(&secret, now()).await, None);
    assert!(place.accounts.end_session(secret.expose()).await.unwrap());
    assert!(!place.accounts.end_session(secret.expose()).await.unwrap());

    let given = Some((Role::Auditor, Scope::default()));
    let secret = place.sign_in("lee@id.example", given).await;
    let lee = Some(("lee@id.example".to_owned(), Role::Auditor));
    assert_eq!(place.identity(&secret, now()).await, lee);
}

#[tokio::test]
async fn tokens_expire_and_are_revoked() {
    let place = Place::new().await;
    let secret = secret::token().unwrap();
    let token = NewToken {
        id: "first".into(),
        secret: &secret,
        name: "prometheus".into(),
        role: Role::Service,
        scope: Scope::default(),
        permissions: [Permission::ReadMetrics].into(),
        created_by: "root".into(),
        expires: now() + 24.hours(),
    };
    let accounts = &place.accounts;
    let made = accounts.add_token(token, now()).await.unwrap();
    assert_eq!(made.used, None);
    let found = accounts
        .token(secret.expose(), now())
        .await
        .unwrap()
        .unwrap();
    let identity = found.identity();
    assert_eq!(
        (identity.name.as_str(), identity.role),
        ("prometheus", Role::Service)
    );
    assert_eq!(identity.only, Some([Permission::ReadMetrics].into()));
    assert_eq!(accounts.tokens().await.unwrap()[0].used, Some(now()));
    assert_eq!(accounts.token("hushgate_other", now()).await.unwrap(), None);
    assert_eq!(
        accounts
            .token(secret.expose(), now() + 24.hours())
            .await
            .unwrap(),
        None
    );
    let revoked = accounts.revoke_token("first", now()).await.unwrap();
    assert_eq!(revoked.revoked, Some(now()));
    assert_eq!(accounts.token(secret.expose(), now()).await.unwrap(), None);
    let again = accounts.revoke_token("first", now()).await;
    assert!(matches!(again, Err(AccountError::NoToken)));
}

#[tokio::test]
async fn no_secret_is_in_the_files() {
    let place = Place::new().await;
    place.add("kim", Role::Supervisor).await;
    let session = place.sign_in("kim", None).await;
    let secret = secret::token().unwrap();
    let token = NewToken {
        id: "first".into(),
        secret: &secret,
        name: "crm".into(),
        role: Role::Service,
        scope: Scope::default(),
        permissions: [].into(),
        created_by: "kim".into(),
        expires: now() + 24.hours(),
    };
    place.accounts.add_token(token, now()).await.unwrap();
    let mut looked_at = 0;
    for file in std::fs::read_dir(place.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for needle in [session.expose(), secret.expose()] {
            let found = bytes
                .windows(needle.len())
                .any(|window| window == needle.as_bytes());
            assert!(!found);
        }
        looked_at += bytes.len();
    }
    assert!(looked_at > 10_000);
}
