use crate::call::Leg;
use crate::config::Config;
use crate::config::doors::{Authentication, Protocol};

fn doors(text: &str) -> Vec<super::Door> {
    Config::parse(text, "hushgate.toml").unwrap().doors
}

fn check(text: &str, expected: &str) {
    let problem = Config::parse(text, "hushgate.toml")
        .unwrap_err()
        .to_string();
    assert!(!problem.contains('\n'), "one line: {problem}");
    assert!(problem.contains(expected), "{problem}\nlacks {expected}");
}

fn secret_file() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "12345\n").unwrap();
    let reference = format!("file:{}", file.display());
    (folder, reference)
}

#[test]
fn without_any_door_there_is_one_for_twilio() {
    let doors = doors("");
    assert_eq!(doors.len(), 1);
    assert_eq!(doors[0].protocol, Protocol::Twilio);
    assert!(doors[0].is_unguarded());
}

#[test]
fn a_door_is_named_after_its_protocol_or_says_which_it_speaks() {
    let doors = doors("[doors.telnyx]\n[doors.branch]\nprotocol = \"plivo\"\n");
    assert_eq!(doors[0].protocol, Protocol::Plivo);
    assert_eq!(doors[0].path, "/branch");
    assert_eq!(doors[1].protocol, Protocol::Telnyx);
    check(
        "[doors.branch]",
        "hushgate.toml:1: doors.branch.protocol: is missing; expected one of twilio,",
    );
    check(
        "[doors.branch]\nprotocol = \"fax\"",
        "unknown variant `fax`",
    );
    check(
        "[doors.twilio]\n[doors.plivo]\npath = \"/twilio\"\n",
        "is the path of doors.plivo already",
    );
}

#[test]
fn networks_are_checked_and_kept() {
    let doors = doors("[doors.twilio]\nnetworks = [\"10.0.0.0/8\", \"::1\"]\n");
    let admits = |peer: &str| doors[0].admits(peer.parse().unwrap());
    assert!(admits("10.1.2.3") && admits("::ffff:10.1.2.3") && admits("::1"));
    assert!(!admits("11.1.2.3") && !admits("::2"));
    assert!(!doors[0].is_unguarded());
    check(
        "[doors.twilio]\nnetworks = [\"10.0.0.0/99\"]",
        "hushgate.toml:2: doors.twilio.networks",
    );
}

#[test]
fn secrets_come_from_elsewhere_and_are_never_shown() {
    let (_folder, reference) = secret_file();
    let text = format!(
        "[doors.twilio.auth]\nsecrets = [\"{reference}\"]\npublic_url = \"wss://a.example\"\n"
    );
    let config = Config::parse(&text, "hushgate.toml").unwrap();
    let Some(Authentication::TwilioSignature { tokens, public_url }) =
        &config.doors[0].authentication
    else {
        panic!("{:?}", config.doors[0]);
    };
    assert_eq!(
        (tokens[0].expose(), public_url.as_str()),
        ("12345", "wss://a.example")
    );
    let shown = format!("{:?} {} {}", config, config.to_toml(), config.to_json());
    assert!(!shown.contains("12345"), "{shown}");
    let again = Config::parse(&config.to_toml(), "again.toml").unwrap();
    assert_eq!(again.to_json(), config.to_json());
}

#[test]
fn what_is_wrong_with_authentication_is_told_without_the_secret() {
    let (_folder, reference) = secret_file();
    let auth = |lines: &str| format!("[doors.twilio.auth]\n{lines}");
    check(&auth("kind = \"bearer\""), "auth.secrets: is missing");
    check(
        &auth("kind = \"bearer\"\nsecrets = [\"env:HUSHGATE_TEST_UNSET\"]"),
        "hushgate.toml:3: doors.twilio.auth.secrets: the environment variable HUSHGATE_TEST_UNSET is not set",
    );
    check(
        &auth("secrets = [\"file:/no/such\"]"),
        "/no/such: cannot be read",
    );
    let pasted = auth("kind = \"bearer\"\nsecrets = [\"hunter2\"]");
    check(&pasted, "secrets themselves do not belong in this file");
    assert!(
        !Config::parse(&pasted, "a")
            .unwrap_err()
            .to_string()
            .contains("hunter2")
    );
    let secrets = format!("secrets = [\"{reference}\"]\n");
    check(
        &auth(&secrets),
        "auth.public_url: is missing; twilio_signature needs it",
    );
    check(
        &auth(&format!("{secrets}public_url = \"a.example\"")),
        "not a public address",
    );
    check(
        &auth(&format!("{secrets}kind = \"basic\"")),
        "auth.user: is missing",
    );
    check(
        &auth(&format!("{secrets}kind = \"bearer\"\nuser = \"x\"")),
        "hushgate.toml:4: doors.twilio.auth.user: bearer has no use for it",
    );
    check(
        &auth(&format!("{secrets}kind = \"magic\"")),
        "\"magic\" is not known",
    );
}

