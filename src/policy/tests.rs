use super::*;

fn finding(leg: Leg, kind: Kind, start: u64, end: u64, confidence: f32) -> Finding {
    Finding {
        leg,
        span: Span::new(MediaTime::from_millis(start), MediaTime::from_millis(end)),
        kind,
        rule: "test_rule",
        reason: format!("confidence {confidence}"),
        confidence,
    }
}

fn refused(text: &str) -> String {
    Policy::parse(text, "p.toml")
        .err()
        .map(|e| e.to_string())
        .unwrap_or_default()
}

const BOTH: [Leg; 2] = [Leg::Agent, Leg::Customer];

#[test]
fn an_empty_text_is_the_default_policy() {
    let parsed = Policy::parse("", "empty").unwrap();
    let default = Policy::default();
    assert_eq!(parsed.version(), default.version());
    assert_eq!(default.version().len(), 12);
    assert_eq!(parsed.profile, Profile::Balanced);
    assert!(parsed.enabled(&Kind::PAN) && parsed.enabled(&Kind::CVV));
    assert!(!parsed.enabled(&Kind::DOB));
    assert!(parsed.with_profile(Profile::Strict).enabled(&Kind::DOB));
}

#[test]
fn a_full_policy_is_read() {
    let policy = Policy::parse(
        r#"
        profile = "strict"
        last_four = "hide"
        [defaults]
        pad_before_ms = 100
        fill = "tone"
        legs = "both"
        [kinds.pan]
        mode = "pause"
        [kinds.ssn]
        enabled = false
        [kinds.expiry]
        legs = ["customer"]
        pad_after_ms = 0
        [[custom]]
        name = "member_id"
        pattern = "LLD7"
        context = ["member ID", "membership number"]
        checksum = "luhn"
        [kinds.member_id]
        fill = "comfort_noise"
        "#,
        "full.toml",
    )
    .unwrap();
    assert_eq!(policy.profile, Profile::Strict);
    assert_eq!(policy.last_four, LastFour::Hide);
    assert_eq!(policy.rule(&Kind::PAN).mode, Mode::Pause);
    assert_eq!(policy.rule(&Kind::PAN).fill, Fill::Tone);
    assert_eq!(
        policy.rule(&Kind::PAN).pad_before,
        MediaTime::from_millis(100)
    );
    assert!(!policy.enabled(&Kind::SSN));
    assert_eq!(
        policy.rule(&Kind::EXPIRY).legs,
        Legs::Only(vec![Leg::Customer])
    );
    assert_eq!(
        policy.rule(&Kind::named("member_id")).fill,
        Fill::ComfortNoise
    );
    let custom = &policy.custom_kinds()[0];
    assert_eq!((custom.pattern.len(), custom.digits()), (9, 7));
    assert!(custom.context.is_match("my member id is"));
}

#[test]
fn the_version_follows_what_the_policy_says_not_how_it_is_written() {
    let one = Policy::parse("profile = \"strict\"\nlast_four='hide'", "a").unwrap();
    let other = Policy::parse(
        "# a comment\nlast_four = \"hide\"\nprofile = \"strict\"\n",
        "b",
    )
    .unwrap();
    assert_eq!(one.version(), other.version());
    assert_ne!(one.version(), Policy::default().version());
    assert_ne!(one.version(), one.with_profile(Profile::Lenient).version());
}

#[test]
fn mistakes_are_named_with_line_and_column() {
    for (text, expected) in [
        (
            "profile = \"eager\"",
            "p.toml: line 1, column 11: unknown variant `eager`",
        ),
        (
            "\n[kinds.pan]\nenable = true",
            "p.toml: line 3, column 1: unknown field `enable`",
        ),
        (
            "[kinds.pam]\nenabled = true",
            "line 1, column 8: kinds.pam: no such kind; expected one of aadhaar",
        ),
        (
            "[kinds.pan]\npad_after_ms = 900",
            "line 2, column 16: kinds.pan.pad_after_ms: 900 ms; expected 0 to 250",
        ),
        (
            "[defaults]\nlegs = \"customer\"",
            "expected \"speaker\", \"both\" or a list",
        ),
        ("[defaults]\nlegs = []", "defaults.legs: the list is empty"),
        (
            "[defaults]\nenabled = false",
            "defaults.enabled: kinds are switched one by one",
        ),
        (
            "[[custom]]\nname = \"X\"\npattern = \"D8\"\ncontext = [\"x\"]",
            "custom.name: expected snake case",
        ),
        (
            "[[custom]]\nname = \"pan\"\npattern = \"D8\"\ncontext = [\"x\"]",
            "\"pan\" is taken",
        ),
        (
            "[[custom]]\nname = \"x\"\npattern = \"D8?\"\ncontext = [\"x\"]",
            "custom.x: pattern has '?'",
        ),
        (
            "[[custom]]\nname = \"x\"\npattern = \"D8\"\ncontext = []",
            "custom.x: context has no words",
        ),
        (
            "[[custom]]\nname = \"x\"\npattern = \"D99\"\ncontext = [\"x\"]",
            "longer than 64",
        ),
        (
            "[[custom]]\nname = \"x\"\ncontext = [\"x\"]",
            "missing field `pattern`",
        ),
        (
            "[kinds.pan]\ncount_keys = true",
            "line 2, column 14: kinds.pan.count_keys: only [kinds.dtmf] has keys",
        ),
        (
            "[defaults]\ncount_keys = true",
            "defaults.count_keys: only [kinds.dtmf] has keys",
        ),
        ("profile = ", "line 1, column 11"),
    ] {
        let error = refused(text);
        assert!(error.contains(expected), "{text:?} gave {error:?}");
        assert!(!error.contains('\n'), "{error:?}");
    }
}

