use super::*;

fn problem(text: &str) -> String {
    Config::parse(text, "hushgate.toml")
        .unwrap_err()
        .to_string()
}

fn check(text: &str, expected: &str) {
    let problem = problem(text);
    assert!(!problem.contains('\n'), "one line: {problem}");
    assert!(problem.contains(expected), "{problem}\nlacks {expected}");
}

#[test]
fn errors_name_file_line_field_and_expectation() {
    check("[server]\nlisten = 5", "hushgate.toml:2: ");
    check("[server]\nlisten = 5", "server.listen");
    check("[server]\nlisten = \"nowhere\"", "socket address");
    check("[server]\nmax_calls = \"many\"", "server.max_calls");
    check("[server]\nmax_calls = \"many\"", "\"auto\"");
    check("[server]\nmax_calls = -1", "hushgate.toml:2: ");
    check(
        "[server]\nmax_calls = 0",
        "hushgate.toml:2: server.max_calls: 0 is out of range; expected 1 to 10000",
    );
    check(
        "[speech]\nhold_max_seconds = 5.0",
        "hushgate.toml:2: speech.hold_max_seconds: 5 is out of range; expected 6 (the hold) to 60 seconds",
    );
    check(
        "[server]\n\nmax_call = 5",
        "hushgate.toml:3: unknown field `max_call`, expected one of",
    );
    check("[sever]", "unknown field `sever`");
    check("[server", "hushgate.toml:1: ");
    check(
        "[speech]\nhold_seconds = 90.0",
        "hushgate.toml:2: speech.hold_seconds: 90 is out of range; expected 2 to 60 seconds",
    );
    check("[speech]\nhold_seconds = nan", "speech.hold_seconds");
    check(
        "[speech]\nworkers = 0",
        "hushgate.toml:2: speech.workers: 0 is out of range; expected 1 to 256",
    );
    check("[speech]\nmodel = \"\"", "speech.model: is empty");
    check(
        "[policy]\nprofile = \"keen\"",
        "expected one of `strict`, `balanced`, `lenient`",
    );
    check(
        "[policy]\nfile = \"no/such.toml\"",
        "no/such.toml: cannot be read",
    );
    check("[doors.twilio]\npath = \"twilio\"", "doors.twilio.path");
    check("[doors.twilio]\npath = \"/readyz\"", "doors.twilio.path");
    check("[doors.twilio]\npath = \"/{x}\"", "doors.twilio.path");
    check(
        "[doors.twilio]\noutbound = \"mixed\"",
        "expected \"agent\" or \"customer\"",
    );
}

#[test]
fn flags_go_before_the_file_and_the_file_before_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hushgate.toml");
    std::fs::write(
        &file,
        "[speech]\nhold_seconds = 4.0\nworkers = 2\n[server]\nrecordings = \"calls\"\n",
    )
    .unwrap();
    let config = Config::load(
        Some(&file),
        Overrides {
            hold_seconds: Some(3.0),
            ..Overrides::default()
        },
    )
    .unwrap();
    assert_eq!(config.hold, MediaTime::from_millis(3_000));
    assert_eq!(config.workers, 2);
    assert_eq!(config.max_calls, MaxCalls::Auto);
    assert_eq!(config.recordings, folder.path().join("calls"));
    assert_eq!(config.model, "tiny.en");
    assert_eq!(config.doors.len(), 1);
    assert_eq!(config.doors[0].path, "/twilio");
}

#[test]
fn a_bad_flag_is_named() {
    let overrides = Overrides {
        hold_seconds: Some(1.0),
        ..Overrides::default()
    };
    let problem = Config::load(None, overrides).unwrap_err().to_string();
    assert_eq!(
        problem,
        "--hold: 1 is out of range; expected 2 to 60 seconds"
    );
}

#[test]
fn a_missing_file_is_named() {
    let problem = Config::load(Some(Path::new("no/such.toml")), Overrides::default())
        .unwrap_err()
        .to_string();
    assert!(
        problem.starts_with("no/such.toml: cannot be read"),
        "{problem}"
    );
}

#[test]
fn calls_are_counted_or_learned() {
    let max_calls = |text: &str| Config::parse(text, "a.toml").unwrap().max_calls;
    assert_eq!(max_calls(""), MaxCalls::Auto);
    assert_eq!(max_calls("[server]\nmax_calls = \"auto\""), MaxCalls::Auto);
    assert_eq!(max_calls("[server]\nmax_calls = 7"), MaxCalls::Fixed(7));
    assert_eq!("12".parse(), Ok(MaxCalls::Fixed(12)));
    assert!("twelve".parse::<MaxCalls>().is_err());
    let shown = Config::parse("", "a.toml").unwrap();
    assert_eq!(max_calls(&shown.to_toml()), MaxCalls::Auto);
    assert_eq!(shown.to_json()["server"]["max_calls"], "auto");
}

