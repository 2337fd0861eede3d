//! Every command on the store for every role: as the table says, where the configuration has `[access]`.

use std::io::Write as _;
use std::process::{Output, Stdio};

use hushgate::access::Permission::*;
use hushgate::access::{Grant, Permission, Role, grant};
use serde_json::Value;

use super::*;
use crate::program::hushgate;

/// Runs a command on a store, perhaps with a token, and with this on standard input.
fn run(folder: &std::path::Path, token: Option<&str>, input: &str, arguments: &[&str]) -> Output {
    let mut command = hushgate();
    command
        .args(arguments)
        .env("HUSHGATE_CONFIG", folder.join("hushgate.toml"))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(token) = token {
        command.env("HUSHGATE_TOKEN", token);
    }
    let mut process = command.spawn().unwrap();
    // A command that asks for nothing has gone already.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    process.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_every_command_asks_the_table() {
    let office = Office::open("").await;
    office.call("CA1").await;
    // The log is the commands' now.
    let auditor = Arc::clone(&office.auditor);
    tokio::task::spawn_blocking(move || auditor.stop())
        .await
        .unwrap();
    let folder = office.folder.path();
    let commands: [(&[&str], &[Permission]); 22] = [
        (&["recordings", "list"], &[ListRecordings]),
        (
            &["recordings", "show", "CA1"],
            &[ReadReport, SeeKinds, ReadTranscript],
        ),
        (
            &["recordings", "export", "CA1", "--out", "taken.wav"],
            &[ExportRecording, SeeKinds, ReadTranscript],
        ),
        (&["keys", "list"], &[ListKeys]),
        (&["keys", "rotate"], &[RotateKeys]),
        (&["users", "list"], &[ListUsers]),
        (&["tokens", "list"], &[ListTokens]),
        (
            &["tokens", "create", "x", "--permission", "read_metrics"],
            &[ManageTokens],
        ),
        (
            &["recordings", "search"],
            &[ListRecordings, ReadReport, SeeKinds],
        ),
        (&["recordings", "reindex"], &[RebuildIndex]),
        (&["report"], &[ReadComplianceReports]),
        (&["backup", "--out", "copy"], &[MakeBackup]),
        (&["retention", "plan"], &[ReadRetention]),
        (&["retention", "run"], &[RunRetention]),
        (
            &["hold", "place", "--call", "CA1", "--reason", "a case"],
            &[PlaceHolds],
        ),
        (&["hold", "list"], &[ReadRetention]),
        (
            &["erase", "request", "--call", "CA1", "--reason", "asked for"],
            &[RequestErasure],
        ),
        (&["erase", "list"], &[ReadErasures]),
        (&["alerts", "list"], &[SeeAlerts]),
        (&["webhooks", "list"], &[ReadConfiguration]),
        (&["webhooks", "dead"], &[ReadConfiguration]),
        (&["webhooks", "retry", "--all"], &[ManageWebhooks]),
    ];
    let listen = ["recordings", "listen", "--all"];
    let mut denied = 0;
    for role in Role::ALL {
        let token = office
            .token_secret(role, &all_of(role), Scope::default())
            .await;
        for (arguments, permissions) in commands {
            let _ = std::fs::remove_file(folder.join("taken.wav"));
            let _ = std::fs::remove_dir_all(folder.join("copy"));
            let may = permissions
                .iter()
                .all(|permission| matches!(grant(role, *permission), Grant::Yes | Grant::Named));
            let output = run(folder, Some(&token), "", arguments);
            let told = said(&output);
            assert_eq!(
                output.status.success(),
                may,
                "{role}: {arguments:?}: {told}"
            );
            assert!(!told.contains(&token));
            if !may {
                assert!(
                    told.contains("is not permitted to"),
                    "{role}: {arguments:?}: {told}"
                );
                assert!(!folder.join("taken.wav").exists() && !folder.join("copy").exists());
                denied += 1;
            }
        }
        // Who may, has the speech model loaded: that is tried elsewhere.
        if grant(role, ReviewQuarantine) != Grant::Yes {
            let told = said(&run(folder, Some(&token), "", &listen));
            assert!(told.contains("is not permitted to"), "{role}: {told}");
            denied += 1;
        }
    }
    assert!(denied > 60, "{denied}");
    assert_eq!(office.entries(Action::AccessDenied).len(), denied);
    assert_eq!(office.entries(Action::RecordingExported).len(), 2);

    for (token, expected) in [
        (None, "put a token into HUSHGATE_TOKEN"),
        (
            Some("hushgate_wrong"),
            "HUSHGATE_TOKEN: is no token of this store",
        ),
    ] {
        for (arguments, _) in commands {
            let output = run(folder, token, "", arguments);
            assert_eq!(output.status.code(), Some(1));
            assert!(said(&output).contains(expected), "{}", said(&output));
        }
    }
    // Who is limited to places is not told of all calls.
    let limited = office
        .token_secret(Role::Supervisor, &all_of(Role::Supervisor), at("Seoul"))
        .await;
    let output = run(folder, Some(&limited), "", &["recordings", "list"]);
    assert!(
        said(&output).contains("it concerns all calls"),
        "{}",
        said(&output)
    );
}