#[test]
fn doors_say_what_is_usual_of_their_calls() {
    let text = "[doors.twilio]\nsite = \"Lisbon\"\nvendor = \"Acme\"\nqueue = \"billing\"\njurisdiction = \"EU\"\n";
    let config = Config::parse(text, "hushgate.toml").unwrap();
    let usual = &config.doors[0].usual;
    assert_eq!(usual.site.as_ref().unwrap().as_str(), "Lisbon");
    assert_eq!(usual.jurisdiction.as_ref().unwrap().as_str(), "EU");
    let again = Config::parse(&config.to_toml(), "again.toml").unwrap();
    assert_eq!(again.doors[0].usual, *usual);
    assert_eq!(again.to_json(), config.to_json());
    check(
        "[doors.twilio]\nsite = \"123456789\"",
        "hushgate.toml:2: doors.twilio.site: expected 1 to 100 printable characters",
    );
}

#[test]
fn client_certificates_need_an_authority() {
    let door = "[doors.twilio.auth]\nkind = \"mutual_tls\"\n";
    check(door, "mutual_tls needs server.tls.client_authorities");
    let tls =
        "[server.tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\nclient_authorities = \"a.pem\"\n";
    let config = Config::parse(&format!("{tls}{door}"), "hushgate.toml").unwrap();
    assert!(!config.doors[0].is_unguarded());
    let again = Config::parse(&config.to_toml(), "again.toml").unwrap();
    assert_eq!(again.to_json(), config.to_json());
    check(
        &format!("{tls}{door}secrets = [\"env:HOME\"]"),
        "mutual_tls has no use for it",
    );
    check(
        "[server.tls]\ncertificate = \"c.pem\"",
        "missing field `key`",
    );
}

#[test]
fn each_protocol_has_fields_of_its_own() {
    let text = "[doors.asterisk]\nprotocol = \"audiosocket\"\nlisten = \"127.0.0.1:9093\"\ncodec = \"ulaw\"\n\
        leg = \"customer\"\nnetworks = [\"127.0.0.1\"]\nidle_seconds = 30\n\
        [doors.fork]\nprotocol = \"audio_fork\"\nrate = 16000\nmix = \"mono\"\nread = \"agent\"\n";
    let config = Config::parse(text, "hushgate.toml").unwrap();
    assert_eq!(config.doors[0].listen.port(), 9_093);
    assert_eq!(config.doors[0].idle.as_secs(), 30);
    assert_eq!(config.doors[1].rate.hertz(), 16_000);
    let again = Config::parse(&config.to_toml(), "again.toml").unwrap();
    assert_eq!(again.to_json(), config.to_json());
    check(
        "[doors.audiohook]\noutbound = \"agent\"",
        "hushgate.toml:2: doors.audiohook.outbound: means nothing to audiohook",
    );
    check(
        "[doors.audiosocket]\npath = \"/x\"",
        "it has listen, leg, codec, rate",
    );
    check(
        "[doors.audio_fork]\nrate = 7000",
        "a sample rate of 7000 Hz",
    );
    check(
        "[doors.audiosocket.auth]\n",
        "say with networks who may come in",
    );
    check("[doors.jambonz]\nidle_seconds = 1", "5 to 86400");
}

#[test]
fn rtp_has_a_path_and_ports() {
    let (_folder, reference) = secret_file();
    let text = format!(
        "[doors.pbx]\nprotocol = \"rtp\"\npath = \"/media\"\nrtp_ports = \"42000-42099\"\n\
         advertise = \"192.0.2.9\"\nstrict_source = false\n[doors.pbx.auth]\nsecrets = [\"{reference}\"]\n"
    );
    let config = Config::parse(&text, "hushgate.toml").unwrap();
    let door = &config.doors[0];
    assert_eq!(
        (door.protocol, door.path.as_str()),
        (Protocol::Rtp, "/media")
    );
    assert_eq!(door.rtp_ports, 42_000..=42_099);
    assert!(!door.strict_source && !door.has_own_socket() && !door.is_websocket());
    assert!(matches!(
        door.authentication,
        Some(Authentication::Bearer { .. })
    ));
    let again = Config::parse(&config.to_toml(), "again.toml").unwrap();
    assert_eq!(again.to_json(), config.to_json());
    let door = &doors("[doors.rtp]\n")[0];
    assert_eq!(door.path, "/rtp");
    assert!(door.strict_source && door.is_unguarded());
    check(
        "[doors.rtp]\nlisten = \"127.0.0.1:1\"",
        "it has path, rtp_ports, advertise, strict_source",
    );
    check(
        "[doors.rtp]\nrtp_ports = \"42001-42099\"",
        "whose first port is even",
    );
    check(
        "[doors.rtp.forward]\nurl = \"ws://a.example\"\n",
        "no recorder is spoken to in rtp; expected one of twilio,",
    );
}

