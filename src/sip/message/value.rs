//! The values of headers that are looked into.

use std::fmt;

use super::Method;

/// Characters of a token (RFC 3261, 25.1).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte))
}

/// Splits outside of quoted strings and angle brackets, and trims; `None` if either does not end.
pub(crate) fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut items = Vec::new();
    let (mut start, mut quoted, mut escaped, mut bracketed) = (0, false, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            _ if character == separator && !quoted && !bracketed => {
                items.push(text[start..at].trim());
                start = at + character.len_utf8();
            }
            _ => {}
        }
    }
    items.push(text[start..].trim());
    (!quoted && !bracketed).then_some(items)
}

/// A quoted string's content.
fn unquoted(text: &str) -> String {
    let Some(inner) = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    plain
}

/// Parameters after a value: names in lower case, values without quotes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, Option<String>)>);

impl Parameters {
    /// Reads `name=value` items; empty ones are skipped.
    fn of<'a>(items: impl IntoIterator<Item = &'a str>) -> Self {
        let mut parameters = Vec::new();
        for item in items {
            let (name, value) = match item.split_once('=') {
                Some((name, value)) => (name.trim(), Some(unquoted(value.trim()))),
                None => (item.trim(), None),
            };
            if !name.is_empty() {
                parameters.push((name.to_ascii_lowercase(), value));
            }
        }
        Self(parameters)
    }

    /// Reads `name=value` items with commas between them, as in challenges and credentials.
    pub(crate) fn listed(text: &str) -> Option<Self> {
        Some(Self::of(split(text, ',')?))
    }

    /// The value of a parameter, `""` if it has none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_deref().unwrap_or_default())
    }

    /// Whether the parameter is there.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} parameters", self.0.len())
    }
}

/// A hop: `SIP/2.0/UDP host:port;branch=...` (RFC 3261, 20.42).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP`, `TLS`, in upper case.
    pub transport: String,
    /// Host name or address, IPv6 without brackets.
    pub host: String,
    /// The port, if it is not the default one.
    pub port: Option<u16>,
    /// Branch and the rest.
    pub parameters: Parameters,
}

impl Via {
    /// Reads one hop.
    pub fn parse(text: &str) -> Option<Self> {
        let items = split(text, ';')?;
        let (protocol, rest) = items.first()?.split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        if !protocol.trim().eq_ignore_ascii_case("SIP") || version.trim() != "2.0" {
            return None;
        }
        let (transport, sent_by) = rest.trim().split_once(char::is_whitespace)?;
        let (host, port) = host_and_port(sent_by.trim())?;
        is_token(transport).then(|| Self {
            transport: transport.to_ascii_uppercase(),
            host: host.to_owned(),
            port,
            parameters: Parameters::of(items[1..].iter().copied()),
        })
    }

    /// The transaction's identity.
    pub fn branch(&self) -> Option<&str> {
        self.parameters
            .get("branch")
            .filter(|branch| !branch.is_empty())
    }
}

/// `host`, `host:port`, `[v6]:port`; spaces around the colon are taken.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => {
            let (host, rest) = inner.split_once(']')?;
            (host, rest.trim().strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host.trim(), Some(port)),
            None => (text, None),
        },
    };
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(plain) {
        return None;
    }
    match rest {
        Some(port) => Some((host, Some(port.trim().parse().ok()?))),
        None => Some((host, None)),
    }
}

/// An address with a display name and parameters: From, To, Contact, Route.
#[derive(Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// The name to show, unquoted; empty if there is none.
    pub display: String,
    /// The URI as written.
    pub uri: String,
    /// Tag and the rest.
    pub parameters: Parameters,
}

