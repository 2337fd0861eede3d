//! The rules of the source tree that the compiler does not know.
//!
//! Which module may import which, where the clock may be read, how long a file may get, what must not be
//! written down at all. Every rule is a function from a file's text to complaints, so that each is also
//! tried on text that breaks it.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests; clippy knows only functions marked so"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

const LONGEST_FILE: usize = 600;

const VOCABULARY: &[&str] = &["call", "audio", "telemetry"];
const CORE: &[&str] = &["alert", "speech", "detect", "policy", "session"];
/// What the adapters may all use: models are files that are made and checked before an engine loads them; SIP
/// and RTP are spoken towards those who send audio and those who record it; who may do what is asked of what is kept.
const GROUND: &[&str] = &["access", "model", "rtp", "sip"];
/// Outside of the core, and as pure: no socket and no clock, but addresses as data.
const PURE_GROUND: &[&str] = &["access", "rtp", "sip"];
/// Named one by one: a group would name their module, which has the sockets too.
const ADDRESSES: &[&str] = &["std::net::IpAddr", "std::net::SocketAddr"];
const ADAPTERS: &[&str] = &["ingress", "engine", "egress", "store"];
/// Above everything but the command line.
const SHELL: &[&str] = &["gateway", "api", "config"];

/// What the core must not reach for: it is given time, audio and text, and does the same on every
/// machine.
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::env",
];

const TOP_LEVEL: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "audio-samples",
    "build.rs",
    "docker-compose.yml",
    "docs",
    "models",
    "src",
    "tests",
];

/// What is wrong with a file, in a rule's eyes.
type Rule = fn(&Source) -> Vec<String>;

/// A text file of the tree.
struct Source {
    /// With `/` between folders, from the top of the tree.
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// The module right under the crate, for files of the library.
    fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?.strip_suffix(".rs")?;
        let first = inside.split('/').next()?;
        (!matches!(first, "lib" | "main")).then_some(first)
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Unit tests may read files and clocks.
    fn is_unit_test(&self) -> bool {
        self.path.starts_with("src/")
            && (self.path.ends_with("/tests.rs") || self.path.contains("/tests/"))
    }

    /// The code without comments, the contents of strings, and a closing `mod tests { ... }`.
    fn code(&self) -> String {
        let code = without_comments_and_strings(&self.text);
        match code.find("#[cfg(test)]\nmod tests {") {
            Some(at) => code[..at].to_owned(),
            None => code,
        }
    }
}

/// Blanks comments and the contents of string literals; keeps line ends.
fn without_comments_and_strings(text: &str) -> String {
    let token = Regex::new(concat!(
        r"(?s)//[^\n]*|/\*.*?\*/",
        r"|\br##\x22.*?\x22##|\br#\x22.*?\x22#|\br\x22[^\x22]*\x22",
        r"|\x22(?:\\.|[^\x22\\])*\x22|'(?:\\.|[^'\\])'",
    ))
    .unwrap();
    token
        .replace_all(text, |found: &regex::Captures<'_>| {
            "\n".repeat(found[0].matches('\n').count())
        })
        .into_owned()
}

/// Every path that the code names, `use` groups spelled out: `crate::audio::Span`, `std::fs::read`.
fn paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let statement = Regex::new(r"\buse\s+([^;]+);").unwrap();
    for captures in statement.captures_iter(code) {
        let flat: String = captures[1].split_whitespace().collect::<Vec<_>>().join(" ");
        expand("", &flat, &mut found);
    }
    let inline = Regex::new(r"\b(?:crate|std|tokio)(?:::\w+)+").unwrap();
    found.extend(inline.find_iter(code).map(|path| path.as_str().to_owned()));
    found
}

/// Spells out one `use` tree.
fn expand(prefix: &str, tree: &str, found: &mut BTreeSet<String>) {
    let tree = tree.trim();
    if let Some((head, rest)) = tree.split_once('{') {
        let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
        let prefix = format!("{prefix}{}", head.trim());
        let (mut depth, mut start) = (0_usize, 0);
        for (at, character) in inner.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    expand(&prefix, &inner[start..at], found);
                    start = at + 1;
                }
                _ => {}
            }
        }
        expand(&prefix, &inner[start..], found);
    } else if !tree.is_empty() {
        let path = tree.split(" as ").next().unwrap_or(tree);
        found.insert(format!("{prefix}{path}").replace("::self", ""));
    }
}

