//! A PostgreSQL server for a test: in a folder of its own, reached through a socket there, gone with it.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hushgate::store::database::{DatabaseSettings, Server};

/// The role that owns the server, as Debian's package makes it; the server refuses to run as root.
const USER: &str = "postgres";

pub(crate) struct Postgres {
    server: Child,
    folder: tempfile::TempDir,
    programs: PathBuf,
}

impl Postgres {
    /// Makes and starts a server with these settings.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let programs = programs();
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o700)).unwrap();
        if is_root() {
            let ids = |flag| {
                let id = Command::new("id").args([flag, USER]).output().unwrap();
                let id = String::from_utf8(id.stdout).unwrap();
                id.trim()
                    .parse()
                    .expect("the role that Debian's package postgresql makes")
            };
            chown(folder.path(), Some(ids("-u")), Some(ids("-g"))).unwrap();
        }
        let data = folder.path().join("data");
        let made = run_as(&programs.join("initdb"))
            .args([
                "--auth=trust",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C",
                "-U",
                USER,
                "-D",
            ])
            .arg(&data)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let mut server = run_as(&programs.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(folder.path());
        server.args(["-c", "listen_addresses="]);
        for setting in settings {
            server.args(["-c", setting]);
        }
        let server = server
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Self {
            server,
            folder,
            programs,
        };
        let mut tries = 0;
        while !started.command("pg_isready").status().unwrap().success() {
            std::thread::sleep(Duration::from_millis(50));
            tries += 1;
            assert!(tries < 400, "the server does not start");
        }
        started
    }

    /// A new database.
    pub(crate) fn database(&self, name: &str) -> DatabaseSettings {
        let made = self.command("createdb").args(["-U", USER, name]).status();
        assert!(made.unwrap().success());
        DatabaseSettings::Server(Server::new(&self.url(name), "env:TEST").unwrap())
    }

    /// The address of a database.
    pub(crate) fn url(&self, name: &str) -> String {
        let folder = self.folder.path().display();
        format!("postgres://{USER}@localhost/{name}?host={folder}")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.arg("-h").arg(self.folder.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At once, without writing what is in memory.
        let server = nix::unistd::Pid::from_raw(self.server.id() as i32);
        let _ = nix::sys::signal::kill(server, nix::sys::signal::Signal::SIGQUIT);
        let _ = self.server.wait();
    }
}

/// Where Debian has the newest server's programs, or where the path leads.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            let version = version.ok()?;
            let number = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .filter(|(_, programs)| programs.join("initdb").exists())
        .collect();
    found.sort();
    let newest = found.pop().map(|(_, programs)| programs);
    newest
        .or_else(|| {
            let paths = std::env::var_os("PATH")?;
            std::env::split_paths(&paths).find(|path| path.join("initdb").exists())
        })
        .expect("PostgreSQL's server, which `make interop` installs")
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A program as the server's role, in the same process: who ends it ends the program.
fn run_as(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={USER}"))
        .arg(format!("--regid={USER}"))
        .arg("--clear-groups")
        .arg(program);
    command
}