#[test]
fn audiohook_keys_have_a_secret_each_or_none() {
    let (_folder, reference) = secret_file();
    let keys = format!("[doors.audiohook.auth]\napi_keys = [\"{reference}\"]\n");
    assert!(matches!(
        doors(&keys)[0].authentication,
        Some(Authentication::AudiohookSignature { .. })
    ));
    check(
        &format!("{keys}secrets = [\"{reference}\", \"{reference}\"]"),
        "a client secret for each of api_keys",
    );
    check("[doors.audiohook.auth]\n", "auth.api_keys: is missing");
}

#[test]
fn a_door_for_recording_sessions_has_ports_and_parties() {
    let door = |rest: &str| {
        let text = format!("[doors.sbc]\nprotocol = \"siprec\"\n{rest}");
        Config::parse(&text, "hushgate.toml").map(|config| config.doors[0].clone())
    };
    let plain = door("").unwrap();
    assert_eq!(plain.listen.port(), 5_060);
    assert_eq!(plain.rtp_ports, 20_000..=20_999);
    assert_eq!((plain.first, plain.strict_source), (Leg::Customer, true));
    let set = door(
        "listen = \"127.0.0.1:5070\"\nrtp_ports = \"20000-20099\"\nadvertise = \"192.0.2.7\"\nfirst = \"agent\"\n\
         strict_source = false\nnetworks = [\"192.0.2.0/24\"]\n",
    )
    .unwrap();
    assert_eq!(set.rtp_ports, 20_000..=20_099);
    assert_eq!(set.advertise, Some("192.0.2.7".parse().unwrap()));
    assert_eq!((set.first, set.strict_source), (Leg::Agent, false));
    for (rest, expected) in [
        (
            "rtp_ports = \"20001-20099\"\n",
            "doors.sbc.rtp_ports: expected a range",
        ),
        (
            "rtp_ports = \"900-20099\"\n",
            "doors.sbc.rtp_ports: expected a range",
        ),
        (
            "rtp_ports = \"20000\"\n",
            "doors.sbc.rtp_ports: expected a range",
        ),
        ("first = \"mixed\"\n", "doors.sbc.first: \"mixed\""),
        (
            "path = \"/sbc\"\n",
            "doors.sbc.path: means nothing to siprec",
        ),
        (
            "[doors.sbc.auth]\nsecrets = [\"env:A\"]\n",
            "say with networks who may come in",
        ),
    ] {
        let problem = door(rest).unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}\nlacks {expected}");
    }
    let text = "[doors.twilio]\nrtp_ports = \"20000-20099\"\n";
    let problem = Config::parse(text, "hushgate.toml")
        .unwrap_err()
        .to_string();
    assert!(problem.contains("means nothing to twilio"), "{problem}");
}

#[test]
fn recorders_that_are_invited_have_a_sip_address_and_digest() {
    let (_folder, reference) = secret_file();
    let forward = "[doors.twilio.forward]\nprotocol = \"siprec\"\n";
    let text = format!(
        "{forward}url = \"sip:recorder.example:5070;transport=tcp\"\n\
         [doors.twilio.forward.auth]\nuser = \"gate\"\nsecrets = [\"{reference}\"]\n"
    );
    let config = Config::parse(&text, "hushgate.toml").unwrap();
    let read = config.doors[0].forward.as_ref().unwrap();
    assert_eq!(read.protocol, Protocol::Siprec);
    assert!(matches!(
        &read.authentication,
        Some(Authentication::Digest { user, .. }) if user == "gate"
    ));
    let again = Config::parse(&config.to_toml(), "again.toml").unwrap();
    assert_eq!(again.to_json(), config.to_json());
    // What a border controller sends goes on as it came, unless told otherwise.
    let same = "[doors.siprec.forward]\nurl = \"sips:recorder.example\"\n";
    let door = &doors(same)[0];
    assert_eq!(door.forward.as_ref().unwrap().protocol, Protocol::Siprec);
    check(
        &format!("{forward}url = \"ws://recorder.example\""),
        "hushgate.toml:3: doors.twilio.forward.url: expected sip:HOST:PORT",
    );
    let sip = format!("{forward}url = \"sip:recorder.example\"\n[doors.twilio.forward.auth]\n");
    check(&format!("{sip}kind = \"bearer\""), "asks for digest alone");
    check(&sip, "auth.secrets: is missing");
    check(
        &format!("{sip}secrets = [\"{reference}\"]"),
        "auth.user: is missing; digest needs it",
    );
    check(
        "[doors.twilio.auth]\nkind = \"digest\"",
        "digest is for recorders",
    );
    check(
        "[doors.twilio.forward]\nurl = \"ws://recorder.example\"\n[doors.twilio.forward.auth]\nkind = \"digest\"",
        "digest is for recorders",
    );
}