#[test]
fn what_is_shown_means_the_same() {
    let text = "[server]\nlisten = \"[::1]:9\"\nrecordings = \"a \\\"b\\\"\"\nmax_connections = 7\n\
        max_calls = 3\n[speech]\nmodel = \"m\"\nworkers = 4\nhold_seconds = 2.5\n\
        hold_max_seconds = 5.0\n\
        [policy]\nprofile = \"strict\"\n[doors.twilio]\npath = \"/t\"\noutbound = \"customer\"\n";
    let config = Config::parse(text, "a.toml").unwrap();
    let shown = config.to_toml();
    let again = Config::parse(&shown, "b.toml").unwrap();
    assert_eq!(again.to_toml(), shown);
    assert_eq!(again.to_json(), config.to_json());
    assert_eq!(again.listen.port(), 9);
    assert_eq!(again.doors[0].outbound, crate::call::Leg::Customer);
}

/// What is shown is seen from the working directory, wherever the configuration lies.
#[test]
fn control_and_paths_are_shown_as_they_are_meant() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "sesame\n").unwrap();
    let file = folder.path().join("hushgate.toml").display().to_string();
    let text = "[doors.telnyx]\nauth.secrets = [\"file:secret\"]\n[doors.telnyx.control]\nkind = \"http\"\n\
        secret = \"file:secret\"\nauthorities = \"ca.pem\"\nheaders.X-Key = \"file:secret\"\n\
        pause = { url = \"https://r.example\", success = [204] }\nresume = { url = \"https://r.example\" }\n";
    let config = Config::parse(text, &file).unwrap();
    let shown = config.to_toml();
    let again = Config::parse(&shown, "b.toml").unwrap_or_else(|error| panic!("{error}\n{shown}"));
    assert!(!shown.contains("sesame"));
    assert_eq!(again.to_json(), config.to_json());
    let control = |config: &Config| config.doors[0].control.clone().unwrap();
    assert_eq!(control(&again).written(), control(&config).written());
    assert_eq!(
        control(&again).authorities,
        Some(folder.path().join("ca.pem"))
    );
}

#[test]
fn an_error_is_one_line_whatever_is_in_the_file() {
    for (text, expected) in [
        (r#"[doors."a\nb"]"#, "a b"),
        (
            "[doors.x]\nprotocol = \"twilio\"\nauth.secrets = [\"env:A\\nB\"]",
            "A B",
        ),
        (
            "[doors.x]\nprotocol = \"twilio\"\nauth.secrets = [\"file:\\u001b[2J\"]",
            "[2J",
        ),
        ("[policy]\nfile = \"no\\nsuch\"", "no such: cannot be read"),
    ] {
        let problem = problem(text);
        assert!(!problem.contains(char::is_control), "{problem:?}");
        assert!(problem.contains(expected), "{problem:?}\nlacks {expected}");
    }
}

#[test]
fn a_policy_file_is_read_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hushgate.toml");
    std::fs::write(
        &file,
        "[policy]\nfile = \"own.toml\"\nprofile = \"strict\"\n",
    )
    .unwrap();
    let policy = folder.path().join("own.toml");
    std::fs::write(&policy, "nonsense = 1\n").unwrap();
    let problem = Config::load(Some(&file), Overrides::default())
        .unwrap_err()
        .to_string();
    assert!(
        problem.contains("own.toml") && !problem.contains('\n'),
        "{problem}"
    );

    std::fs::write(&policy, "").unwrap();
    let config = Config::load(Some(&file), Overrides::default()).unwrap();
    assert_eq!(config.policy.profile, Profile::Strict);
    assert_eq!(config.policy_file, Some(policy));
    assert_ne!(config.policy.version(), Policy::default().version());
}

#[test]
fn an_address_is_shown_without_what_may_be_a_secret() {
    let shown = |url: &str| {
        let text = format!("[doors.twilio.forward]\nurl = \"{url}\"\n");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hushgate.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), Default::default()).unwrap();
        let toml = config.to_toml();
        let json = config.to_json().to_string();
        assert!(
            !toml.contains("sesame") && !json.contains("sesame"),
            "{toml}"
        );
        let line = toml.lines().find(|line| line.starts_with("url = "));
        line.unwrap().to_owned()
    };
    assert_eq!(
        shown("wss://recorder.example/in?token=sesame"),
        "url = \"wss://recorder.example/in?...\""
    );
    assert_eq!(
        shown("wss://me:sesame@recorder.example/in"),
        "url = \"wss://...@recorder.example/in\""
    );
    assert_eq!(
        shown("ws://127.0.0.1:9/in"),
        "url = \"ws://127.0.0.1:9/in\""
    );
}
