//! Who comes in: the readers of an HTTP request's proofs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use hushgate::ingress::audiohook::AudioHookHandshake;
use hushgate::ingress::authentication::message_signature::{
    self, ClientKey, MessageSignatures, SignatureLimits,
};
use hushgate::ingress::authentication::plivo_signature::{self, PlivoSignatures};
use hushgate::ingress::authentication::public_url::PublicUrl;
use hushgate::ingress::authentication::token::Tokens;
use hushgate::ingress::authentication::twilio_signature::{self, TwilioSignatures};
use hushgate::ingress::authentication::{Proof, RequestHead, Secret};

/// When seeds are signed: the reference implementation's published example.
const NOW: u64 = 1_641_013_200;
const API_KEY: &str = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";
const CLIENT_SECRET: &str = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU=";
/// Of a key without a secret.
const OPEN_KEY: &str = "open==";
const TOKEN: &str = "user:sesame";
const NONCE: &str = "VGhpc0lzQVVuaXF1ZU5vbmNl";
const PUBLIC: &str = "wss://gateway.example.com";
/// The header of tokens that are in one of choice.
const CHOSEN: &str = "x-key";

/// A request that came from anywhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub target: String,
    pub authority: String,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// A request in lines: what to damage, of which the first three bytes count; the target; the authority; the
/// headers, each with a colon after its name.
pub fn request(bytes: &[u8]) -> ([u8; 3], Request) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut damage = [0; 3];
    let first = lines.next().unwrap_or_default();
    for (to, from) in damage.iter_mut().zip(first) {
        *to = *from;
    }
    let text = |line: Option<&[u8]>| String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
    let target = format!("/{}", text(lines.next()).trim_start_matches('/'));
    let authority = text(lines.next());
    let headers = lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            Some((name, line[colon + 1..].to_vec()))
        })
        .collect();
    let request = Request {
        target,
        authority,
        headers,
    };
    (damage, request)
}