impl NameAddr {
    /// Reads `"name" <uri>;parameters` or `uri;parameters`.
    pub fn parse(text: &str) -> Option<Self> {
        let items = split(text, ';')?;
        let address = *items.first()?;
        let (display, uri) = match address.rfind('<') {
            Some(open) => {
                let uri = address[open + 1..].strip_suffix('>')?.trim();
                (address[..open].trim(), uri)
            }
            // RFC 3261, 20.10: whose question mark would it be?
            None if address.contains('?') => return None,
            None => ("", address),
        };
        // RFC 3261, 25.1: a name is quoted, or a row of tokens. Letters of other languages are taken.
        let quoted = display.len() >= 2 && display.starts_with('"') && display.ends_with('"');
        let word = |c: char| {
            !c.is_ascii() || c == ' ' || c == '\t' || is_token(c.encode_utf8(&mut [0; 4]))
        };
        if !quoted && !display.chars().all(word) {
            return None;
        }
        let scheme = uri.split_once(':').map(|(scheme, _)| scheme)?;
        if !is_token(scheme) || uri.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>'))
        {
            return None;
        }
        Some(Self {
            display: unquoted(display),
            uri: uri.to_owned(),
            parameters: Parameters::of(items[1..].iter().copied()),
        })
    }

    /// The dialog's tag.
    pub fn tag(&self) -> Option<&str> {
        self.parameters.get("tag").filter(|tag| !tag.is_empty())
    }
}

impl fmt::Debug for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameAddr([redacted])")
    }
}

/// What of a `sip:` or `sips:` URI says where it leads.
#[derive(Clone, PartialEq, Eq)]
pub struct Uri {
    /// In lower case.
    pub scheme: String,
    /// Before the `@`, if there is one.
    pub user: Option<String>,
    /// Host name or address, IPv6 without brackets.
    pub host: String,
    /// The port, if it is not the default one.
    pub port: Option<u16>,
    /// Transport, lr and the rest.
    pub parameters: Parameters,
}

impl Uri {
    /// Reads a SIP URI; `None` for other schemes.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "sip" && scheme != "sips" {
            return None;
        }
        // A user may hold `;` and `?` (RFC 3261, 25.1), a host may not.
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        let address = rest.split('?').next()?;
        let mut items = address.split(';');
        let (host, port) = host_and_port(items.next()?)?;
        Some(Self {
            scheme,
            user,
            host: host.to_owned(),
            port,
            parameters: Parameters::of(items),
        })
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({}, [redacted])", self.scheme)
    }
}

/// A request's number and method (RFC 3261, 20.16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// Under 2^31.
    pub number: u32,
    /// Of the request.
    pub method: Method,
}

impl CSeq {
    /// Reads `101 INVITE`.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, method) = text.trim().split_once(char::is_whitespace)?;
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u32 = number
            .parse()
            .ok()
            .filter(|number| digits && *number < 1 << 31)?;
        let method = method.trim();
        is_token(method).then(|| Self {
            number,
            method: Method::of(method),
        })
    }
}

/// What a body is: `multipart/mixed;boundary=x`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    /// Type and subtype in lower case, as `application/sdp`.
    pub essence: String,
    /// Boundary and the rest.
    pub parameters: Parameters,
}

impl ContentType {
    /// Reads a type. What stands at either side of the slash is not checked: vendors leave out the subtype.
    pub fn parse(text: &str) -> Option<Self> {
        let items = split(text, ';')?;
        let (kind, subtype) = items.first()?.split_once('/')?;
        let essence = format!("{}/{}", kind.trim(), subtype.trim()).to_ascii_lowercase();
        Some(Self {
            essence,
            parameters: Parameters::of(items[1..].iter().copied()),
        })
    }

    /// Whether there are parts in it.
    pub fn is_multipart(&self) -> bool {
        self.essence.starts_with("multipart/")
    }
}

/// Who keeps a session alive (RFC 4028).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// The sender of the request.
    Uac,
    /// Its receiver.
    Uas,
}

/// How long a session lasts without a refresh (RFC 4028, 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval.
    pub seconds: u32,
    /// Who refreshes, if it is said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads `1800;refresher=uac`.
    pub fn parse(text: &str) -> Option<Self> {
        let items = split(text, ';')?;
        let parameters = Parameters::of(items[1..].iter().copied());
        let refresher = match parameters
            .get("refresher")
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            Some("uac") => Some(Refresher::Uac),
            Some("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Some(Self {
            seconds: items.first()?.parse().ok()?,
            refresher,
        })
    }
}
