use crate::config::Config;
use crate::telemetry::alerts::{AlertKind, Severity};

const ALL: &str = r#"
[[alert]]
name = "no-guarantee"
kind = "forbidden_statement"
severity = "critical"
message = "The agent promised a return."
phrases = ["guarantee* ... return|returns|profit", "수익 ... 보장"]
queues = ["funds"]
[[alert]]
name = "recorded"
kind = "missing_disclosure"
message = "The caller was not told of the recording."
phrases = ["may be recorded|monitored"]
within_seconds = 30
before = ["pan"]
[[alert]]
name = "withdrawal"
kind = "wrong_fact"
message = "A wrong cancellation period."
[[alert.facts]]
about = ["cancel", "cancellation"]
value = ["14 days", "two weeks"]
units = ["day|days", "week|weeks"]
[[alert]]
name = "no-cards"
kind = "forbidden_question"
message = "A card number was asked for."
sites = ["Busan"]
[[alert]]
name = "distress"
kind = "distress"
message = "The caller is in distress."
phrases = ["kill myself"]
by = "anyone"
[[alert]]
name = "silence"
kind = "long_silence"
message = "Nobody speaks."
seconds = 20
[[alert]]
name = "over"
kind = "talk_over"
severity = "info"
message = "Both speak."
seconds = 4
[[alert]]
name = "pin"
kind = "hidden_kind"
message = "A PIN was said."
kinds = ["pin"]
[[alert]]
name = "late"
kind = "late"
message = "Not examined in time."
[[alert]]
name = "failed"
kind = "failed"
message = "Not examined."
seconds = 2.5
[[alert]]
name = "recorder"
kind = "recorder"
message = "The recorder was not paused."
[[alert]]
name = "again"
kind = "second_listener"
message = "Heard afterwards."
"#;

#[test]
fn comes_back_as_it_is_shown() {
    let config = Config::parse(ALL, "hushgate.toml").unwrap();
    let kinds: Vec<AlertKind> = config.alerts.all().map(|rule| rule.test.kind()).collect();
    assert_eq!(kinds, AlertKind::ALL);
    let first = config.alerts.all().next().unwrap();
    assert_eq!(first.severity, Severity::Critical);
    let again = Config::parse(&config.to_toml(), "hushgate.toml").unwrap();
    assert_eq!(again.alerts, config.alerts);
    let shown = config.to_json();
    assert_eq!(shown["alert"][2]["facts"][0]["value"][1], "two weeks");
}

/// What users copy from the documentation is accepted.
#[test]
fn the_documented_rules_are_accepted() {
    let page = include_str!("../../../docs/alerts.md");
    let mut text = "[store]\npath = \"s\"\nkey_file = \"k\"\n".to_owned();
    for block in page.split("```toml\n").skip(1) {
        text.push_str(block.split("```").next().unwrap());
    }
    let config = Config::parse(&text, "alerts.md").unwrap();
    assert_eq!(
        (config.alerts.all().count(), config.webhooks.len()),
        (10, 1)
    );
}

#[test]
fn says_what_is_wrong() {
    let alert = |fields: &str| format!("[[alert]]\nname = \"a\"\nmessage = \"m\"\n{fields}\n");
    for (text, expected) in [
        (
            alert("kind = \"x\""),
            "a.toml:4: alert \"a\": kind: \"x\" is not known; expected one of forbidden",
        ),
        (
            alert("kind = \"distress\""),
            "alert \"a\": phrases: is missing",
        ),
        (
            alert("kind = \"distress\"\nphrases = [\"a | b\"]"),
            "alert \"a\": phrases: \"a | b\" has an empty",
        ),
        (
            alert("kind = \"distress\"\nphrases = [\"maybe? not\"]"),
            "does not begin with a word",
        ),
        (
            alert("kind = \"distress\"\nphrases = [\"help\"]\nby = \"me\""),
            "by: expected agent, customer or anyone",
        ),
        (
            alert("kind = \"distress\"\nphrases = [\"help\"]\nseconds = 3"),
            "seconds: is of no use to distress",
        ),
        (
            alert("kind = \"missing_disclosure\"\nphrases = [\"help\"]"),
            "within_seconds: is missing",
        ),
        (alert("kind = \"long_silence\""), "seconds: is missing"),
        (
            alert("kind = \"long_silence\"\nseconds = 900"),
            "seconds: 900 is out of range; expected 0.1 to 120",
        ),
        (
            alert("kind = \"wrong_fact\""),
            "facts: is missing; expected [[alert.facts]]",
        ),
        (
            alert("kind = \"hidden_kind\"\nkinds = [\"Card!\"]"),
            "kinds: \"Card!\" is no kind",
        ),
        (
            alert("kind = \"late\"\nseverity = \"high\""),
            "severity: \"high\" is not known; expected one of info, warning",
        ),
        (
            alert("kind = \"late\"") + &alert("kind = \"failed\""),
            "name: is that of another alert too",
        ),
        (
            alert("kind = \"late\"\nqueues = [\"\"]"),
            "queues: expected 1 to 100",
        ),
    ] {
        let said = Config::parse(&text, "a.toml").unwrap_err().to_string();
        assert!(said.contains(expected), "{text}: {said}");
    }
}
