use proptest::prelude::*;

use super::*;

fn frames(bytes: &[u8], chunk: usize) -> (Vec<Frame>, Result<(), FramingError>) {
    let (mut framing, mut frames) = (Framing::default(), Vec::new());
    for bytes in bytes.chunks(chunk) {
        if let Err(error) = framing.push(bytes, &mut frames) {
            return (frames, Err(error));
        }
        assert!(framing.held.len() <= LONGEST_MESSAGE + 1);
    }
    (frames, Ok(()))
}

const ONE: &str = "OPTIONS sip:a SIP/2.0\r\nl : 3\r\n\r\nabc";
const TWO: &str = "BYE sip:a SIP/2.0\nContent-Length:  0\n\n";

#[test]
fn messages_are_told_apart_however_they_come() {
    let stream = format!("\r\n{ONE}{TWO}\r\n\r\n{ONE}\r\n\r\n\r\n\r\n{TWO}");
    for chunk in 1..stream.len() {
        let (frames, result) = frames(stream.as_bytes(), chunk);
        assert_eq!(result, Ok(()));
        let messages: Vec<&[u8]> = frames
            .iter()
            .filter_map(|frame| match frame {
                Frame::Message(bytes) => Some(&**bytes),
                Frame::Ping => None,
            })
            .collect();
        assert_eq!(
            messages,
            [ONE, TWO, ONE, TWO].map(str::as_bytes),
            "chunks of {chunk}"
        );
        assert_eq!(frames[2], Frame::Ping);
    }
}

#[track_caller]
fn check_error(stream: &str, error: FramingError) {
    for chunk in [1, 7, stream.len()] {
        assert_eq!(frames(stream.as_bytes(), chunk).1, Err(error));
    }
}

#[test]
fn a_stream_without_ends_is_given_up() {
    check_error("BYE sip:a SIP/2.0\r\nA: b\r\n\r\n", FramingError::NoLength);
    check_error("BYE sip:a SIP/2.0\r\nl: -1\r\n\r\n", FramingError::NoLength);
    check_error(
        "BYE sip:a SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\n",
        FramingError::NoLength,
    );
    check_error(
        "BYE sip:a SIP/2.0\r\nl: 99999999999999999999999\r\n\r\n",
        FramingError::TooLong,
    );
    check_error(
        "BYE sip:a SIP/2.0\r\nl: 65536\r\n\r\n",
        FramingError::TooLong,
    );
    check_error(&"x".repeat(LONGEST_MESSAGE + 1), FramingError::TooLong);
    let mut framing = Framing::default();
    let mut found = Vec::new();
    assert!(
        framing
            .push("x".repeat(70_000).as_bytes(), &mut found)
            .is_err()
    );
    assert!(framing.push(ONE.as_bytes(), &mut found).is_err());
    assert!(found.is_empty());
}

proptest! {
    #[test]
    fn any_bytes_are_framed(bytes in prop::collection::vec(any::<u8>(), 0..4000), chunk in 1_usize..500) {
        let _ = frames(&bytes, chunk);
    }
}
