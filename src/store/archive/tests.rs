//! The client against a server that we did not write.

use std::io::Read;
use std::net::TcpListener;

use super::*;
use crate::call::Sensitive;
use crate::store::keys::Token;
use server::{BUCKET, KEY, S3Server};

#[path = "../../../tests/it/store/object_store/server.rs"]
pub(crate) mod server;

fn secret(text: &str) -> Token {
    Token::Environment("KEY".into(), Sensitive::new(text.into()))
}

fn settings(endpoint: &str) -> S3Settings {
    S3Settings {
        endpoint: endpoint.to_owned(),
        bucket: BUCKET.into(),
        prefix: "site/one".into(),
        region: "us-east-1".into(),
        access_key: secret(KEY),
        secret_key: secret(KEY),
        session_token: None,
        path_style: true,
        authorities: None,
        timeout: std::time::Duration::from_secs(20),
    }
}

fn client(settings: &S3Settings, authority: Option<&[u8]>) -> S3 {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(authority) = authority {
        roots.add(authority.to_vec().into()).unwrap();
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    S3::new(settings, &tls).unwrap()
}

/// A client of a running server.
pub(crate) fn client_of(server: &S3Server) -> S3 {
    client(&settings(&server.endpoint()), None)
}

fn name(call: &str) -> ObjectName {
    let id = ObjectId::parse("0123456789abcdef0123456789abcdef").unwrap();
    ObjectName::new(&RecordName::new(call).unwrap(), &id, Content::Audio)
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = length as u32 | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn put(archive: &S3, call: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
    archive.put(&name(call), &mut file(bytes), bytes.len() as u64)
}

fn get(archive: &S3, call: &str, most: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    archive.get(&name(call), &mut bytes, most).map(|()| bytes)
}

#[test]
fn what_is_put_comes_back_in_one_part_or_many() {
    let server = S3Server::start(None);
    let archive = client_of(&server);
    let part = 5 << 20;
    for length in [1, 70_000, part, part + 1, 2 * part, 2 * part + 12_345] {
        let bytes = noise(length);
        put(&archive, "CA1", &bytes).unwrap();
        assert!(
            get(&archive, "CA1", length as u64).unwrap() == bytes,
            "{length}"
        );
    }
    let expected = format!("site/one/{}", name("CA1"));
    assert_eq!(server.objects().keys().collect::<Vec<_>>(), [&expected]);

    let too_long = get(&archive, "CA1", 100).unwrap_err();
    assert!(
        matches!(too_long, ArchiveError::TooLong { .. }),
        "{too_long}"
    );
    let missing = get(&archive, "CA2", 100).unwrap_err();
    assert!(matches!(missing, ArchiveError::Missing { .. }), "{missing}");
    archive.delete(&name("CA1")).unwrap();
    archive.delete(&name("CA1")).unwrap();
    assert!(server.objects().is_empty());
}

#[test]
fn a_probe_shows_whether_it_works_and_leaves_nothing() {
    let mut server = S3Server::start(None);
    let archive = client_of(&server);
    super::check(&archive).unwrap();
    assert!(server.objects().is_empty());
    server.stop();
    assert!(super::check(&archive).is_err());
}

#[test]
fn no_more_of_a_file_is_put_than_was_asked_for() {
    let server = S3Server::start(None);
    let archive = client_of(&server);
    archive
        .put(&name("CA1"), &mut file(b"one and two"), 3)
        .unwrap();
    assert_eq!(get(&archive, "CA1", 100).unwrap(), b"one");
}

#[track_caller]
fn check(error: &ArchiveError, expected: &str) {
    let text = error.to_string();
    assert!(text.contains(expected), "{text}\nlacks {expected}");
    assert!(
        !text.contains("sesame") && !text.contains('<') && !text.contains('\n'),
        "{text}"
    );
}

#[test]
fn errors_say_what_to_do_and_no_secret() {
    let server = S3Server::start(None);
    let right = settings(&server.endpoint());
    let wrong_key = S3Settings {
        secret_key: secret("sesame"),
        ..right.clone()
    };
    let refused = put(&client(&wrong_key, None), "CA1", b"x").unwrap_err();
    check(&refused, "answered 403: check the access key");
    let no_bucket = S3Settings {
        bucket: "elsewhere".into(),
        ..right.clone()
    };
    let archive = client(&no_bucket, None);
    check(
        &put(&archive, "CA1", b"x").unwrap_err(),
        "there is no such bucket",
    );
    check(
        &archive.delete(&name("CA1")).unwrap_err(),
        "there is no such bucket",
    );
    let unread = S3Settings {
        access_key: Token::File("no/such".into()),
        ..right
    };
    let unread = get(&client(&unread, None), "CA1", 10).unwrap_err();
    check(&unread, "cannot be asked: a key, no/such, cannot be read");
    assert!(server.objects().is_empty());
}

#[test]
fn a_server_that_is_away_is_told_and_one_that_is_back_is_used() {
    let mut server = S3Server::start(None);
    let archive = client_of(&server);
    put(&archive, "CA1", b"one").unwrap();
    server.stop();
    let away = get(&archive, "CA1", 10).unwrap_err();
    assert!(matches!(away, ArchiveError::Away { .. }), "{away}");
    check(&away, "is not reached");
    server.go_on();
    assert_eq!(get(&archive, "CA1", 10).unwrap(), b"one");
}

#[test]
fn keys_in_files_are_read_when_they_are_needed() {
    let server = S3Server::start(None);
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "sesame").unwrap();
    let archive = client(
        &S3Settings {
            secret_key: Token::File(key.clone()),
            ..settings(&server.endpoint())
        },
        None,
    );
    assert!(put(&archive, "CA1", b"x").is_err());
    std::fs::write(&key, format!("{KEY}\n")).unwrap();
    put(&archive, "CA1", b"x").unwrap();
}

#[test]
fn it_can_be_asked_from_a_thread_of_another_runtime() {
    let server = S3Server::start(None);
    let archive = client_of(&server);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async { put(&archive, "CA1", b"x").unwrap() });
}

#[test]
fn certificates_are_checked_against_the_named_authority() {
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = (folder.path().join("key"), folder.path().join("certificate"));
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    let server = S3Server::start(Some((&key, &certificate)));
    let settings = settings(&server.endpoint());
    let trusting = client(&settings, Some(made.cert.der()));
    put(&trusting, "CA1", b"one").unwrap();
    assert_eq!(get(&trusting, "CA1", 10).unwrap(), b"one");
    check(
        &get(&client(&settings, None), "CA1", 10).unwrap_err(),
        "is not reached",
    );
}

/// Answers each request with these bytes and hangs up.
fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 4_096];
            let _ = stream.read(&mut asked);
            let _ = stream.write_all(answer);
        }
    });
    place
}

#[test]
fn what_breaks_off_or_leads_elsewhere_is_an_error() {
    for (answer, expected) in [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"x\"\r\nLast-Modified: Mon, 23 Nov 2026 06:00:00 GMT\r\n\r\nhalf"[..],
            "broke off",
        ),
        (
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/sesame\r\nContent-Length: 0\r\n\r\n",
            "answered 307: name the address that it refers to",
        ),
        (
            b"HTTP/1.1 503 Slow Down\r\nContent-Length: 6\r\n\r\nsesame",
            "answered 503",
        ),
        (b"sesame\r\n\r\n", ""),
    ] {
        let archive = client(&settings(&answering(answer)), None);
        check(&get(&archive, "CA1", 100).unwrap_err(), expected);
    }
}
