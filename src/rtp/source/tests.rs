use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

/// Lets a packet in as a port does: valid ones confirm their sender.
fn hear(guard: &mut SourceGuard, from: &str, since: Duration) -> Result<bool, Refusal> {
    guard.check(at(from), since)?;
    Ok(guard.confirm(at(from), since))
}

fn strict(address: &str) -> SourceGuard {
    SourceGuard::new(SourcePolicy {
        addresses: Some(vec![address.parse().unwrap()]),
        ..SourcePolicy::default()
    })
}

#[test]
fn the_first_sender_has_the_port() {
    let mut guard = SourceGuard::new(SourcePolicy::default());
    assert_eq!(hear(&mut guard, "10.0.0.1:4000", SECOND), Ok(true));
    assert_eq!(hear(&mut guard, "10.0.0.1:4000", 2 * SECOND), Ok(false));
    for other in ["10.0.0.1:4002", "10.0.0.9:4000"] {
        assert_eq!(
            hear(&mut guard, other, 3 * SECOND),
            Err(Refusal::Taken(at(other)))
        );
    }
    assert_eq!(guard.sender(), Some(at("10.0.0.1:4000")));
}

#[test]
fn noise_does_not_take_a_port() {
    let guard = SourceGuard::new(SourcePolicy::default());
    assert_eq!(guard.check(at("10.0.0.9:1"), SECOND), Ok(()));
    assert_eq!(guard.sender(), None);
    assert_eq!(guard.check(at("10.0.0.1:4000"), SECOND), Ok(()));
}

#[test]
fn another_sender_comes_after_silence_or_a_new_description() {
    let mut guard = SourceGuard::new(SourcePolicy::default());
    hear(&mut guard, "10.0.0.1:4000", SECOND).unwrap();
    assert!(hear(&mut guard, "10.0.0.2:4000", 5 * SECOND).is_err());
    assert_eq!(hear(&mut guard, "10.0.0.2:4000", 6 * SECOND), Ok(true));

    guard.reopen(None, 6 * SECOND);
    assert_eq!(
        hear(&mut guard, "10.0.0.2:4000", 7 * SECOND),
        Ok(false),
        "the same goes on while another may come"
    );
    assert_eq!(hear(&mut guard, "10.0.0.3:4000", 7 * SECOND), Ok(true));
    assert!(
        hear(&mut guard, "10.0.0.2:4000", 7 * SECOND).is_err(),
        "once"
    );

    guard.reopen(None, 8 * SECOND);
    for second in 9..20 {
        hear(&mut guard, "10.0.0.3:4000", second * SECOND).unwrap();
    }
    assert!(
        hear(&mut guard, "10.0.0.2:4000", 20 * SECOND).is_err(),
        "and soon"
    );
}

#[test]
fn strictly_the_address_must_be_named() {
    let mut guard = strict("192.0.2.1");
    assert_eq!(
        hear(&mut guard, "192.0.2.7:4000", SECOND),
        Err(Refusal::Unnamed("192.0.2.7".parse().unwrap()))
    );
    assert_eq!(hear(&mut guard, "192.0.2.1:4444", SECOND), Ok(true));
    assert!(guard.check_report(at("192.0.2.1:4445"), SECOND).is_ok());
    assert!(guard.check_report(at("192.0.2.7:4445"), SECOND).is_err());

    guard.reopen(Some(vec!["192.0.2.7".parse().unwrap()]), SECOND);
    assert!(hear(&mut guard, "192.0.2.1:4444", SECOND).is_err());
    assert_eq!(hear(&mut guard, "192.0.2.7:4000", SECOND), Ok(true));
}

#[test]
fn an_address_is_the_same_in_both_families() {
    let mut guard = strict("192.0.2.1");
    assert_eq!(
        hear(&mut guard, "[::ffff:192.0.2.1]:4000", SECOND),
        Ok(true)
    );
    assert_eq!(hear(&mut guard, "192.0.2.1:4000", SECOND), Ok(false));
}

#[test]
fn reports_come_from_the_sender_of_the_audio() {
    let mut guard = SourceGuard::new(SourcePolicy::default());
    assert!(guard.check_report(at("10.0.0.9:4001"), SECOND).is_ok());
    hear(&mut guard, "10.0.0.1:4000", SECOND).unwrap();
    assert!(guard.check_report(at("10.0.0.1:4001"), SECOND).is_ok());
    assert!(guard.check_report(at("10.0.0.9:4001"), SECOND).is_err());
}
