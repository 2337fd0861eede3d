use proptest::prelude::*;

use super::*;

const API_KEY: &str = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";
const CLIENT_SECRET: &str = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU=";
const NONCE: &str = "VGhpc0lzQVVuaXF1ZU5vbmNl";
const CREATED: u64 = 1_641_013_200;
const COMPONENTS: &str = "\"@request-target\" \"@authority\" \"audiohook-organization-id\" \
    \"audiohook-session-id\" \"audiohook-correlation-id\" \"x-api-key\"";
const PARAMETERS: &str = "keyid=\"SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh\";nonce=\"VGhpc0lzQVVuaXF1ZU5vbmNl\";\
    alg=\"hmac-sha256\";created=1641013200;expires=3282026430";
const SIGNATURE: &str = "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:";

/// A request that can be changed.
#[derive(Clone)]
struct Request {
    target: String,
    authority: String,
    headers: Vec<(String, Vec<u8>)>,
}

impl Request {
    /// The published example.
    fn published() -> Self {
        Self::unsigned()
            .with(
                "signature-input",
                &format!("sig1=({COMPONENTS});{PARAMETERS}"),
            )
            .with("signature", SIGNATURE)
    }

    fn unsigned() -> Self {
        Self {
            target: "/api/v1/voicebiometrics/ws".into(),
            authority: "audiohook.example.com".into(),
            headers: Vec::new(),
        }
        .with(
            "audiohook-organization-id",
            "d7934305-0972-4844-938e-9060eef73d05",
        )
        .with(
            "audiohook-session-id",
            "30b0e395-84d3-4570-ac13-9a62d8f514c0",
        )
        .with(
            "audiohook-correlation-id",
            "e160e428-53e2-487c-977d-96989bf5c99d",
        )
        .with("x-api-key", API_KEY)
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    fn changed(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    fn signed(self, key: &ClientKey, nonce: &str, created: u64) -> Self {
        let headers = self.head(|head| sign(head, key, nonce, created, Some(created + 30)));
        let headers = headers.unwrap();
        self.with("signature-input", headers.input.expose())
            .with("signature", headers.signature.expose())
    }

    /// Signed with any parameters, also such that [`sign`] does not make.
    fn signed_as(self, components: &str, parameters: &str) -> Self {
        let list = format!("({components}){parameters}");
        let lines: Vec<String> = components
            .split_whitespace()
            .map(|component| {
                let name = component.trim_matches('"');
                let value = match name {
                    "@request-target" => self.target.clone(),
                    "@authority" => self.authority.clone(),
                    "@method" => "GET".into(),
                    name => self.head(|head| {
                        let value = canonical(head, name).unwrap_or_default();
                        String::from_utf8_lossy(&value).into_owned()
                    }),
                };
                format!("{component}: {value}\n")
            })
            .collect();
        let base = format!("{}\"@signature-params\": {list}", lines.concat());
        let mac = hmac::<Sha256>(&STANDARD.decode(CLIENT_SECRET).unwrap(), base.as_bytes());
        self.with("signature-input", &format!("sig1={list}"))
            .with("signature", &format!("sig1=:{}:", STANDARD.encode(&*mac)))
    }

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

    fn verify(&self, door: &mut MessageSignatures, now: u64) -> Proof {
        self.head(|head| door.verify(head, now))
    }
}

fn key() -> ClientKey {
    ClientKey::new(API_KEY, Some(Secret::from_base64(CLIENT_SECRET).unwrap())).unwrap()
}

fn door() -> MessageSignatures {
    let other = ClientKey::new("other", Some(Secret::new("other").unwrap())).unwrap();
    let open = ClientKey::new("open==", None).unwrap();
    MessageSignatures::new(vec![other, key(), open], SignatureLimits::default())
}

/// A request that is refused, and a word of the reason.
#[track_caller]
fn check_refused(request: &Request, reason: &str) {
    check_refused_at(request, CREATED, reason);
}

#[track_caller]
fn check_refused_at(request: &Request, now: u64, reason: &str) {
    let Proof::Invalid(said) = request.verify(&mut door(), now) else {
        panic!("accepted, but was to be refused: {reason}");
    };
    assert!(said.contains(reason), "{said:?}, not {reason:?}");
}

#[test]
fn the_published_signature_is_accepted() {
    let request = Request::published();
    assert_eq!(request.verify(&mut door(), CREATED), Proof::Valid);
    // The order of headers, and space around values, do not matter.
    let mut turned = request.clone();
    turned.headers.reverse();
    let turned = turned.changed(
        "audiohook-session-id",
        " 30b0e395-84d3-4570-ac13-9a62d8f514c0\t",
    );
    assert_eq!(turned.verify(&mut door(), CREATED), Proof::Valid);
}

#[test]
fn the_published_example_is_signed_as_published() {
    let signed = |expires| {
        Request::unsigned()
            .head(|head| sign(head, &key(), NONCE, CREATED, Some(expires)))
            .unwrap()
    };
    let far = signed(3_282_026_430);
    assert_eq!(
        far.input.expose(),
        &format!("sig1=({COMPONENTS});{PARAMETERS}")
    );
    assert_eq!(far.signature.expose(), SIGNATURE);
    let near = signed(1_641_013_230);
    assert_eq!(
        near.signature.expose(),
        "sig1=:13MrOmtEIFb8cH00czAZWdEkgJr9QlnAQABRRF1A2gE=:"
    );
}

#[test]
fn what_was_signed_is_accepted_once_and_only_as_it_was() {
    let request = Request::unsigned().signed(&key(), NONCE, CREATED);
    let mut door = door();
    assert_eq!(request.verify(&mut door, CREATED + 1), Proof::Valid);
    let again = request.verify(&mut door, CREATED + 2);
    assert_eq!(again, Proof::Invalid("the signature was used before"));
    let other = Request::unsigned().signed(&key(), "MTIzNDU2Nzg5MDEyMzQ1Ng==", CREATED);
    assert_eq!(other.verify(&mut door, CREATED + 2), Proof::Valid);

    let mut moved = request.clone();
    moved.target.push('?');
    check_refused(&moved, "does not fit");
    let mut moved = request.clone();
    moved.authority.push_str(":8443");
    check_refused(&moved, "does not fit");
    for name in &REQUIRED[2..5] {
        let changed = request
            .clone()
            .changed(name, "30b0e395-84d3-4570-ac13-9a62d8f514c1");
        check_refused(&changed, "does not fit");
        check_refused(&request.clone().without(name), "missing or empty");
        check_refused(&request.clone().changed(name, ""), "missing or empty");
        check_refused(&request.clone().with(name, "x"), "does not fit");
    }
    // Hosts are signed in lower case.
    let mut shouted = request;
    shouted.authority = "AudioHook.EXAMPLE.com".into();
    assert_eq!(shouted.verify(&mut self::door(), CREATED), Proof::Valid);
}

#[test]
fn refused_requests_are_not_remembered() {
    let mut door = door();
    let forged = Request::unsigned()
        .signed(&key(), NONCE, CREATED)
        .changed("signature", &format!("sig1=:{}:", STANDARD.encode([0; 32])));
    assert!(!forged.verify(&mut door, CREATED).is_accepted());
    let genuine = Request::unsigned().signed(&key(), NONCE, CREATED);
    assert_eq!(genuine.verify(&mut door, CREATED), Proof::Valid);
}

#[test]
fn when_no_more_can_be_remembered_requests_are_refused() {
    let limits = SignatureLimits {
        remembered: 1,
        ..SignatureLimits::default()
    };
    let mut door = MessageSignatures::new(vec![key()], limits);
    let one = Request::unsigned().signed(&key(), NONCE, CREATED);
    let other = |created| Request::unsigned().signed(&key(), "MTIzNDU2Nzg5MDEyMzQ1Ng==", created);
    assert_eq!(one.verify(&mut door, CREATED), Proof::Valid);
    assert!(!other(CREATED).verify(&mut door, CREATED + 25).is_accepted());
    let later = CREATED + 31;
    assert_eq!(other(later).verify(&mut door, later), Proof::Valid);
}

#[test]
fn signatures_are_fresh() {
    let request = Request::unsigned().signed(&key(), NONCE, CREATED);
    for (now, reason) in [
        (CREATED - 6, "created in the future"),
        (CREATED - 5, ""),
        (CREATED + 25, ""),
        (CREATED + 26, "expired"),
        (u64::MAX, "expired"),
        (0, "created in the future"),
    ] {
        match reason {
            "" => assert_eq!(request.verify(&mut door(), now), Proof::Valid, "{now}"),
            reason => check_refused_at(&request, now, reason),
        }
    }
    let soon = format!(
        ";keyid=\"{API_KEY}\";nonce=\"{NONCE}\";created={CREATED};expires={}",
        CREATED + 10
    );
    let soon = Request::unsigned().signed_as(COMPONENTS, &soon);
    assert_eq!(soon.verify(&mut door(), CREATED + 5), Proof::Valid);
    check_refused_at(&soon, CREATED + 6, "expired");
    // The published one has no end, but an age.
    check_refused_at(&Request::published(), CREATED + 26, "expired");
}

#[test]
fn unsigned_requests_need_a_key_without_secret() {
    let open = Request::unsigned().changed("x-api-key", "open==");
    assert_eq!(open.verify(&mut door(), CREATED), Proof::Unsigned);
    check_refused(&Request::unsigned(), "not signed");
    let stranger = Request::unsigned().changed("x-api-key", "stranger");
    check_refused(&stranger, "not known");
    for name in ["signature", "signature-input"] {
        check_refused(&Request::published().without(name), "is missing");
        // Also where the key needs none.
        let half = Request::published()
            .changed("x-api-key", "open==")
            .without(name);
        check_refused(&half, "is missing");
    }
    check_refused(
        &Request::published().without("x-api-key"),
        "X-API-KEY is missing",
    );
    check_refused(
        &Request::published().changed("x-api-key", ""),
        "X-API-KEY is missing",
    );
}

#[test]
fn the_key_must_be_known_and_the_secret_right() {
    let secret = |text: &str| Some(Secret::new(text).unwrap());
    let signed_by = |id: &str, key: &str| {
        let key = ClientKey::new(id, secret(key)).unwrap();
        Request::unsigned()
            .changed("x-api-key", id)
            .signed(&key, NONCE, CREATED)
    };
    assert_eq!(
        signed_by("other", "other").verify(&mut door(), CREATED),
        Proof::Valid
    );
    check_refused(&signed_by(API_KEY, "guess"), "does not fit");
    check_refused(&signed_by("stranger", "guess"), "not known");
    check_refused(&signed_by("open==", "guess"), "has no client secret");
    // Nobody holds the key that unknown keys are checked with.
    let dummy = ClientKey {
        id: Secret::new("stranger").unwrap(),
        secret: Some(Secret::of(DUMMY_KEY.to_vec()).unwrap()),
    };
    let request = Request::unsigned().changed("x-api-key", "stranger");
    check_refused(&request.signed(&dummy, NONCE, CREATED), "not known");
    let request = Request::published().changed("x-api-key", "other");
    check_refused(&request, "keyid is not the value");
}

#[test]
fn what_is_covered_is_prescribed() {
    let parameters = format!(";keyid=\"{API_KEY}\";nonce=\"{NONCE}\";created={CREATED}");
    let signed = |components: &str| Request::unsigned().signed_as(components, &parameters);
    assert_eq!(
        signed(COMPONENTS).verify(&mut door(), CREATED),
        Proof::Valid
    );
    let more = format!("{COMPONENTS} \"@method\" \"accept\"");
    let more = Request::unsigned()
        .with("accept", "a")
        .with("accept", "b")
        .signed_as(&more, &parameters);
    assert_eq!(more.verify(&mut door(), CREATED), Proof::Valid);
    for name in REQUIRED {
        let fewer = COMPONENTS.replace(&format!("\"{name}\""), "");
        check_refused(&signed(fewer.trim()), "must be covered");
    }
    check_refused(&signed(""), "must be covered");
    for (component, reason) in [
        ("\"x-api-key\"", "twice"),
        ("\"@authority\"", "twice"),
        ("\"@signature-params\"", "covers itself"),
        ("\"signature\"", "covers itself"),
        ("\"@status\"", "not known"),
        ("\"@query-params\"", "not known"),
        ("\"accept\"", "missing or empty"),
        ("\"X-Api-Key\"", "missing or empty"),
        ("\"accept\";sf", "has a parameter"),
        ("accept", "not a string"),
        ("7", "not a string"),
    ] {
        check_refused(&signed(&format!("{COMPONENTS} {component}")), reason);
    }
}

#[test]
fn parameters_are_prescribed() {
    let (key, nonce, created) = (
        format!(";keyid=\"{API_KEY}\""),
        format!(";nonce=\"{NONCE}\""),
        format!(";created={CREATED}"),
    );
    let signed = |parameters: &str| Request::unsigned().signed_as(COMPONENTS, parameters);
    let all = format!("{created}{nonce}{key}");
    assert_eq!(signed(&all).verify(&mut door(), CREATED), Proof::Valid);
    for (parameters, reason) in [
        (String::new(), "no nonce"),
        (format!("{key}{created}"), "no nonce"),
        (format!("{nonce}{created}"), "no keyid"),
        (format!("{key}{nonce}"), "no created"),
        (
            format!("{key}{created};nonce=\"123456789012345678901\""),
            "fewer than 22",
        ),
        (
            format!("{key}{created};nonce=:MTIzNDU2Nzg5MDEyMzQ1Ng==:"),
            "not a string",
        ),
        (format!("{nonce}{created};keyid=key"), "not a string"),
        (
            format!("{nonce}{created};keyid=\"other\""),
            "keyid is not the value",
        ),
        (format!("{all};alg=\"rsa-pss-sha512\""), "alg"),
        (format!("{all};alg=hmac-sha256"), "alg"),
        (format!("{all};tag=\"x\""), "not known"),
        (format!("{key}{nonce};created=-1"), "number of seconds"),
        (format!("{key}{nonce};created=1.5"), "number of seconds"),
        (
            format!("{key}{nonce};created=\"1641013200\""),
            "number of seconds",
        ),
        (format!("{all};expires"), "number of seconds"),
        (format!("{all};expires=0"), "expired"),
    ] {
        check_refused(&signed(&parameters), reason);
    }
}

#[test]
fn headers_that_are_written_otherwise_are_read_strictly() {
    // Space that RFC 8941 allows is not signed, so a signer that signs it is refused.
    let loose = format!("sig1=(  {COMPONENTS} );  {PARAMETERS}");
    let request = Request::published().changed("signature-input", &loose);
    assert_eq!(request.verify(&mut door(), CREATED), Proof::Valid);
    let labelled = |label: &str| {
        Request::published()
            .changed(
                "signature-input",
                &format!("{label}=({COMPONENTS});{PARAMETERS}"),
            )
            .changed("signature", &SIGNATURE.replace("sig1", label))
    };
    assert_eq!(
        labelled("genesys").verify(&mut door(), CREATED),
        Proof::Valid
    );
    for (input, reason) in [
        ("", "not one list"),
        ("sig1", "not one list"),
        ("sig1=\"x\"", "not one list"),
        ("sig1=(\"x\"", "not a dictionary"),
        ("Sig1=()", "not a dictionary"),
        ("sig1=(), sig2=()", "not one list"),
        ("sig2=()", "no bytes under the label"),
    ] {
        check_refused(
            &Request::published().changed("signature-input", input),
            reason,
        );
    }
    let long = format!("sig1=(\"{}\")", "x".repeat(LONGEST_HEADER));
    check_refused(
        &Request::published().changed("signature-input", &long),
        "4 KiB",
    );
    for (signature, reason) in [
        ("", "no bytes under the label"),
        ("sig1=\"x\"", "no bytes under the label"),
        ("sig1=(:AA==:)", "no bytes under the label"),
        ("sig1=:?:", "not a dictionary"),
        ("sig1=::", "does not fit"),
        ("sig1=:AA==:", "does not fit"),
    ] {
        check_refused(
            &Request::published().changed("signature", signature),
            reason,
        );
    }
}

#[test]
fn nothing_secret_is_printed() {
    let request = Request::unsigned().signed(&key(), NONCE, CREATED);
    let mut door = door();
    request.verify(&mut door, CREATED);
    let headers = Request::unsigned().head(|head| sign(head, &key(), NONCE, CREATED, None));
    let said = request.head(|head| format!("{head:?} {door:?} {headers:?}"));
    for secret in [API_KEY, CLIENT_SECRET, "MySuper", "77, 121, 83"] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn what_cannot_be_signed_is_told() {
    let open = ClientKey::new("open==", None).unwrap();
    let request = Request::unsigned();
    let sign = |key: &ClientKey, nonce: &str, created| {
        request
            .head(|head| sign(head, key, nonce, created, None))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        sign(&open, NONCE, CREATED),
        "the API key has no client secret"
    );
    assert!(sign(&key(), "short", CREATED).contains("22 characters"));
    assert!(sign(&key(), "1234567890123456789012\u{e9}", CREATED).contains("ASCII"));
    assert!(sign(&key(), NONCE, u64::MAX).contains("15 digits"));
    for text in [
        "",
        "=",
        "==",
        "a b",
        "a===",
        "\u{e9}",
        "a\"",
        &"a".repeat(257),
    ] {
        assert!(ClientKey::new(text, None).is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_headers_never_panic_and_are_refused(
        input in ".{0,200}",
        signature in ".{0,100}",
        at in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let request = Request::unsigned()
            .with("signature-input", &input)
            .with("signature", &signature);
        prop_assert!(!request.verify(&mut door(), CREATED).is_accepted());

        // A good request, somewhere written over. What can be written in more than one way stays good.
        let mut request = Request::published();
        let header = at.index(request.headers.len());
        let (name, value) = &mut request.headers[header];
        let before = value.clone();
        let at = at.index(value.len());
        let end = (at + bytes.len()).min(value.len());
        value.splice(at..end, bytes.iter().copied());
        let is_text = name.starts_with("signature");
        let is_same = value.trim_ascii() == before;
        let accepted = request.verify(&mut door(), CREATED).is_accepted();
        prop_assert!(is_text || accepted == is_same);
    }

    #[test]
    fn what_is_signed_is_accepted(
        nonce in "[ -~]{22,60}",
        target in "/[!-~]{0,40}",
        created in 0_u64..4_000_000_000,
    ) {
        let mut request = Request::unsigned();
        request.target = target;
        let request = request.signed(&key(), &nonce, created);
        prop_assert_eq!(request.verify(&mut door(), created), Proof::Valid);
    }
}
