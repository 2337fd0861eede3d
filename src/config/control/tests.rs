use super::Control;
use crate::egress::control::{Platform, Timing};

fn secret_file() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "hunter2\n").unwrap();
    let reference = format!("file:{}", file.display());
    (folder, reference)
}

fn check(text: &str, expected: &str) {
    let problem = Control::parse(text, "h.toml").unwrap_err().to_string();
    assert!(!problem.contains('\n'), "one line: {problem}");
    assert!(problem.contains(expected), "{problem}\nlacks {expected}");
}

#[test]
fn every_kind_is_read_and_shown_without_secrets() {
    let (_folder, secret) = secret_file();
    let secret = format!("secret = \"{secret}\"\n");
    let texts = [
        format!("kind = \"twilio\"\naccount = \"AC1\"\n{secret}"),
        format!(
            "kind = \"connect\"\nregion = \"eu-central-1\"\ninstance = \"i\"\naccess_key = \"AK\"\nrecording = \"agent\"\n{secret}"
        ),
        format!(
            "kind = \"asterisk\"\nbase_url = \"http://pbx:8088/ari/\"\nuser = \"u\"\nmode = \"mute\"\n{secret}"
        ),
        format!(
            "kind = \"freeswitch\"\naddress = \"127.0.0.1:8021\"\nrecording = \"/r/{{call_id}}.wav\"\n{secret}"
        ),
        format!(
            "kind = \"http\"\npause_seconds = 1.5\n{secret}[headers]\nX-Tenant = \"a\"\n\
             [pause]\nurl = \"https://r.example/{{call_id}}\"\nbody = '{{\"why\":\"{{reason}}\"}}'\n\
             [resume]\nmethod = \"DELETE\"\nurl = \"https://r.example/{{call_id}}\"\n\
             [verify]\nurl = \"https://r.example/{{call_id}}\"\npointer = \"/state\"\nequals = \"paused\"\n"
        ),
    ];
    for text in texts {
        let control =
            Control::parse(&text, "h.toml").unwrap_or_else(|error| panic!("{text}: {error}"));
        let shown = toml::to_string(control.written()).unwrap();
        assert!(!format!("{control:?} {shown}").contains("hunter2"));
        let again = Control::parse(&shown, "again.toml").unwrap();
        assert_eq!(again.written(), control.written());
    }
}

#[test]
fn what_is_left_out_is_the_default() {
    let (_folder, secret) = secret_file();
    let text = format!("kind = \"twilio\"\naccount = \"AC1\"\nsecret = \"{secret}\"\n");
    let control = Control::parse(&text, "h.toml").unwrap();
    assert_eq!(control.settings.timing, Timing::default());
    let Platform::Twilio(twilio) = &control.settings.platform else {
        panic!("{control:?}");
    };
    assert_eq!(
        (
            twilio.base_url.as_str(),
            twilio.user.as_str(),
            twilio.recording.as_str()
        ),
        ("https://api.twilio.com", "AC1", "Twilio.CURRENT")
    );
    assert_eq!(twilio.secret.expose(), "hunter2");
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_without_secrets() {
    let (_folder, secret) = secret_file();
    check(
        "",
        "h.toml:1: control.kind: is missing; expected one of twilio, connect,",
    );
    check("kind = \"verint\"", "\"verint\" is not known");
    check("kind = \"twilio\"\nfoo = 1", "unknown field `foo`");
    check(
        "kind = \"twilio\"\naccount = \"AC1\"",
        "control.secret: is missing",
    );
    let pasted = "kind = \"twilio\"\naccount = \"AC1\"\nsecret = \"hunter2\"";
    check(pasted, "h.toml:3: control.secret: expected \"env:NAME\"");
    let problem = Control::parse(pasted, "h.toml").unwrap_err().to_string();
    assert!(!problem.contains("hunter2"));
    check(
        "kind = \"twilio\"\naccount = \"AC1\"\nregion = \"x\"",
        "h.toml:3: control.region: twilio has no use for it",
    );
    check("kind = \"twilio\"\npause_seconds = 0", "h.toml:2");
    check(
        "kind = \"twilio\"\npause_seconds = 0.0",
        "control.pause_seconds: 0 is out of range; expected 0.1 to 60",
    );
    check(
        &format!("kind = \"freeswitch\"\nrecording = \"/a b\"\nsecret = \"{secret}\""),
        "has white space",
    );
    check(
        &format!("kind = \"freeswitch\"\nrecording = \"/a\"\nsecret = \"{secret}\""),
        "control.address: is missing",
    );
    check(
        &format!("kind = \"asterisk\"\nuser = \"u\"\nsecret = \"{secret}\""),
        "control.base_url: is missing",
    );
    let hooks = |pause: &str| {
        format!("kind = \"http\"\n[pause]\n{pause}\n[resume]\nurl = \"https://r/\"\n")
    };
    check("kind = \"http\"", "[control.pause] with a url");
    check(&hooks(""), "control.pause.url: is missing");
    check(
        &hooks("url = \"https://{call_id}/\""),
        "a host without variables",
    );
    check(
        &hooks("url = \"https://r/{callid}\""),
        "{callid} is not known",
    );
    check(
        &hooks("url = \"https://r/\"\npointer = \"/a\""),
        "pointer and equals need each other",
    );
    check(
        &hooks("url = \"https://r/\"\npointer = \"a\"\nequals = \"b\""),
        "expected a JSON pointer",
    );
}
