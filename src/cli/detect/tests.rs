use super::*;

/// Gives a few bytes at a time.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = self.1.min(buffer.len());
        self.0.read(&mut buffer[..most])
    }
}

fn searched(bytes: &[u8], at_once: usize) -> anyhow::Result<String> {
    let mut out = Vec::new();
    search(
        &mut Slow(bytes, at_once),
        "chat.txt",
        &Policy::default(),
        &mut out,
    )?;
    Ok(String::from_utf8(out)?)
}

#[test]
fn each_finding_is_a_line_of_json_without_the_value() {
    let text = "agent: 카드 번호가 어떻게 되세요? What's the card number?\r\ncustomer: It's 4111 1111 1111 1111.\r\n\r\n";
    for at_once in [1, 3, 1_000] {
        let out = searched(text.as_bytes(), at_once).unwrap();
        assert_eq!(out.lines().count(), 1, "{out}");
        assert!(!out.contains("1111"), "{out}");
        let finding: serde_json::Value = serde_json::from_str(&out).unwrap();
        let byte = |name: &str| usize::try_from(finding[name].as_u64().unwrap()).unwrap();
        let hidden = &text[byte("start")..byte("end")];
        assert!(hidden.ends_with("4111 1111 1111 1111."), "{hidden}");
        assert_eq!(finding["line"], 2);
        assert_eq!(finding["leg"], "customer");
        assert_eq!(finding["kind"], "pan");
        assert_eq!(finding["rule"], "asked_answer");
        assert!(finding["confidence"].as_f64().unwrap() > 0.9);
    }
}

#[test]
fn no_text_gives_nothing() {
    for text in ["", "\n\n", "nobody: hello\n", "\u{feff}"] {
        assert_eq!(searched(text.as_bytes(), 10).unwrap(), "", "{text:?}");
    }
}

#[test]
fn what_is_not_utf8_is_told_by_line_and_byte() {
    for (bytes, line, byte) in [
        (&b"agent: hi\ncustomer: caf\xe9 ole\n"[..], 2, 23),
        (b"\xff\xfea\0", 1, 0),
        // Cut within a character.
        ("네".as_bytes().split_last().unwrap().1, 1, 0),
    ] {
        for at_once in [1, 1_000] {
            let error = searched(bytes, at_once).unwrap_err().to_string();
            let expected = format!("chat.txt: line {line}: byte {byte} is not UTF-8");
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}

/// An output whose reader has gone.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _bytes: &[u8]) -> std::io::Result<usize> {
        Err(ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut text = &b"agent: What is the security code?\ncustomer: nine zero four\n"[..];
    let error = search(&mut text, "chat.txt", &Policy::default(), &mut Closed).unwrap_err();
    assert!(is_closed(&error), "{error:?}");
}