/// Whether a path is `ancestor` or lies in it.
fn lies_in(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Imports point from the shell to the core to the vocabulary; adapters do not know each other.
fn imports(source: &Source) -> Vec<String> {
    let Some(module) = source.module() else {
        return Vec::new();
    };
    if source.is_unit_test() || module == "cli" {
        return Vec::new();
    }
    let mut allowed = vec![VOCABULARY];
    let pure = CORE.contains(&module) || PURE_GROUND.contains(&module);
    if !VOCABULARY.contains(&module) {
        allowed.push(CORE);
    }
    if ADAPTERS.contains(&module) || SHELL.contains(&module) {
        allowed.push(GROUND);
    }
    if SHELL.contains(&module) {
        allowed.push(ADAPTERS);
        allowed.push(SHELL);
    }
    let known = [VOCABULARY, CORE, GROUND, ADAPTERS, SHELL]
        .iter()
        .any(|group| group.contains(&module));
    let mut complaints = Vec::new();
    if !known {
        complaints.push(format!("module {module} has no place in tests/tidy.rs"));
    }
    for path in paths(&source.code()) {
        if let Some(rest) = path.strip_prefix("crate::") {
            let target = rest.split("::").next().unwrap_or(rest);
            // The session is told what came of a window; the engine's plain type says it.
            let exempt = module == "session" && lies_in(&path, "crate::engine::Outcome");
            let is_module = target.starts_with(char::is_lowercase);
            if is_module
                && target != module
                && !exempt
                && !allowed.iter().any(|group| group.contains(&target))
            {
                complaints.push(format!("{module} must not import {path}"));
            }
        }
        let address = PURE_GROUND.contains(&module)
            && ADDRESSES.iter().any(|address| lies_in(&path, address));
        if pure && !address && IMPURE.iter().any(|impure| lies_in(&path, impure)) {
            complaints.push(format!("{module} is pure and must not use {path}"));
        }
    }
    complaints
}

/// The vocabulary and the core are given the time.
fn clocks(source: &Source) -> Vec<String> {
    let pure = source.module().is_some_and(|module| {
        [VOCABULARY, CORE, PURE_GROUND]
            .iter()
            .any(|group| group.contains(&module))
    });
    if !pure || source.is_unit_test() {
        return Vec::new();
    }
    let reading = Regex::new(r"\b(?:Instant|SystemTime|Timestamp|Zoned)::now\b").unwrap();
    reading
        .find_iter(&source.code())
        .map(|found| format!("{} in the core, which is given the time", found.as_str()))
        .collect()
}

/// Only the redactor makes clean audio, and nothing else can change it.
fn clean_audio(source: &Source) -> Vec<String> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let code = source.code();
    let mut complaints = Vec::new();
    if source.path == "src/session/redactor.rs" {
        let body = Regex::new(r"(?s)struct CleanAudio \{(.*?)\}").unwrap();
        if body.captures(&code).is_none_or(|c| c[1].contains("pub")) {
            complaints.push("CleanAudio needs private fields".to_owned());
        }
    } else {
        let literal =
            Regex::new(r"(?m)(^|[^\w>]|=> ?)(?:\w+::)*CleanAudio\s*\{(?:\s*\w+\s*[:,}]|\s*\.\.)")
                .unwrap();
        let declared = Regex::new(r"(?:impl|struct|for|->)\s+(?:\w+::)*CleanAudio\s*\{").unwrap();
        if literal.is_match(&declared.replace_all(&code, "")) {
            complaints.push("only session::redactor makes CleanAudio".to_owned());
        }
        if Regex::new(r"transmute|from_raw_parts").is_ok_and(|raw| raw.is_match(&code))
            && code.contains("CleanAudio")
        {
            complaints.push("CleanAudio must not be made from raw memory".to_owned());
        }
    }
    complaints
}

/// A call that is not examined leaves unhidden: nothing that a user can reach makes one.
fn examination(source: &Source) -> Vec<String> {
    let may = source.path.starts_with("src/session") || source.path == "tests/bench/passthrough.rs";
    let says = source.is_rust() && source.code().contains("NothingAtAll");
    if says && !may {
        return vec!["only a benchmark examines nothing at all".to_owned()];
    }
    Vec::new()
}

