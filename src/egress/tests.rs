use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

#[test]
fn originals_are_not_written_over() {
    let root = TempDir::new().unwrap();
    let path = |name: &str| root.path().join(name);
    fs::create_dir_all(path("calls/old")).unwrap();
    fs::create_dir_all(path("elsewhere")).unwrap();
    fs::write(path("calls/a.wav"), "").unwrap();
    symlink(path("calls"), path("elsewhere/link")).unwrap();
    for (output, input, allowed) in [
        ("calls", "calls", false),
        ("calls", "calls/a.wav", false),
        ("calls/clean", "calls/a.wav", true),
        ("calls/clean", "calls", false),
        ("calls/../calls", "calls/a.wav", false),
        ("calls", "calls/missing.wav", false),
        ("calls/not/yet/there", "calls", false),
        ("elsewhere/../calls", "calls", false),
        ("elsewhere/link", "calls", false),
        ("elsewhere/link/new", "calls", false),
        ("calls-clean", "calls", true),
        ("elsewhere/new", "calls", true),
        (".", "calls", true),
    ] {
        let result = refuse_output_over_input(&path(output), &path(input));
        assert_eq!(result.is_ok(), allowed, "{output} {input}");
    }
}
