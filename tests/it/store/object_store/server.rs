//! An S3 server that we did not write, over a folder that goes away. Used by the library's own tests too.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The one bucket of it.
pub(crate) const BUCKET: &str = "recordings";
/// Both the access key and the secret of its one account.
pub(crate) const KEY: &str = "S3RVER";

/// A running server.
pub(crate) struct S3Server {
    folder: tempfile::TempDir,
    tls: Option<(PathBuf, PathBuf)>,
    running: Option<Child>,
    port: u16,
}

impl S3Server {
    /// Starts one; with files of a private key and a certificate it speaks TLS.
    pub(crate) fn start(tls: Option<(&Path, &Path)>) -> Self {
        let mut server = Self {
            folder: tempfile::tempdir().unwrap(),
            tls: tls.map(|(key, certificate)| (key.to_owned(), certificate.to_owned())),
            running: None,
            port: 0,
        };
        server.go_on();
        server
    }

    /// Starts again where it was, after [`S3Server::stop`].
    pub(crate) fn go_on(&mut self) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let modules = root.join("target/interop/node_modules");
        assert!(
            modules.join("s3rver").is_dir(),
            "{} is not there; `make interop` installs it",
            modules.display()
        );
        let mut command = Command::new("node");
        command
            // Old libraries of the server say what they think of this Node.
            .arg("--no-deprecation")
            .arg(root.join("tests/interop/bucket.js"))
            .arg(self.folder.path())
            .arg(self.port.to_string())
            .env("NODE_PATH", modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some((key, certificate)) = &self.tls {
            command.args([key, certificate]);
        }
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        self.port = line.trim().parse().unwrap();
        self.running = Some(child);
    }

    /// Nobody reaches it any more; what it has stays.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.running.take() {
            let _ = child.kill();
            child.wait().unwrap();
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Names of objects and the files that hold them.
    pub(crate) fn objects(&self) -> BTreeMap<String, PathBuf> {
        let top = self.folder.path().join(BUCKET);
        let name = |file: &PathBuf| {
            let name = file.strip_prefix(&top).ok()?.to_str()?;
            Some(name.strip_suffix("._S3rver_object")?.to_owned())
        };
        files(&top)
            .into_iter()
            .filter_map(|file| Some((name(&file)?, file)))
            .collect()
    }

    /// Everything that it has written down.
    pub(crate) fn everything(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let read = |file: PathBuf| {
            let bytes = std::fs::read(&file).unwrap();
            (file, bytes)
        };
        files(self.folder.path()).into_iter().map(read).collect()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