#[test]
fn keys_are_hidden_unless_told_otherwise_and_counted_only_when_asked() {
    for profile in [Profile::Strict, Profile::Balanced, Profile::Lenient] {
        assert!(Policy::default().with_profile(profile).enabled(&Kind::DTMF));
    }
    let rule = |text: &str| Policy::parse(text, "p").unwrap().rule(&Kind::DTMF).clone();
    assert!(!rule("").count_keys);
    assert!(rule("[kinds.dtmf]\ncount_keys = true").count_keys);
    assert!(!rule("[kinds.dtmf]\nenabled = false").enabled);
    assert_eq!(rule("").pad_before, MediaTime::from_millis(40));
    assert_eq!(
        rule("[defaults]\npad_after_ms = 90").pad_after,
        MediaTime::from_millis(90)
    );
}

#[test]
fn no_policy_lets_authentication_data_through() {
    for kind in ["cvv", "pin", "track_data"] {
        let error = refused(&format!("[kinds.{kind}]\nenabled = false"));
        assert!(
            error.contains("line 2") && error.contains("PCI DSS 3.3.1"),
            "{error}"
        );
        let error = refused(&format!("[kinds.{kind}]\nlegs = [\"customer\"]"));
        assert!(error.contains("must be hidden on every leg"), "{error}");
    }
    assert!(refused("[defaults]\nlegs = [\"agent\"]").contains("must be hidden on every leg"));
    assert_eq!(refused("[kinds.cvv]\nlegs = [\"agent\", \"customer\"]"), "");
    assert_eq!(refused("[kinds.pan]\nenabled = false"), "");
}

#[test]
fn redactions_are_padded_and_merged() {
    let plan = Policy::default().plan(
        &[
            finding(Leg::Customer, Kind::PAN, 1_000, 2_000, 0.5),
            finding(Leg::Customer, Kind::PAN, 2_300, 3_000, 0.9),
            finding(Leg::Agent, Kind::PAN, 1_500, 1_800, 0.7),
            finding(Leg::Customer, Kind::CVV, 2_900, 3_100, 0.8),
            finding(Leg::Customer, Kind::DOB, 0, 9_000, 0.8),
        ],
        &BOTH,
    );
    let seen: Vec<_> = plan
        .iter()
        .map(|r| {
            (
                r.leg,
                r.kind.name(),
                r.span.start.micros() / 1_000,
                r.span.end.micros() / 1_000,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Leg::Customer, "pan", 750, 3_250),
            (Leg::Agent, "pan", 1_250, 2_050),
            (Leg::Customer, "cvv", 2_650, 3_350),
        ]
    );
    assert_eq!(plan[0].confidence, 0.9);
    assert_eq!(plan[0].reason, "confidence 0.9");
}

#[test]
fn legs_decide_where_a_finding_is_hidden() {
    let legs_of = |text: &str, leg: Leg, legs: &[Leg]| {
        let policy = Policy::parse(text, "p").unwrap();
        policy
            .plan(&[finding(leg, Kind::PAN, 1_000, 2_000, 1.0)], legs)
            .iter()
            .map(|r| r.leg)
            .collect::<Vec<_>>()
    };
    assert_eq!(legs_of("", Leg::Agent, &BOTH), [Leg::Agent]);
    assert_eq!(
        legs_of("[kinds.pan]\nlegs = \"both\"", Leg::Agent, &BOTH),
        BOTH
    );
    let only_customer = "[kinds.pan]\nlegs = [\"customer\"]";
    assert_eq!(legs_of(only_customer, Leg::Agent, &BOTH), []);
    assert_eq!(
        legs_of(only_customer, Leg::Customer, &BOTH),
        [Leg::Customer]
    );
    assert_eq!(
        legs_of(only_customer, Leg::Mixed, &[Leg::Mixed]),
        [Leg::Mixed]
    );
}

#[test]
fn an_expected_answer_reaches_beyond_the_call() {
    let mut open = finding(Leg::Customer, Kind::CVV, 1_000, 2_000, 0.5);
    open.span.end = MediaTime::MAX;
    let plan = Policy::default().plan(&[open], &BOTH);
    assert!(plan[0].span.end >= MediaTime::MAX);
}