#[test]
fn users_and_tokens_are_made_by_command() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[store]\npath = \"store\"\nkey_file = \"store.keys\"\n[access]\n";
    std::fs::write(folder.path().join("hushgate.toml"), config).unwrap();
    let folder = folder.path();
    #[track_caller]
    fn done(output: &Output) -> String {
        assert!(output.status.success(), "{}", said(output));
        String::from_utf8(output.stdout.clone()).unwrap()
    }
    #[track_caller]
    fn refused(output: &Output, expected: &str) {
        assert_eq!(output.status.code(), Some(1));
        assert!(
            said(output).contains(expected),
            "{}\nlacks {expected}",
            said(output)
        );
    }
    let password = format!("{PASSWORD}\n");
    let add = |name: &str, role: &str, input: &str, more: &[&str]| {
        let arguments = [&["users", "add", name, "--role", role], more].concat();
        run(folder, None, input, &arguments)
    };
    refused(
        &add("kim", "supervisor", &password, &[]),
        "the first is an admin",
    );
    refused(
        &add("root", "admin", "short7\n", &[]),
        "12 characters or more",
    );
    refused(
        &add("root", "admin", "", &[]),
        "expected the new password of root",
    );
    assert!(done(&add("root", "admin", &password, &[])).contains("root"));
    refused(
        &add("kim", "supervisor", &password, &[]),
        "give --sign-in USER",
    );
    refused(
        &add(
            "kim",
            "supervisor",
            "wrong horse 7\n",
            &["--sign-in", "root"],
        ),
        "the name or password is wrong",
    );
    let both = format!("{PASSWORD}\ncorrect horse 8\n");
    let made = done(&add(
        "kim",
        "supervisor",
        &both,
        &["--sign-in", "root", "--site", "Seoul", "--json"],
    ));
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(made["user"]["scope"]["sites"][0], "Seoul");
    assert!(!made.to_string().contains("argon2"));
    refused(
        &add("kim", "agent", &both, &["--sign-in", "root"]),
        "there is a user kim already",
    );

    let as_root = |arguments: &[&str]| {
        run(
            folder,
            None,
            &password,
            &[arguments, &["--sign-in", "root"]].concat(),
        )
    };
    done(&as_root(&[
        "users",
        "set-role",
        "kim",
        "auditor",
        "--everywhere",
    ]));
    done(&as_root(&["users", "disable", "kim"]));
    let listed = done(&as_root(&["users", "list"]));
    assert!(
        listed.contains("kim") && listed.contains("auditor") && listed.contains("disabled"),
        "{listed}"
    );
    refused(&as_root(&["users", "disable", "root"]), "the last admin");
    let made = done(&as_root(&[
        "tokens",
        "create",
        "ci",
        "--role",
        "admin",
        "--permission",
        "list_users",
    ]));
    let token = made.trim();
    assert!(token.starts_with("hushgate_"));
    let listed = done(&run(folder, Some(token), "", &["users", "list", "--json"]));
    assert!(listed.contains("\"kim\""));
    refused(
        &run(folder, Some(token), "", &["tokens", "list"]),
        "the token was not given this permission",
    );
    let tokens: Value =
        serde_json::from_str(&done(&as_root(&["tokens", "list", "--json"]))).unwrap();
    assert!(!tokens.to_string().contains(token));
    let id = tokens["tokens"][0]["id"].as_str().unwrap();
    done(&as_root(&["tokens", "revoke", id]));
    refused(
        &run(folder, Some(token), "", &["users", "list"]),
        "is no token of this store",
    );
    refused(
        &as_root(&["tokens", "create", "x", "--permission", "manage_users"]),
        "the role service never has the permission manage_users",
    );

    std::fs::write(
        folder.join("hushgate.toml"),
        config.replace("[access]\n", ""),
    )
    .unwrap();
    refused(&as_root(&["users", "list"]), "has no [access]");
    for command in [
        &["users", "add"][..],
        &["users", "list"],
        &["tokens", "create"],
        &["tokens", "revoke"],
    ] {
        let help = done(&run(folder, None, "", &[command, &["--help"]].concat()));
        assert!(help.contains("Examples:"), "{help}");
    }
}
