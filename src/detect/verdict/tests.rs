use super::*;

#[test]
fn shared_stretches_are_found() {
    assert!(shares(&[1, 2, 3, 4], &[0, 2, 3, 4, 5], 3));
    assert!(!shares(&[1, 2, 3, 4], &[4, 3, 2, 1], 3));
    assert!(!shares(&[1, 2], &[1, 2], 3));
}

#[test]
fn resident_registration_numbers_begin_with_a_date() {
    let digits = |text: &str| text.bytes().map(|b| b - b'0').collect::<Vec<u8>>();
    assert!(resident_registration(&digits("9001011234567")));
    assert!(resident_registration(&digits("0512314123456")));
    assert!(!resident_registration(&digits("9013011234567")));
    assert!(!resident_registration(&digits("9001321234567")));
    assert!(!resident_registration(&digits("9001019234567")));
    assert!(!resident_registration(&digits("900101123456")));
}
