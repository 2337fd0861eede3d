use crate::config::Config;

const STORE: &str = "[store]\npath = \"s\"\nkey_file = \"k\"\n";

#[test]
fn comes_back_as_it_is_shown_without_what_is_secret() {
    let text = format!(
        "{STORE}[[webhook]]\nname = \"desk\"\nurl = \"https://desk.example/hook?key=abc\"\nsecrets = [\"env:A\", \"file:b\"]\n\
         events = [\"alerts\", \"calls\"]\nkinds = [\"distress\"]\nseverity = \"warning\"\nqueues = [\"cards\"]\n\
         timeout_seconds = 3\nmax_age_hours = 2\nqueue = 50\nsource = \"/seoul\"\n"
    );
    let config = Config::parse(&text, "hushgate.toml").unwrap();
    let again = Config::parse(&config.to_toml(), "hushgate.toml").unwrap();
    assert_eq!(again.webhooks, config.webhooks);
    let shown = config.to_json()["webhook"].to_string();
    assert!(
        shown.contains("https://desk.example/hook?...") && !shown.contains("abc"),
        "{shown}"
    );
}

#[test]
fn says_what_is_wrong() {
    let hook = |fields: &str| format!("{STORE}[[webhook]]\nname = \"a\"\n{fields}\n");
    let good = "secrets = [\"env:A\"]\nurl = \"https://a.example/\"\n";
    for (text, expected) in [
        (
            hook("secrets = [\"env:A\"]\nurl = \"ftp://a.example\""),
            "webhook \"a\": url: expected an address",
        ),
        (
            hook("secrets = [\"env:A\"]\nurl = \"http://a.example\""),
            "url: expected https",
        ),
        (
            hook("secrets = [\"env:A\"]\nurl = \"https://localhost/\""),
            "url: is this machine",
        ),
        (
            hook("secrets = []\nurl = \"https://a.example\""),
            "secrets: expected one reference",
        ),
        (
            hook("secrets = [\"hunter2\"]\nurl = \"https://a.example\""),
            "secrets: expected \"env:NAME\"",
        ),
        (
            hook(&format!("{good}events = [\"all\"]")),
            "events: \"all\" is not known",
        ),
        (
            hook(&format!("{good}queue = 0")),
            "queue: 0 is out of range",
        ),
        (hook(good).replace(STORE, ""), "there is no [store]"),
    ] {
        let said = Config::parse(&text, "a.toml").unwrap_err().to_string();
        assert!(said.contains(expected), "{text}: {said}");
        assert!(!said.contains("hunter2"));
    }
}
