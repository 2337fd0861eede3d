//! The address by which a platform was told to reach a door, which is what it signs.
//!
//! It is configured, never taken from the request: a peer chooses its own `Host`.

use axum::http::Uri;

/// A scheme, a host, perhaps a port and the beginning of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: &'static str,
    host: Box<str>,
    port: Option<u16>,
    /// Without `/` at the end.
    prefix: Box<str>,
}

/// A text that is not a public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a public address: {0}; expected for instance \"wss://gateway.example.com\"")]
pub struct InvalidPublicUrl(&'static str);

impl PublicUrl {
    /// From a text such as `wss://gateway.example.com:8443/calls`. The door's path and the query come from
    /// each request.
    pub fn new(text: &str) -> Result<Self, InvalidPublicUrl> {
        let uri: Uri = text
            .parse()
            .map_err(|_| InvalidPublicUrl("it is not a URL"))?;
        let scheme = match uri.scheme_str() {
            Some("wss") => "wss",
            Some("ws") => "ws",
            Some("https") => "https",
            Some("http") => "http",
            _ => {
                return Err(InvalidPublicUrl(
                    "its scheme is none of wss, ws, https and http",
                ));
            }
        };
        let authority = uri.authority().ok_or(InvalidPublicUrl("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(InvalidPublicUrl("it has a user's name in it"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(InvalidPublicUrl("it has a query or a fragment"));
        }
        let port = authority.port_u16();
        if port.is_none() && authority.as_str().len() > authority.host().len() {
            return Err(InvalidPublicUrl("its port is not a number up to 65535"));
        }
        Ok(Self {
            scheme,
            host: authority.host().into(),
            port,
            prefix: uri.path().trim_end_matches('/').into(),
        })
    }

    /// The port of the scheme when none is told.
    fn default_port(&self) -> u16 {
        match self.scheme {
            "wss" | "https" => 443,
            _ => 80,
        }
    }

    /// The same address with `https` for `wss`, and so on.
    pub(super) fn schemes(&self) -> [&'static str; 2] {
        match self.scheme {
            "wss" | "https" => ["wss", "https"],
            _ => ["ws", "http"],
        }
    }

    /// As it is configured, with the request's path.
    pub(super) fn with_path(&self, scheme: &str, path: &str) -> String {
        self.assemble(scheme, self.port, path)
    }

    /// All forms of the address that a platform may have signed for a request to `target`: without a port,
    /// with the scheme's and with the configured one; each with and without a `/` at the path's end.
    pub(super) fn candidates(&self, target: &str) -> Vec<String> {
        let (path, query) = match target.find('?') {
            Some(at) => target.split_at(at),
            None => (target, ""),
        };
        let other = match path.strip_suffix('/') {
            Some(shorter) => format!("{shorter}{query}"),
            None => format!("{path}/{query}"),
        };
        let mut ports = vec![None, Some(self.default_port())];
        ports.extend(self.port.map(Some).filter(|port| !ports.contains(port)));
        ports
            .into_iter()
            .flat_map(|port| {
                [target, &other].map(|target| self.assemble(self.scheme, port, target))
            })
            .collect()
    }

    fn assemble(&self, scheme: &str, port: Option<u16>, target: &str) -> String {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let (host, prefix) = (&self.host, &self.prefix);
        format!("{scheme}://{host}{port}{prefix}{target}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_may_have_signed_several_forms() {
        let url = PublicUrl::new("wss://Gateway.example.com:8443/in/").unwrap();
        assert_eq!(
            url.candidates("/calls?a=1"),
            [
                "wss://Gateway.example.com/in/calls?a=1",
                "wss://Gateway.example.com/in/calls/?a=1",
                "wss://Gateway.example.com:443/in/calls?a=1",
                "wss://Gateway.example.com:443/in/calls/?a=1",
                "wss://Gateway.example.com:8443/in/calls?a=1",
                "wss://Gateway.example.com:8443/in/calls/?a=1",
            ]
        );
        let url = PublicUrl::new("ws://[::1]").unwrap();
        assert_eq!(
            url.candidates("/x/"),
            [
                "ws://[::1]/x/",
                "ws://[::1]/x",
                "ws://[::1]:80/x/",
                "ws://[::1]:80/x"
            ]
        );
        let url = PublicUrl::new("https://h:443").unwrap();
        assert_eq!(url.candidates("/").len(), 4);
    }

    #[test]
    fn what_is_wrong_with_an_address_is_told() {
        for (text, problem) in [
            ("", "not a URL"),
            ("gateway.example.com", "scheme"),
            ("ftp://gateway.example.com", "scheme"),
            ("wss://me@gateway.example.com", "user's name"),
            ("wss://gateway.example.com?x=1", "query"),
            ("wss://gateway.example.com/#x", "fragment"),
            ("wss://gateway.example.com:port", ""),
            ("wss://gateway.example.com:99999", ""),
            ("/calls", "scheme"),
        ] {
            let error = PublicUrl::new(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
