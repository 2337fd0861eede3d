use crate::config::Config;

const STORE: &str = "[store]\npath = \"s\"\nkey_env = \"KEYS\"\n";

#[track_caller]
fn check(text: &str, expected: &str) {
    let problem = Config::parse(text, "hushgate.toml")
        .unwrap_err()
        .to_string();
    assert!(problem.contains(expected), "{problem}\nlacks {expected}");
    assert!(!problem.contains("sesame"));
}

fn openid(change: impl Fn(&str) -> String) -> String {
    change(
        "[access]\n[access.openid]\nissuer = \"https://id.example\"\nclient_id = \"hushgate\"\n\
         client_secret = \"file:secret\"\nredirect_url = \"https://calls.example/api/v1/openid/callback\"\n\
         sites_claim = \"sites\"\n[[access.openid.roles]]\nvalue = \"leads\"\nrole = \"supervisor\"\n",
    )
}

#[test]
fn errors_name_the_field_and_what_is_expected() {
    check(
        "[access]\nidle_minutes = 0",
        "hushgate.toml:2: access.idle_minutes: 0 is out of range",
    );
    check("[access]\nidle = 5", "unknown field `idle`");
    check(
        "[access.openid]\n",
        "access.openid.issuer: is missing; expected \"https://id.example\"",
    );
    let replaced = |from: &'static str, to: &'static str| openid(|text| text.replace(from, to));
    check(
        &replaced("https://id", "http://id"),
        "openid.issuer: expected https, or an address of this machine",
    );
    check(
        &replaced("id.example", "me:sesame@id.example"),
        "openid.issuer: expected an address such as",
    );
    check(
        &replaced("/api/v1/openid/callback", "/"),
        "openid.redirect_url: expected the path /api/v1/openid/callback",
    );
    check(
        &replaced("file:secret", "sesame"),
        "openid.client_secret: expected \"env:NAME\" or \"file:PATH\"",
    );
    check(&replaced("supervisor", "boss"), "unknown variant `boss`");
    check(
        &replaced("supervisor", "service"),
        "service is for programs",
    );
    check("[api]\n", "hushgate.toml:1: api: there is no [access]");
    check("[access]\n[api]\n", "api: there is no [store]");
    let api = |listen: &str| format!("{STORE}[access]\n[api]\nlisten = \"{listen}\"\n");
    check(
        &api("0.0.0.0:8771"),
        "other machines reach 0.0.0.0:8771; expected [api.tls]",
    );
    check(&api("here"), "api.listen");
}

#[test]
fn what_is_shown_means_the_same() {
    let tls = "[api]\nlisten = \"0.0.0.0:443\"\nmax_connections = 9\n[api.tls]\ncertificate = \"c\"\nkey = \"k\"\n";
    for text in [
        String::new(),
        format!("{STORE}[access]\n[api]\n"),
        format!("{STORE}{tls}{}", openid(str::to_owned)),
    ] {
        let config = Config::parse(&text, "/etc/hushgate.toml").unwrap();
        let again = Config::parse(&config.to_toml(), "b.toml").unwrap();
        assert_eq!(again.access, config.access);
        assert_eq!(again.api, config.api);
        assert_eq!(again.to_json(), config.to_json());
    }
    let config = Config::parse(&format!("{STORE}[access]\n[api]\n"), "a.toml").unwrap();
    let (access, api) = (config.access.unwrap(), config.api.unwrap());
    assert_eq!((access.idle_minutes, access.session_hours), (15, 8));
    assert_eq!(api.listen.to_string(), "127.0.0.1:8771");
    assert_eq!(Config::parse("", "a.toml").unwrap().access, None);
}
