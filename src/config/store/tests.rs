use super::super::{Config, Overrides};
use super::*;

fn check(text: &str, expected: &str) {
    let problem = Config::parse(text, "hushgate.toml")
        .unwrap_err()
        .to_string();
    assert!(problem.contains(expected), "{problem}\nlacks {expected}");
    assert!(
        !problem.contains('\n') && !problem.contains("sesame"),
        "{problem}"
    );
}

const VAULT: &str =
    "[store]\npath = \"s\"\n[store.vault]\nurl = \"https://v.example:8200\"\nkey = \"k\"\n";

const ARCHIVE: &str = "[store]\npath = \"s\"\nkey_file = \"k\"\n[store.archive]\n\
    endpoint = \"https://s3.example\"\nbucket = \"calls\"\naccess_key = \"env:PATH\"\n\
    secret_key = \"env:PATH\"\n";

#[test]
fn errors_of_the_object_store_say_what_was_expected() {
    let changed = |from: &str, to: &str| ARCHIVE.replace(from, to);
    check(
        &changed("endpoint", "#"),
        "hushgate.toml:4: store.archive.endpoint: is missing",
    );
    check(
        &changed("https://s3.example", "http://s3.example"),
        "hushgate.toml:5: store.archive.endpoint: expected https",
    );
    for wrong in [
        "https://s3.example/calls",
        "https://me:sesame@s3.example",
        "s3.example",
    ] {
        check(
            &changed("https://s3.example", wrong),
            "store.archive.endpoint: expected an address such as",
        );
    }
    check(&changed("bucket", "#"), "store.archive.bucket: is missing");
    for wrong in ["", "ab", "Calls", "calls/2026", ".calls", "a..b"] {
        check(
            &changed("\"calls\"", &format!("{wrong:?}")),
            "store.archive.bucket: expected the bucket's name",
        );
    }
    check(
        &changed("access_key", "#"),
        "store.archive.access_key: is missing",
    );
    check(
        &changed("secret_key = \"env:PATH\"", "secret_key = \"sesame\""),
        "hushgate.toml:8: store.archive.secret_key: expected \"env:NAME\" or \"file:PATH\"",
    );
    check(
        &format!("{ARCHIVE}session_token = \"file:no/such\""),
        "store.archive.session_token: no/such: cannot be read",
    );
    check(
        &format!("{ARCHIVE}prefix = \"a/../b\""),
        "store.archive.prefix: \"a/../b\" is no prefix",
    );
    check(
        &format!("{ARCHIVE}region = \"\""),
        "store.archive.region: expected the region's name",
    );
    check(
        &format!("{ARCHIVE}timeout_seconds = 0"),
        "0 is out of range; expected 1 to 300 seconds",
    );
    check(
        &format!("{ARCHIVE}keep_local_minutes = 1000000"),
        "out of range; expected 0 to 525600 minutes",
    );
    check(
        &format!("{ARCHIVE}keep_local = 5"),
        "unknown field `keep_local`",
    );
}

#[test]
fn errors_say_what_was_expected() {
    check(
        "[store]\nkey_file = \"k\"",
        "hushgate.toml:1: store.path: is missing",
    );
    check(
        "[store]\npath = \"s\"",
        "store: expected one of key_file, key_env and [store.vault]",
    );
    check(
        "[store]\npath = \"s\"\nkey_file = \"k\"\nkey_env = \"K\"",
        "expected one of",
    );
    check(
        "[store]\npath = \"s\"\nkey_file = \"s/k\"",
        "hushgate.toml:3: store.key_file: lies in the store",
    );
    check(
        "[store]\npath = \"s\"\nkey_env = \"sesame=\"",
        "store.key_env: expected the name of",
    );
    check(
        "[store]\npath = \"s\"\nkeyfile = \"k\"",
        "unknown field `keyfile`",
    );
    check(VAULT, "hushgate.toml:3: store.vault.token: is missing");
    check(
        &format!("{VAULT}token = \"sesame\""),
        "secrets themselves do not belong",
    );
    check(
        &format!("{VAULT}token = \"env:NO_SUCH\""),
        "NO_SUCH is not set",
    );
    check(
        &format!("{VAULT}token = \"file:no/such\""),
        "no/such: cannot be read",
    );
    check(
        &VAULT.replace("https", "http"),
        "store.vault.url: keys must not pass in clear",
    );
    check(
        &VAULT.replace("https://", "https://me:sesame@"),
        "store.vault.url: expected an address",
    );
    check(
        &VAULT.replace("\"k\"", "\"../sys\""),
        "store.vault.key: \"../sys\" is no name",
    );
    check(
        &format!("{VAULT}timeout_seconds = 60.0"),
        "60 is out of range; expected 0.1 to 10 seconds",
    );
    let database = |url: &str| {
        format!("[store]\npath = \"s\"\nkey_file = \"k\"\n[store.database]\nurl = \"{url}\"")
    };
    check(
        &database("postgres://me:sesame@localhost/calls"),
        "hushgate.toml:5: store.database.url: has a password",
    );
    check(
        &database("postgres://me@db.example/calls?sslmode=disable"),
        "must not pass in clear",
    );
    check(&database("sesame"), "expected postgres://");
    check(&database("env:NO_SUCH"), "NO_SUCH is not set");
    check(
        "[server]\nrecordings = \"r\"\n[store]\npath = \"s\"\nkey_file = \"k\"",
        "hushgate.toml:2: server.recordings: there is [store] too",
    );
}