/// Files can be read in one sitting and say what they are for.
fn shape(source: &Source) -> Vec<String> {
    if !source.is_rust() {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    let lines = source.text.lines().count();
    if lines > LONGEST_FILE {
        complaints.push(format!("{lines} lines; {LONGEST_FILE} at most"));
    }
    if !source.is_unit_test() && !source.text.starts_with("//!") {
        complaints.push("does not open with //!".to_owned());
    }
    complaints
}

/// A test that does not run proves nothing; unfinished code is not committed.
fn finished(source: &Source) -> Vec<String> {
    if !source.is_rust() {
        return Vec::new();
    }
    let skipped = Regex::new(r"#\[ignore\b|cfg_attr\([^\]]*\bignore\b").unwrap();
    let stub = Regex::new(r"\b(?:todo|unimplemented)!").unwrap();
    let allow = Regex::new(r"#!?\[allow\(").unwrap();
    let code = without_comments_and_strings(&source.text);
    let mut complaints = Vec::new();
    if skipped.is_match(&code) {
        complaints.push("an ignored test".to_owned());
    }
    if stub.is_match(&code) {
        complaints.push("a stub".to_owned());
    }
    if allow.is_match(&code) {
        complaints.push("#[allow]; write #[expect(lint, reason = ...)]".to_owned());
    }
    complaints
}

/// No path of one machine and no package registry's host: the tree builds anywhere.
fn places(source: &Source) -> Vec<String> {
    if source.path == "Cargo.lock" {
        return Vec::new();
    }
    // In pieces, so that this file does not complain about itself.
    let folders = concat!("(?:^|[\\s\"'`=(:])/(?:wo", "rk|ro", "ot|tmp/w", "t)/");
    let hosts = concat!(
        r"(?:static|index)\.crates\.",
        r"io|pythonhosted\.",
        r"org|pypi\.",
        r"org|registry\.npmjs\.",
        r"org|proxy\.golang\.",
        r"org"
    );
    let patterns = [("a machine's path", folders), ("a registry's host", hosts)]
        .map(|(what, pattern)| (what, Regex::new(pattern).unwrap()));
    let mut complaints = Vec::new();
    for (number, line) in source.text.lines().enumerate() {
        for (what, pattern) in &patterns {
            if pattern.is_match(line) {
                complaints.push(format!("line {}: {what}", number + 1));
            }
        }
    }
    complaints
}

/// The top level stays a table of contents.
fn top_level(source: &Source) -> Vec<String> {
    let first = source.path.split('/').next().unwrap_or_default();
    if first.starts_with('.') || TOP_LEVEL.contains(&first) {
        Vec::new()
    } else {
        vec![format!("{first} does not belong at the top level")]
    }
}

const RULES: &[(&str, Rule)] = &[
    ("imports", imports),
    ("clocks", clocks),
    ("clean audio", clean_audio),
    ("examination", examination),
    ("shape", shape),
    ("finished", finished),
    ("places", places),
    ("top level", top_level),
];

/// The files git knows or would take; without git, everything but what is built.
fn tree() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output();
    if let Ok(listed) = listed
        && listed.status.success()
    {
        let names = String::from_utf8_lossy(&listed.stdout).into_owned();
        return names
            .split_terminator('\0')
            .map(|name| root.join(name))
            .collect();
    }
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name();
            let built = ["target", ".git", "__pycache__", "cache", "recordings"];
            if built.iter().any(|skipped| name == *skipped) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    tree()
        .into_iter()
        .filter_map(|path| {
            // Sound and weights are not text; a file deleted but not committed is not there.
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let path = path.strip_prefix(root).ok()?.to_str()?.replace('\\', "/");
            Some(Source { path, text })
        })
        .filter(|source| !source.is_rust() || !source.text.is_empty())
        .collect()
}

#[test]
fn the_tree_is_tidy() {
    let sources = sources();
    assert!(
        sources.iter().filter(|source| source.is_rust()).count() > 20,
        "the tree was not found"
    );
    let complaints: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            RULES.iter().flat_map(move |(name, rule)| {
                rule(source)
                    .into_iter()
                    .map(move |complaint| format!("{} ({name}): {complaint}", source.path))
            })
        })
        .collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[track_caller]
fn check(rule: Rule, path: &str, text: &str, complaints: usize) {
    let found = rule(&Source::new(path, text));
    assert_eq!(found.len(), complaints, "{path}: {text}\n{found:#?}");
}

