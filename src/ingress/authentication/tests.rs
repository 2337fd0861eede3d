use sha1::Sha1;

use super::token::Tokens;
use super::*;

fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

fn verify(tokens: &Tokens, headers: &[(&str, &str)]) -> Proof {
    let headers: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|&(name, value)| (name, value.as_bytes()))
        .collect();
    tokens.verify(&RequestHead {
        method: "GET",
        target: "/calls?token=1234",
        authority: "gateway.example.com",
        headers: &headers,
    })
}

#[track_caller]
fn check(tokens: &Tokens, name: &str, value: &str, is_accepted: bool) {
    let proof = verify(tokens, &[("host", "gateway.example.com"), (name, value)]);
    assert_eq!(proof.is_accepted(), is_accepted, "{name}: {value}");
}

#[test]
fn bearer_tokens() {
    let tokens = Tokens::bearer(vec![secret("first"), secret("second")]);
    for right in [
        "Bearer first",
        "bearer second",
        "BEARER   first ",
        " Bearer first",
    ] {
        check(&tokens, "authorization", right, true);
    }
    for wrong in [
        "",
        "first",
        "Bearer",
        "Bearer ",
        "Bearer third",
        "Bearer firs",
        "Bearer first second",
        "Bearerfirst",
        "Basic first",
        "Bearer FIRST",
        "B\u{e9}arer first",
    ] {
        check(&tokens, "authorization", wrong, false);
    }
    check(&tokens, "x-authorization", "Bearer first", false);
    let twice = [
        ("authorization", "Bearer first"),
        ("authorization", "Bearer first"),
    ];
    assert!(!verify(&tokens, &twice).is_accepted());
    check(&Tokens::bearer(vec![]), "authorization", "Bearer ", false);
}

#[test]
fn basic_credentials() {
    // The example of RFC 7617, section 2.
    let tokens = Tokens::basic(vec![secret("Aladdin:open sesame")]);
    let right = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    check(&tokens, "authorization", right, true);
    check(
        &tokens,
        "authorization",
        "basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        true,
    );
    for wrong in [
        "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
        "Basic QWxhZGRpbjo=",
        "Basic ?",
        "Basic ",
        "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    ] {
        check(&tokens, "authorization", wrong, false);
    }
    let (name, value) = tokens.sign().unwrap();
    assert_eq!((name, value.expose().as_str()), ("authorization", right));
}

#[test]
fn tokens_in_a_header_of_choice() {
    let name = "X-Telnyx-Streaming-Auth-Token";
    let tokens = Tokens::header(name, vec![secret("f\u{fc}nf"), secret("b")]);
    let name = "x-telnyx-streaming-auth-token";
    check(&tokens, name, "f\u{fc}nf", true);
    check(&tokens, name, " b ", true);
    check(&tokens, name, "", false);
    check(&tokens, name, "Bearer b", false);
    check(&tokens, "authorization", "Bearer b", false);
}

#[test]
fn what_is_sent_is_accepted() {
    for tokens in [
        Tokens::bearer(vec![secret("a"), secret("b")]),
        Tokens::basic(vec![secret("a:b")]),
        Tokens::header("X-Key", vec![secret("a")]),
    ] {
        let (name, value) = tokens.sign().unwrap();
        check(&tokens, name, value.expose(), true);
        assert!(format!("{value:?} {tokens:?}").contains("[redacted]"));
    }
    assert!(Tokens::bearer(vec![]).sign().is_none());
}

#[test]
fn secrets_are_neither_empty_nor_printed() {
    assert_eq!(Secret::new("").unwrap_err(), InvalidSecret::Empty);
    assert_eq!(Secret::from_base64("").unwrap_err(), InvalidSecret::Empty);
    assert_eq!(
        Secret::from_base64("secret!").unwrap_err(),
        InvalidSecret::NotBase64
    );
    assert_eq!(Secret::from_base64("c2VjcmV0").unwrap().bytes(), b"secret");
    assert_eq!(format!("{:?}", secret("sesame")), "Secret([redacted])");
    let headers: [(&str, &[u8]); 1] = [("authorization", b"Bearer sesame")];
    let head = RequestHead {
        method: "GET",
        target: "/calls?token=sesame",
        authority: "gateway.example.com",
        headers: &headers,
    };
    assert_eq!(format!("{head:?}"), "RequestHead(GET /calls, 1 headers)");
}

#[test]
fn codes_are_those_of_the_standard() {
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    // RFC 2202, 3, case 2; RFC 4231, 4.3 and 4.7, where the key is longer than a block.
    let text = b"what do ya want for nothing?";
    assert_eq!(
        hex(&hmac::<Sha1>(b"Jefe", text)),
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
    );
    assert_eq!(
        hex(&hmac::<Sha256>(b"Jefe", text)),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    let long = b"Test Using Larger Than Block-Size Key - Hash Key First";
    assert_eq!(
        hex(&hmac::<Sha256>(&[0xAA; 131], long)),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    );
}