#[test]
fn what_is_shown_means_the_same() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "sesame").unwrap();
    let file = folder.path().join("hushgate.toml").display().to_string();
    std::fs::write(
        folder.path().join("url"),
        "postgres://me:sesame@db.example/calls\n",
    )
    .unwrap();
    for keys in [
        "key_file = \"k\"",
        "key_file = \"k\"\n[store.database]\nurl = \"file:url\"",
        "key_file = \"k\"\n[store.database]\nurl = \"postgres://me@localhost/calls\"",
        "key_env = \"K\"",
        "key_file = \"k\"\n[store.archive]\nendpoint = \"http://[::1]:9000/\"\nbucket = \"a-b.c\"\n\
         access_key = \"env:PATH\"\nsecret_key = \"file:token\"",
        "key_file = \"k\"\n[store.archive]\nendpoint = \"http://s3.example:9000\"\nallow_http = true\n\
         bucket = \"calls\"\nprefix = \"/site/one/\"\nregion = \"eu-central-1\"\npath_style = false\n\
         access_key = \"file:token\"\nsecret_key = \"file:token\"\nsession_token = \"file:token\"\n\
         authorities = \"ca.pem\"\ntimeout_seconds = 5\nkeep_local_minutes = 0\ncache_mb = 10",
        "[store.vault]\nurl = \"http://127.0.0.1:8200/\"\nkey = \"k\"\ntoken = \"file:token\"\n\
         authorities = \"ca.pem\"\ntimeout_seconds = 0.5",
    ] {
        let config = Config::parse(&format!("[store]\npath = \"s\"\n{keys}"), &file).unwrap();
        let shown = config.to_toml();
        let again =
            Config::parse(&shown, "b.toml").unwrap_or_else(|error| panic!("{error}\n{shown}"));
        assert_eq!(again.store, config.store);
        assert_eq!(again.to_json(), config.to_json());
        assert!(!shown.contains("sesame") && !config.to_json().to_string().contains("sesame"));
        assert_eq!(config.store.unwrap().path, folder.path().join("s"));
    }
}

#[test]
fn a_folder_for_plain_recordings_goes_before_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hushgate.toml");
    std::fs::write(&file, "[store]\npath = \"s\"\nkey_file = \"k\"\n").unwrap();
    let load = |recordings| {
        let overrides = Overrides {
            recordings,
            ..Overrides::default()
        };
        Config::load(Some(&file), overrides).unwrap()
    };
    assert!(load(None).store.is_some());
    assert!(load(Some("plain".into())).store.is_none());
    assert!(Store::load(&file).unwrap().is_some());
}

/// Who reads recordings has none of the doors' secrets.
#[test]
fn the_store_is_read_without_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hushgate.toml");
    let doors = "[doors.twilio.auth]\nsecrets = [\"env:NO_SUCH_TOKEN\"]\npublic_url = \"wss://a.example\"\n";
    std::fs::write(
        &file,
        format!("[store]\npath = \"s\"\nkey_file = \"k\"\n{doors}"),
    )
    .unwrap();
    assert!(Config::load(Some(&file), Overrides::default()).is_err());
    assert_eq!(
        Store::load(&file).unwrap().unwrap().path,
        folder.path().join("s")
    );
    std::fs::write(&file, doors).unwrap();
    assert_eq!(Store::load(&file).unwrap(), None);
}
