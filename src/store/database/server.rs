//! Where a PostgreSQL server is, and how safe the way there has to be.

use std::net::IpAddr;

use reqwest::Url;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, ConnectOptions};

use super::DatabaseError;
use crate::call::Sensitive;

/// What a URL has to look like.
const EXPECTED: &str = "expected postgres://USER@HOST:PORT/DATABASE";
/// Ways of TLS that know whom they speak to.
const SECURE: [&str; 2] = ["verify-full", "verify-ca"];

/// A PostgreSQL server's database. What is shown of it has no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    reference: String,
    place: String,
    url: Sensitive<String>,
    has_password: bool,
}

/// An address that is not taken. Does not repeat it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidServer(&'static str);

impl Server {
    /// From an address, and what the configuration has for it, which is all that is shown. TLS with a certificate
    /// that is verified is asked for, except on this machine.
    pub fn new(url: &str, reference: &str) -> Result<Self, InvalidServer> {
        let mut url = Url::parse(url.trim()).map_err(|_| InvalidServer(EXPECTED))?;
        if !["postgres", "postgresql"].contains(&url.scheme()) {
            return Err(InvalidServer(EXPECTED));
        }
        let parameter = |names: &[&str]| {
            let mut pairs = url.query_pairs();
            pairs.find_map(|(name, value)| names.contains(&&*name).then(|| value.into_owned()))
        };
        // Whichever of several counts in the end.
        let mut hosts: Vec<String> = url
            .query_pairs()
            .filter(|(name, _)| ["host", "hostaddr"].contains(&&**name))
            .map(|(_, host)| host.into_owned())
            .chain(url.host_str().map(str::to_owned))
            .filter(|host| !host.is_empty())
            .collect();
        let is_here = hosts.iter().all(|host| is_here(host));
        if hosts.is_empty() {
            return Err(InvalidServer(EXPECTED));
        }
        let host = hosts.swap_remove(0);
        let mode = parameter(&["sslmode", "ssl-mode"]);
        let has_password = url.password().is_some() || parameter(&["password"]).is_some();
        let database = url.path().trim_matches('/').to_owned();
        let place = match url.port() {
            Some(port) => format!("{host}:{port}/{database}"),
            None => format!("{host}/{database}"),
        };
        if !is_here {
            match mode {
                None => {
                    url.query_pairs_mut().append_pair("sslmode", SECURE[0]);
                }
                Some(mode) if SECURE.contains(&&*mode) => {}
                Some(_) => {
                    return Err(InvalidServer(
                        "records must not pass in clear, nor to whoever answers; expected sslmode=verify-full (or \
                         verify-ca), or a server on this machine",
                    ));
                }
            }
        }
        Ok(Self {
            reference: reference.to_owned(),
            place,
            url: Sensitive::new(url.into()),
            has_password,
        })
    }

    /// What the configuration has for its address.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// Where it is, without user and password.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether the address holds a password, which belongs into no configuration file.
    pub fn has_password(&self) -> bool {
        self.has_password
    }
}

/// Whether a host is this machine: a loopback address, or the folder of a socket.
fn is_here(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']);
    host == "localhost"
        || host.starts_with('/')
        || host.to_ascii_lowercase().starts_with("%2f")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

pub(super) async fn connect(
    pool: AnyPoolOptions,
    server: &Server,
) -> Result<AnyPool, DatabaseError> {
    let failed = |error: sqlx::Error| DatabaseError::Connect {
        place: server.place.clone(),
        problem: error.into(),
    };
    let options: AnyConnectOptions = server.url.expose().parse().map_err(failed)?;
    pool.connect_with(options.disable_statement_logging())
        .await
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: Result<(&str, bool), &str>) {
        match (Server::new(url, "env:URL"), expected) {
            (Ok(server), Ok((place, is_verified))) => {
                assert_eq!(server.place(), place);
                let url = server.url.expose();
                assert_eq!(url.contains("sslmode=verify"), is_verified, "{place}");
                assert!(!format!("{server:?}").contains("sesame"));
            }
            (Err(error), Err(expected)) => {
                let error = error.to_string();
                assert!(error.contains(expected), "{error}\nlacks {expected}");
                assert!(!error.contains("sesame"));
            }
            (found, expected) => panic!("{found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn the_way_to_another_machine_is_secure() {
        check(
            "postgres://me:sesame@db.example/calls",
            Ok(("db.example/calls", true)),
        );
        check(
            "postgresql://db.example:6432/calls?sslmode=verify-ca",
            Ok(("db.example:6432/calls", true)),
        );
        check(
            "postgres://me:sesame@db.example/calls?sslmode=require",
            Err("must not pass in clear"),
        );
        check(
            "postgres://me@localhost/calls?host=db.example&sslmode=disable",
            Err("must not pass"),
        );
        check(
            "postgres://me@127.0.0.1:5433/calls",
            Ok(("127.0.0.1:5433/calls", false)),
        );
        check("postgres://me@[::1]/calls", Ok(("[::1]/calls", false)));
        check(
            "postgres://me@localhost/calls?host=/run/postgresql",
            Ok(("/run/postgresql/calls", false)),
        );
        check(
            "postgres://me@localhost/calls?host=/run&hostaddr=192.0.2.1&sslmode=prefer",
            Err("must not pass"),
        );
        check("postgres:///calls", Err(EXPECTED));
        check("mysql://me:sesame@localhost/calls", Err(EXPECTED));
        check("sesame", Err(EXPECTED));
    }

    #[test]
    fn a_password_is_noticed() {
        let has = |url| Server::new(url, "").unwrap().has_password();
        assert!(has("postgres://me:sesame@localhost/calls"));
        assert!(has("postgres://me@localhost/calls?password=sesame"));
        assert!(!has("postgres://me@localhost/calls"));
    }
}