impl Request {
    fn head<T>(&self, then: impl FnOnce(&RequestHead<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        then(&RequestHead {
            method: "GET",
            target: &self.target,
            authority: &self.authority,
            headers: &headers,
        })
    }

    /// The value of a header, if it comes once.
    fn header(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let (_, value) = values.next()?;
        values.next().is_none().then(|| value.trim_ascii())
    }

    fn with(&self, name: &str, value: &str) -> Self {
        let mut request = self.clone();
        request.headers.retain(|(known, _)| known != name);
        request.headers.push((name.into(), value.into()));
        request
    }
}

/// Whether some door of seeds lets a request in.
pub fn lets_in(request: &Request) -> bool {
    let token = || vec![secret(TOKEN)];
    let twilio = TwilioSignatures::new(address(PUBLIC), token());
    let plivo = PlivoSignatures::new(address(PUBLIC), token());
    let keys = vec![client(None), client_key(OPEN_KEY, None)];
    let mut audiohook = MessageSignatures::new(keys, SignatureLimits::default());
    request.head(|head| {
        let mut tokens = tokens(&secret(TOKEN)).into_iter();
        tokens.any(|(_, tokens)| tokens.verify(head).is_accepted())
            || twilio.verify(head).is_accepted()
            || plivo.verify(head).is_accepted()
            || audiohook.verify(head, NOW).is_accepted()
    })
}

/// Requests as they come, and requests that were signed and changed on the way.
pub fn signatures(bytes: &[u8]) {
    let (damage, request) = request(bytes);
    as_it_comes(&request);
    changed_on_the_way(damage, &request);
    addresses(&request);
}

/// Nothing is accepted by a door whose secret nobody has; what is accepted has the token or is signed with it,
/// and no signature of AudioHook's twice.
fn as_it_comes(request: &Request) {
    let accepted = |proof: Proof| proof == Proof::Valid;
    for (name, tokens) in tokens(&secret(TOKEN)) {
        if accepted(request.head(|head| tokens.verify(head))) {
            let value = request.header(name).unwrap_or_default();
            let decoded = value
                .get(5..)
                .and_then(|value| STANDARD.decode(value.trim_ascii()).ok());
            let has_it = |value: &[u8]| value.ends_with(TOKEN.as_bytes());
            assert!(has_it(value) || has_it(&decoded.unwrap_or_default()));
        }
    }
    let nobodys = secret("a secret that nobody has");
    for (_, tokens) in tokens(&nobodys) {
        assert!(!request.head(|head| tokens.verify(head)).is_accepted());
    }
    let address = address(PUBLIC);
    for (token, is_known) in [(secret(TOKEN), true), (nobodys.clone(), false)] {
        let twilio = TwilioSignatures::new(address.clone(), vec![token.clone()]);
        let plivo = PlivoSignatures::new(address.clone(), vec![token.clone()]);
        if accepted(request.head(|head| twilio.verify(head))) {
            let given = request.header("x-twilio-signature").unwrap_or_default();
            assert!(is_known && given.len() == 28);
        }
        if accepted(request.head(|head| plivo.verify(head))) {
            let given = request.header("x-plivo-signature-v3").unwrap_or_default();
            assert!(is_known && given.len() >= 44);
        }
    }
    let mut door = MessageSignatures::new(vec![client(None)], SignatureLimits::default());
    let first = request.head(|head| door.verify(head, NOW));
    let second = request.head(|head| door.verify(head, NOW));
    match first {
        Proof::Valid => assert_eq!(second, Proof::Invalid("the signature was used before")),
        Proof::Unsigned => panic!("the key has a secret"),
        Proof::Invalid(_) => assert!(!second.is_accepted()),
    }
    let keys = vec![client(Some(nobodys)), client_key(OPEN_KEY, None)];
    let mut door = MessageSignatures::new(keys, SignatureLimits::default());
    match request.head(|head| door.verify(head, NOW)) {
        Proof::Valid => panic!("nobody has the secret"),
        Proof::Unsigned => assert!(request.header("signature").is_none()),
        Proof::Invalid(_) => {}
    }
    let _ = AudioHookHandshake::new(request.target.trim_start_matches('/'), &request.authority);
}

/// A signed request is accepted as it was, and refused with any one byte changed that means something.
fn changed_on_the_way(damage: [u8; 3], request: &Request) {
    let plain = |text: &str| -> String {
        text.chars()
            .filter(|c| c.is_ascii_alphanumeric() || "/-._~?=&:".contains(*c))
            .collect()
    };
    let mut request = Request {
        target: plain(&request.target),
        authority: plain(&request.authority),
        headers: Vec::new(),
    };
    let bearer = secret(TOKEN);
    for (_, tokens) in tokens(&bearer) {
        if let Some((name, value)) = tokens.sign() {
            let signed = request.with(name, value.expose());
            let verify = |request: &Request| request.head(|head| tokens.verify(head));
            check(&signed, damage, &[], verify);
        }
    }

    let address = address(PUBLIC);
    let url = format!("{PUBLIC}{}", request.target);
    let signature = twilio_signature::sign(&bearer, &url, &[]);
    let signed = request.with("x-twilio-signature", signature.expose());
    let twilio = TwilioSignatures::new(address.clone(), vec![bearer.clone()]);
    check(&signed, damage, &[Place::Target], |request| {
        request.head(|head| twilio.verify(head))
    });

    let signature = plivo_signature::sign(&bearer, &url, NONCE);
    let signed = request
        .with("x-plivo-signature-v3", signature.expose())
        .with("x-plivo-signature-v3-nonce", NONCE);
    let plivo = PlivoSignatures::new(address, vec![bearer]);
    // A query is signed as it is understood, so that it can be written in several ways.
    let places: &[Place] = if request.target.contains('?') {
        &[]
    } else {
        &[Place::Target]
    };
    check(&signed, damage, places, |request| {
        request.head(|head| plivo.verify(head))
    });

    for name in ["organization", "session", "correlation"] {
        let name = format!("audiohook-{name}-id");
        request = request.with(&name, &format!("{name}-{}", request.authority.len()));
    }
    request = request.with("x-api-key", API_KEY);
    let (key, nonce) = (client(None), STANDARD.encode([damage[2]; 16]));
    let signed = request.head(|head| {
        message_signature::sign(head, &key, &nonce, NOW, Some(NOW + u64::from(damage[0])))
    });
    let Ok(headers) = signed else {
        return;
    };
    let signed = request
        .with("signature-input", headers.input.expose())
        .with("signature", headers.signature.expose());
    let verify = |request: &Request| {
        let mut door = MessageSignatures::new(vec![client(None)], SignatureLimits::default());
        request.head(|head| door.verify(head, NOW))
    };
    // A signature that is about to expire is refused.
    if damage[0] >= 5 {
        check(&signed, damage, &[Place::Target, Place::Authority], verify);
    } else {
        assert!(!verify(&signed).is_accepted());
    }
}

/// Where a request can be changed, besides its headers.
#[derive(Clone, Copy)]
enum Place {
    Target,
    Authority,
}

/// What is signed is accepted, and with one byte changed it is not.
fn check(
    signed: &Request,
    [place, at, with]: [u8; 3],
    places: &[Place],
    verify: impl Fn(&Request) -> Proof,
) {
    assert_eq!(verify(signed), Proof::Valid, "{signed:?}");
    let mut changed = signed.clone();
    let place = usize::from(place) % (places.len() + signed.headers.len());
    let change = |bytes: &mut Vec<u8>| {
        let at = usize::from(at) % bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = with;
        }
    };
    let change_text = |text: &mut String| {
        let mut bytes = std::mem::take(text).into_bytes();
        change(&mut bytes);
        *text = String::from_utf8_lossy(&bytes).into_owned();
    };
    match places.get(place) {
        Some(Place::Target) => change_text(&mut changed.target),
        Some(Place::Authority) => change_text(&mut changed.authority),
        None => change(&mut changed.headers[place - places.len()].1),
    }
    if !means_the_same(signed, &changed) {
        assert!(
            !verify(&changed).is_accepted(),
            "{signed:?}\nas {changed:?}"
        );
    }
}

