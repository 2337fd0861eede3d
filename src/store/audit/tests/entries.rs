use super::*;

#[test]
fn a_line_is_written_in_one_way() {
    let log = Written::of(1, 0);
    let line = &log.lines[0];
    let text = String::from_utf8(line.canonical()).unwrap();
    let id = log.head.log.to_string();
    let expected = format!(
        "{{\"entry\":{{\"log\":\"{id}\",\"sequence\":1,\"time\":\"2026-11-22T10:00:01.500000Z\",\"actor\":{{\"kind\":\
         \"system\",\"name\":\"gateway\"}},\"action\":\"span_hidden\",\"subject\":\"CA0\",\"details\":{{\"end_us\":\
         9250000,\"kind\":\"pan\",\"leg\":\"customer\",\"paused\":false,\"reason\":\"16 digits after the card number \
         was asked for; Luhn holds\",\"rule\":\"card_number\",\"start_us\":1500000}},\"previous\":\"{}\"}},\"hmac\":\
         \"{}\",\"hash\":\"{}\"}}",
        "0".repeat(64),
        line.hmac,
        line.hash,
    );
    assert_eq!(text, expected);
    assert_eq!(Line::parse(text.as_bytes()).unwrap(), *line);
}

#[test]
fn other_writings_of_the_same_are_refused() {
    let log = Written::of(1, 0);
    let text = String::from_utf8(log.lines[0].canonical()).unwrap();
    for (from, to) in [
        ("\"sequence\":1", "\"sequence\": 1"),
        ("\"sequence\":1", "\"sequence\":1.0"),
        ("\"sequence\":1", "\"sequence\":1,\"more\":2"),
        ("span_hidden", "span_hidd\\u0065n"),
        ("01.500000Z", "01.5Z"),
        ("01.500000Z", "01.500000+00:00"),
        ("\"paused\":false", "\"paused\":null"),
        ("\"paused\":false", "\"paused\":false,\"paused\":false"),
        ("1500000}", "1500000.5}"),
        ("span_hidden", "span_shown"),
    ] {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text, "{from}");
        assert!(Line::parse(other.as_bytes()).is_err(), "{other}");
    }
}

#[test]
fn free_words_lose_long_numbers() {
    #[track_caller]
    fn check(words: &str, expected: &str) {
        assert_eq!(Detail::words(words).text(), Some(expected));
    }
    check("16 digits; Luhn holds", "16 digits; Luhn holds");
    check("4111 1111 1111 1111", "#### #### #### ####");
    check("at 4111-1111,1111.1111!", "at ####-####,####.####!");
    check("123456 apples", "123456 apples");
    check("1234567 apples", "####### apples");
    check("１２３４５６７", "#######");
    check(&"x".repeat(1_000), &"x".repeat(400));
}

#[test]
fn what_is_signed_can_be_written_by_hand() {
    let log = Written::of(2, 0);
    let anchor = log.anchor();
    assert_eq!(
        anchor.statement().text(),
        format!(
            "hushgate audit checkpoint 1\nlog {}\nsequence 2\nhash {}\ntime 2026-11-22T10:00:03.000000Z\nkey {}\n",
            log.head.log,
            log.head.hash,
            keys().signing.public().id(),
        )
    );
    assert_eq!(anchor.check(&[keys().signing.public()]), Ok(()));
    assert_eq!(Checkpoint::parse(&anchor.to_json()), Ok(anchor.clone()));
    let later = Checkpoint {
        sequence: 3,
        ..anchor
    };
    assert!(later.check(&[keys().signing.public()]).is_err());
}

#[test]
fn keys_are_kept_and_kept_secret() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let files = KeyFiles::new(&folder.path().join("keys"));
    let made = files.generate().unwrap();
    assert!(files.generate().is_err(), "keys are not overwritten");
    let loaded = files.load().unwrap();
    assert_eq!(made.hmac.id(), loaded.hmac.id());
    assert_eq!(made.signing.public(), loaded.signing.public());
    assert_eq!(
        PublicKey::read(&files.public()).unwrap(),
        made.signing.public()
    );
    let shown = format!("{made:?}");
    assert!(shown.contains("[redacted]"), "{shown}");

    for file in [files.hmac(), files.signing()] {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = files.load().unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}
