//! The interface against its own description, by a program that makes requests from it, right and almost right:
//! none has an answer that blames the server.
//!
//! `make interop` installs it, pinned by hash.

use std::process::Stdio;

use hushgate::access::{Role, Scope};

use super::*;

/// Streams, which do not end by themselves.
const STREAMS: &str = "/live/(events|socket)$|/listen$";

#[tokio::test(flavor = "multi_thread")]
async fn no_request_that_is_described_is_a_server_error() {
    let office = Office::open("").await;
    office.call("CA1").await;
    let checkout = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    // Between them they may do everything.
    for role in [Role::Admin, Role::ComplianceOfficer, Role::Supervisor] {
        let proof = office.token(role, &all_of(role), Scope::default()).await;
        let ran = tokio::process::Command::new("python3")
            .args([
                "-c",
                "from schemathesis.cli import schemathesis; schemathesis()",
                "run",
            ])
            .arg(checkout.join("docs/openapi.json"))
            .arg(format!("--url=http://{}", office.address))
            .args(["--header", proof.trim_end()])
            .args([
                "--checks=not_a_server_error",
                "--phases=examples,coverage,fuzzing",
            ])
            .args([
                "--max-examples=5",
                "--seed=1",
                "--continue-on-failure",
                "--no-color",
            ])
            // The gateway refuses more than 50.
            .args([
                "--rate-limit=45/s",
                "--generation-database=none",
                "--warnings=off",
            ])
            .arg(format!("--exclude-path-regex={STREAMS}"))
            .env("PYTHONPATH", checkout.join("target/interop/python"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(office.folder.path())
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let told = String::from_utf8_lossy(&ran.stdout).into_owned();
        let trouble = String::from_utf8_lossy(&ran.stderr);
        std::fs::create_dir_all(checkout.join("target/described")).unwrap();
        std::fs::write(checkout.join(format!("target/described/{role}.txt")), &told).unwrap();
        assert!(ran.status.success(), "{role}: {told}\n{trouble}");
        // It was let in all the time.
        let me = office.get("/api/v1/me", &proof).await;
        assert_eq!(me.status, 200);
    }
}