/// Whether a change touches nothing that counts: the case of hosts and of a scheme's name, and a folded line
/// in place of a space.
fn means_the_same(one: &Request, other: &Request) -> bool {
    let authority = |request: &Request| request.authority.trim().to_ascii_lowercase();
    let headers = |request: &Request| -> Vec<(String, Vec<u8>)> {
        let headers = request.headers.iter();
        headers
            .map(|(name, value)| {
                let text = String::from_utf8_lossy(value);
                let value = match (name.as_str(), text.split_once(' ')) {
                    ("authorization", Some((scheme, rest))) => {
                        format!("{} {}", scheme.to_ascii_lowercase(), rest.trim()).into_bytes()
                    }
                    _ => text.trim_ascii().replace('\n', " ").into_bytes(),
                };
                (name.clone(), value)
            })
            .collect()
    };
    one.target == other.target
        && authority(one) == authority(other)
        && headers(one) == headers(other)
}

/// What is taken for a public address is signed as it is written.
fn addresses(request: &Request) {
    let text = format!("wss://{}", request.authority);
    let written = text.trim_end_matches('/');
    // A port that begins with 0 is written without it.
    let has_port = text.matches(':').count() > 1;
    if let Ok(address) = PublicUrl::new(&text)
        && !has_port
    {
        let token = secret(TOKEN);
        let signature = twilio_signature::sign(&token, &format!("{written}/x"), &[]);
        let signed = Request {
            target: "/x".into(),
            authority: String::new(),
            headers: vec![(
                "x-twilio-signature".into(),
                signature.expose().as_bytes().into(),
            )],
        };
        let door = TwilioSignatures::new(address, vec![token]);
        assert_eq!(
            signed.head(|head| door.verify(head)),
            Proof::Valid,
            "{text}"
        );
    }
}

/// Every way to send a token, with the header that it is in.
fn tokens(token: &Secret) -> [(&'static str, Tokens); 3] {
    [
        ("authorization", Tokens::bearer(vec![token.clone()])),
        ("authorization", Tokens::basic(vec![token.clone()])),
        (CHOSEN, Tokens::header(CHOSEN, vec![token.clone()])),
    ]
}

#[expect(clippy::unwrap_used, reason = "it is not empty")]
fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

#[expect(clippy::unwrap_used, reason = "it is one")]
fn address(text: &str) -> PublicUrl {
    PublicUrl::new(text).unwrap()
}

/// The key of seeds, with its own secret or another.
#[expect(clippy::unwrap_used, reason = "the secret is base64")]
fn client(secret: Option<Secret>) -> ClientKey {
    let own = || Secret::from_base64(CLIENT_SECRET).unwrap();
    client_key(API_KEY, Some(secret.unwrap_or_else(own)))
}

#[expect(clippy::unwrap_used, reason = "the key is valid")]
fn client_key(key: &str, secret: Option<Secret>) -> ClientKey {
    ClientKey::new(key, secret).unwrap()
}