#[test]
fn forbidden_imports_are_seen() {
    let nested = "use crate::{audio::{MediaTime, Span}, egress::Wav};";
    check(imports, "src/session.rs", nested, 1);
    check(imports, "src/session.rs", "use crate::engine::Outcome;", 0);
    check(
        imports,
        "src/session/hold.rs",
        "use crate::engine::Pool;",
        1,
    );
    check(imports, "src/speech.rs", "use crate::engine::Outcome;", 1);
    check(imports, "src/call.rs", "use crate::detect::Kind;", 1);
    check(imports, "src/telemetry.rs", "use crate::call::Leg;", 0);
    check(
        imports,
        "src/ingress/twilio.rs",
        "fn f(w: crate::egress::Wav) {}",
        1,
    );
    check(imports, "src/engine.rs", "use crate::speech::Window;", 0);
    check(imports, "src/engine.rs", "use crate::model::ggml;", 0);
    check(
        imports,
        "src/store/vault.rs",
        "use crate::egress::Report;",
        1,
    );
    check(
        imports,
        "src/store/vault.rs",
        "use crate::session::CleanAudio;",
        0,
    );
    check(imports, "src/model.rs", "use crate::engine::Pool;", 1);
    check(imports, "src/gateway.rs", "use crate::{cli, egress};", 1);
    check(imports, "src/cli/serve.rs", "use crate::gateway;", 0);
    check(
        imports,
        "src/detect.rs",
        "/// See crate::egress.\nfn f() {}",
        0,
    );
    check(imports, "src/newcomer.rs", "fn f() {}", 1);
}

#[test]
fn impure_core_code_is_seen() {
    check(imports, "src/detect.rs", "use std::{fmt, fs};", 1);
    check(
        imports,
        "src/detect.rs",
        "use std::{\n    fmt,\n    time::{Duration, Instant},\n};",
        1,
    );
    check(
        imports,
        "src/policy.rs",
        "fn f() { std::thread::yield_now() }",
        1,
    );
    check(
        imports,
        "src/speech/cut.rs",
        "use tokio::sync::mpsc as queue;",
        1,
    );
    check(imports, "src/session.rs", "use std::fmt; // not std::fs", 0);
    check(imports, "src/detect/tests.rs", "use std::fs;", 0);
    let address = "use std::net::IpAddr;";
    check(imports, "src/sip/server.rs", address, 0);
    check(imports, "src/sip/server.rs", "use std::net::UdpSocket;", 1);
    check(imports, "src/sip/server.rs", "use std::net;", 1);
    check(imports, "src/sip/server.rs", "use tokio::time;", 1);
    check(imports, "src/detect.rs", address, 1);
    check(clocks, "src/detect.rs", "fn f() { Instant::now(); }", 1);
    check(clocks, "src/gateway.rs", "fn f() { Instant::now(); }", 0);
    check(
        clocks,
        "src/detect.rs",
        "const S: &str = \"Instant::now\";",
        0,
    );
}

#[test]
fn clean_audio_from_elsewhere_is_seen() {
    let literal = "fn f() -> X { CleanAudio { rate, start } }";
    check(clean_audio, "src/egress.rs", literal, 1);
    let path = "fn f() { let a = session::CleanAudio { rate: r }; }";
    check(clean_audio, "src/session.rs", path, 1);
    let implemented = "impl Sink for CleanAudio { fn f() {} }\nfn g() -> CleanAudio { h() }";
    check(clean_audio, "src/egress.rs", implemented, 0);
    let open = "pub struct CleanAudio {\n    pub rate: u32,\n}";
    check(clean_audio, "src/session/redactor.rs", open, 1);
}

#[test]
fn calls_that_are_not_examined_are_seen() {
    let says = "fn f() { g(Examination::NothingAtAll) }";
    for path in ["src/config.rs", "src/cli/serve.rs", "src/gateway/serve.rs"] {
        check(examination, path, says, 1);
        check(
            examination,
            path,
            "fn f() { g(Examination::Everything) }",
            0,
        );
    }
    check(examination, "src/session.rs", says, 0);
    check(examination, "tests/bench/passthrough.rs", says, 0);
}

#[test]
fn untidy_files_are_seen() {
    check(shape, "src/detect.rs", "fn f() {}", 1);
    check(shape, "src/detect/tests.rs", "fn f() {}", 0);
    check(
        shape,
        "tests/it.rs",
        &format!("//! x{}", "\n//".repeat(700)),
        1,
    );
    let ignored = concat!("#[test]\n#[ign", "ore]\nfn f() {}");
    check(finished, "tests/it.rs", ignored, 1);
    check(
        finished,
        "src/detect.rs",
        concat!("fn f() { to", "do!() }"),
        1,
    );
    check(
        finished,
        "src/detect.rs",
        concat!("#![al", "low(dead_code)]"),
        1,
    );
    check(
        finished,
        "src/detect.rs",
        "/// Not `#[ignore]`d.\nfn f() {}",
        0,
    );
    check(places, "docs/x.md", concat!("see /ro", "ot/x"), 1);
    check(
        places,
        "docs/x.md",
        concat!("from https://py", "pi.org/simple"),
        1,
    );
    check(places, "docs/x.md", "see /usr/share and /tmp/out", 0);
    check(top_level, "notes.txt", "", 1);
    check(top_level, ".ci/run", "", 0);
}
