use super::*;

/// RFC 7616, 3.9.1.
#[test]
fn the_standards_example_comes_out() {
    for (algorithm, response) in [
        (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
        (
            Algorithm::Sha256,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let answer = Answer {
            algorithm,
            user: "Mufasa",
            realm: "http-auth@example.org",
            password: "Circle of Life",
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            counted: Some(("00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
            method: "GET",
            uri: "/dir/index.html",
        };
        assert_eq!(answer.response(), response);
    }
}

const URI: &str = "sip:srs@example.com";

fn guard() -> Guard {
    Guard::new(DigestSettings {
        realm: "recorder".to_owned(),
        users: vec![("sbc".to_owned(), Sensitive::new("hunter".to_owned()))],
        key: Sensitive::new(b"key".to_vec()),
        lifetime: Duration::from_secs(60),
    })
}

/// What a client answers to some of the challenges.
fn answered(guard: &Guard, now: u64, user: &str, password: &str, algorithms: &[usize]) -> Headers {
    let challenges = guard.challenges(Duration::from_secs(now), now.into(), false);
    let mut asked = Headers::default();
    for at in algorithms {
        asked.push("WWW-Authenticate", &challenges[*at]);
    }
    let credentials = Credentials {
        user: user.to_owned(),
        password: Sensitive::new(password.to_owned()),
    };
    let (name, value) = authorize(&asked, &credentials, "INVITE", URI, 7).unwrap();
    let mut headers = Headers::default();
    headers.push(name, &value);
    headers
}

fn check(guard: &mut Guard, now: u64, headers: &Headers) -> Verdict {
    guard.check(Duration::from_secs(now), "INVITE", URI, headers)
}

const GRANTED: fn() -> Verdict = || Verdict::Granted("sbc".to_owned());
const REFUSED: Verdict = Verdict::Challenged { stale: false };
const STALE: Verdict = Verdict::Challenged { stale: true };

#[test]
fn who_knows_the_password_comes_in_once() {
    for algorithms in [&[0, 1][..], &[0], &[1]] {
        let mut guard = guard();
        let headers = answered(&guard, 100, "sbc", "hunter", algorithms);
        assert_eq!(check(&mut guard, 101, &headers), GRANTED());
        assert_eq!(
            check(&mut guard, 102, &headers),
            STALE,
            "the count was used"
        );
    }
}

#[test]
fn who_does_not_stays_out() {
    let mut guard = guard();
    assert_eq!(check(&mut guard, 0, &Headers::default()), REFUSED);
    for (user, password) in [
        ("sbc", "guess"),
        ("other", "hunter"),
        ("other", ""),
        ("", ""),
    ] {
        let headers = answered(&guard, 100, user, password, &[0]);
        assert_eq!(check(&mut guard, 100, &headers), REFUSED, "{user}");
    }
    let good = answered(&guard, 100, "sbc", "hunter", &[0]);
    let value = good.get("Authorization").unwrap();
    for (from, to) in [
        ("nonce=\"0", "nonce=\"1"),
        ("sip:srs", "sip:other"),
        ("qop=auth", "qop=auth-int"),
        ("nc=00000001", "nc=00000002"),
        ("SHA-256", "SHA-512"),
        ("recorder", "other"),
        ("Digest", "Basic"),
    ] {
        let mut headers = Headers::default();
        headers.push("Authorization", &value.replacen(from, to, 1));
        assert_ne!(headers.get("Authorization"), Some(value), "{from}");
        assert_eq!(check(&mut guard, 100, &headers), REFUSED, "{from}");
    }
    // Another method is not what was signed.
    let bye = guard.check(Duration::from_secs(100), "BYE", URI, &good);
    assert_eq!(bye, REFUSED);
}

#[test]
fn nonces_grow_old() {
    let mut guard = guard();
    let headers = answered(&guard, 100, "sbc", "hunter", &[0]);
    assert_eq!(check(&mut guard, 161, &headers), STALE);
    let mut other = self::guard();
    other.settings.key = Sensitive::new(b"other".to_vec());
    assert_eq!(check(&mut other, 100, &headers), REFUSED, "made by another");
}

#[test]
fn counts_are_kept_for_a_bounded_number_of_nonces() {
    let mut guard = guard();
    guard.settings.lifetime = Duration::from_secs(1_000_000);
    let first = answered(&guard, 1, "sbc", "hunter", &[1]);
    assert_eq!(check(&mut guard, 1, &first), GRANTED());
    for now in 2..=(MOST_NONCES as u64 + 5) {
        let headers = answered(&guard, now, "sbc", "hunter", &[1]);
        assert_eq!(check(&mut guard, now, &headers), GRANTED());
    }
    assert_eq!(guard.used.len(), MOST_NONCES);
    assert_eq!(
        check(&mut guard, 2, &first),
        STALE,
        "forgotten, and so not taken"
    );
}
