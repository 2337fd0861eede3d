use super::*;
use crate::config::Config;

fn read(text: &str) -> Result<Retention, String> {
    Config::parse(text, "hushgate.toml")
        .map(|config| config.retention)
        .map_err(|error| error.to_string())
}

#[test]
fn policies_are_read_and_shown_as_they_were_written() {
    let text = r#"
        [store]
        path = "store"
        key_file = "store.keys"

        [retention_run]
        interval_minutes = 0
        calls_per_second = 50

        [erasure]
        approvals = 3

        [[retention]]
        name = "sound"
        content = ["audio"]
        queue = "billing"
        jurisdiction = "EU"
        keep_days = 90

        [[retention]]
        name = "card numbers"
        kind = "pan"
        delete = "now"

        [[retention]]
        name = "sales"
        content = ["transcript", "report"]
        outcome = "sale"
        quarantined = false
        keep = "forever"
    "#;
    assert_eq!(read(""), Ok(Retention::default()));
    let read = read(text).unwrap();
    assert_eq!(
        (read.interval, read.calls_per_second, read.approvals),
        (None, 50, 3)
    );
    let policies: Vec<&Policy> = read.policies.iter().collect();
    assert_eq!(policies[0].keep, Keep::DeleteNow);
    assert_eq!(policies[0].content.len(), 3);
    assert_eq!(policies[1].keep, Keep::Forever);
    assert_eq!(policies[2].content, BTreeSet::from([Content::Audio]));
    assert_eq!(policies[2].condition.specificity(), 2);
    let config = Config::parse(text, "hushgate.toml").unwrap();
    let shown = Config::parse(&config.to_toml(), "shown").unwrap();
    assert_eq!(shown.retention, read);
    let json = config.to_json();
    assert_eq!(json["retention"][0]["delete"], "now");
    assert_eq!(json["retention_run"]["interval_minutes"], 0);
    assert_eq!(json["erasure"]["approvals"], 3);
}

#[test]
fn mistakes_are_told_with_their_lines() {
    let wrong = |text: &str, problem: &str| {
        let store = "\n[store]\npath = \"store\"\nkey_env = \"KEYS\"\n";
        let text = format!("[[retention]]\n{text}{store}");
        let told = read(&text).unwrap_err();
        assert_eq!(told, format!("hushgate.toml:{problem}"), "{text}");
    };
    wrong(
        "keep_days = 3",
        "1: retention.name: is missing; expected a name that the audit log can tell",
    );
    wrong(
        "name = \"a\"",
        "1: retention: expected one of keep_days = NUMBER, keep = \"forever\" and delete = \"now\"",
    );
    wrong(
        "name = \"a\"\nkeep_days = 3\ndelete = \"now\"",
        "1: retention: expected one of keep_days = NUMBER, keep = \"forever\" and delete = \"now\"",
    );
    wrong(
        "name = \"a\"\nkeep_days = -1",
        "3: retention.keep_days: -1 is out of range; expected 0 to 36500",
    );
    wrong(
        "name = \"a\"\nkeep = \"long\"",
        "3: retention.keep: \"long\" is not known; expected \"forever\"",
    );
    wrong(
        "name = \"a\"\ndelete = \"soon\"",
        "3: retention.delete: \"soon\" is not known; expected \"now\"",
    );
    wrong(
        "name = \"a\"\nkeep_days = 3\ncontent = [\"audio\", \"closing\"]",
        "4: retention.content: expected some of \"audio\", \"transcript\" and \"report\"",
    );
    wrong(
        "name = \"a\"\nkeep_days = 3\n[[retention]]\nname = \"a\"\nkeep_days = 4",
        "4: retention.name: there are two policies \"a\"; give each its name",
    );
    wrong(
        "name = \"a\"\nkeep_days = 3\n[erasure]\napprovals = 0",
        "5: erasure.approvals: 0 is out of range; expected 1 to 9",
    );
    let bare = read("[[retention]]\nname = \"a\"\nkeep_days = 3").unwrap_err();
    assert_eq!(
        bare,
        "hushgate.toml:1: retention: there is no [store]; plain recordings are not deleted by policies"
    );
}
