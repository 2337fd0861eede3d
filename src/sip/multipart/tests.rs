use proptest::prelude::*;

use super::*;

const SIPREC: &str = "--foobar\r\nContent-Type:application/sdp\r\n\r\nv=0\r\n\r\n--foobar\r\n\
    CONTENT-TYPE: application/rs-metadata+xml\r\ncontent-disposition: Recording-Session;x=y\r\n\
    Content-Length: 3\r\n\r\n<recording/>\r\n--foobar--\r\nafter";

fn content_type(text: &str) -> ContentType {
    ContentType::parse(text).unwrap()
}

#[track_caller]
fn check(kind: &str, body: &str, bodies: &[&str]) {
    let parts = parts(&content_type(kind), body.as_bytes()).unwrap();
    let found: Vec<&[u8]> = parts.iter().map(|part| part.body).collect();
    let expected: Vec<&[u8]> = bodies.iter().map(|body| body.as_bytes()).collect();
    assert_eq!(found, expected, "{body}");
}

#[test]
fn parts_are_read_as_vendors_write_them() {
    let both = ["v=0\r\n", "<recording/>"];
    check("multipart/mixed;boundary=foobar", SIPREC, &both);
    check("Multipart/Mixed; x=y; Boundary=\"foobar\"", SIPREC, &both);
    check("multipart/mixed", SIPREC, &both);
    check(
        "multipart/mixed;boundary=foobar",
        &format!("\r\npreamble\r\n{SIPREC}"),
        &both,
    );
    check(
        "multipart/mixed;boundary=foobar",
        &SIPREC.replace("--foobar--", "--foobar-- "),
        &both,
    );
    let (open, _) = SIPREC.split_once("\r\n--foobar--").unwrap();
    check("multipart/mixed;boundary=foobar", open, &both);
    check(
        "multipart/mixed;boundary=foobar",
        &SIPREC.replace("\r\n", "\n"),
        &["v=0\n", "<recording/>"],
    );
    // A boundary that begins another is not it.
    check(
        "multipart/mixed;boundary=a",
        "--a\r\n\r\n--ab\r\n--a--",
        &["--ab"],
    );
    check(
        "multipart/mixed;boundary=a",
        "--a\r\nno header\r\n--a--",
        &["no header"],
    );
    check("multipart/mixed;boundary=a", "--a\r\n\r\n\r\n--a--", &[""]);
    let nested = "--a\r\nContent-Type: multipart/alternative;boundary=b\r\n\r\n--b\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b--\r\n--a\r\n\r\n3\r\n--a--";
    check("multipart/mixed;boundary=a", nested, &["1", "2", "3"]);
}

#[test]
fn parts_say_what_they_are() {
    let parts = parts(
        &content_type("multipart/mixed;boundary=foobar"),
        SIPREC.as_bytes(),
    )
    .unwrap();
    let kinds: Vec<&str> = parts
        .iter()
        .map(|part| &*part.content_type.as_ref().unwrap().essence)
        .collect();
    assert_eq!(kinds, ["application/sdp", "application/rs-metadata+xml"]);
    assert_eq!(parts[1].disposition.as_deref(), Some("recording-session"));
    assert_eq!(parts[0].disposition, None);
}

#[track_caller]
fn check_error(kind: &str, body: &str, error: MultipartError) {
    assert_eq!(parts(&content_type(kind), body.as_bytes()), Err(error));
}

#[test]
fn what_cannot_be_told_apart_is_refused() {
    check_error("multipart/mixed;boundary=x", SIPREC, MultipartError::NoPart);
    check_error("multipart/mixed;boundary=x", "", MultipartError::NoPart);
    let coded = SIPREC.replace("Content-Length: 3", "Content-Transfer-Encoding: base64");
    check_error(
        "multipart/mixed;boundary=foobar",
        &coded,
        MultipartError::Encoding,
    );
    let many = "--a\r\n\r\n\r\n".repeat(MOST_PARTS + 1);
    check_error(
        "multipart/mixed;boundary=a",
        &many,
        MultipartError::TooManyParts,
    );
    let kind = "Content-Type: multipart/mixed;boundary";
    let deep = format!("--a\r\n{kind}=b\r\n\r\n--b\r\n{kind}=c\r\n\r\n--c\r\n\r\n1");
    check_error("multipart/mixed;boundary=a", &deep, MultipartError::TooDeep);
}

#[test]
fn what_is_written_is_read() {
    let (kind, body) = write(
        7,
        &[
            NewPart {
                content_type: "application/sdp",
                disposition: None,
                body: b"v=0\r\n",
            },
            NewPart {
                content_type: "a/b",
                disposition: Some("recording-session"),
                body: b"<x/>",
            },
        ],
    );
    let parts = parts(&content_type(&kind), &body).unwrap();
    assert_eq!(parts[0].body, b"v=0\r\n");
    assert_eq!(parts[1].body, b"<x/>");
    assert_eq!(parts[1].disposition.as_deref(), Some("recording-session"));
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = parts(&content_type("multipart/mixed"), &bytes);
        let _ = parts(&content_type("multipart/mixed;boundary=a"), &bytes);
    }
}
