use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use proptest::prelude::*;

use super::*;

const ZEROS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const ONES: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

fn keys(text: &str) -> LocalKeys {
    LocalKeys::from_text(text, "keys").unwrap()
}

fn id(text: &str) -> KeyId {
    KeyId::new(text).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_key_comes_back_for_its_object_alone() {
    let keys = keys(&format!("new {ONES}\nold {ZEROS}\n"));
    let key = DataKey::generate().unwrap();
    let wrapped = keys.wrap(&key, b"object").unwrap();
    assert_eq!(wrapped.key, id("new"));
    assert_eq!(keys.unwrap(&wrapped, b"object").unwrap(), key);
    assert!(matches!(
        keys.unwrap(&wrapped, b"other"),
        Err(KeyError::Refused { .. })
    ));
    let mut other_key = wrapped.clone();
    other_key.key = id("old");
    assert!(matches!(
        keys.unwrap(&other_key, b"object"),
        Err(KeyError::Refused { .. })
    ));
    other_key.key = id("none");
    let problem = keys.unwrap(&other_key, b"object").unwrap_err().to_string();
    assert_eq!(
        problem,
        "keys: has no key none, which this was sealed under; put it back"
    );
}

#[test]
fn two_keys_are_never_the_same_nor_wrapped_alike() {
    let keys = keys(&format!("k {ONES}"));
    let key = DataKey::generate().unwrap();
    assert_ne!(key, DataKey::generate().unwrap());
    assert_ne!(
        keys.wrap(&key, b"o").unwrap(),
        keys.wrap(&key, b"o").unwrap()
    );
}

#[test]
fn rotation_wraps_the_same_key_under_the_current_one() {
    let old = keys(&format!("old {ZEROS}"));
    let both = keys(&format!("new {ONES}\nold {ZEROS}"));
    let new = keys(&format!("new {ONES}"));
    let key = DataKey::generate().unwrap();
    let wrapped = old.wrap(&key, b"o").unwrap();
    assert!(new.unwrap(&wrapped, b"o").is_err());
    let rewrapped = both.rewrap(&wrapped, b"o").unwrap().unwrap();
    assert_eq!(new.unwrap(&rewrapped, b"o").unwrap(), key);
    assert_eq!(both.rewrap(&rewrapped, b"o").unwrap(), None);
    assert!(both.rewrap(&wrapped, b"another").is_err());
}

#[test]
fn keys_are_written_several_ways() {
    let ids = |text: &str| keys(text).keys().unwrap();
    assert_eq!(
        ids(&format!("# c\n\n a {ONES} # d\nb\t{ZEROS}\n")),
        [id("a"), id("b")]
    );
    assert_eq!(ids(&format!("a {ONES}, b {ZEROS}")), [id("a"), id("b")]);
}

#[test]
fn errors_name_the_line_and_never_the_key() {
    let check = |text: &str, expected: &str| {
        let problem = LocalKeys::from_text(text, "keys").unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
        assert!(!problem.contains("AQEB"), "{problem}");
    };
    check(
        "",
        "keys: has no key; make one with `hushgate keys generate`",
    );
    check(&format!("\n{ONES}"), "keys:2: expected ID and KEY");
    check(&format!("{ONES} a"), "keys:1: the id is not of letters");
    check(
        &format!("a {ONES}\na {ZEROS}"),
        "keys:2: an id that was there",
    );
    check("a AQEB*", "keys:1: the key is not base64");
    check("a AQEBAQEB", "keys:1: the key has not 32 bytes");
}

#[test]
fn nothing_of_a_key_is_shown() {
    let keys = keys(&format!("k {ONES}"));
    let shown = format!("{keys:?} {:?}", DataKey::from_bytes([1; 32]));
    assert!(
        !shown.contains("1, 1") && !shown.contains("AQEB"),
        "{shown}"
    );
    let token = Token::Environment("T".into(), "sesame".to_owned().into());
    assert!(!format!("{token:?}").contains("sesame"));
}

#[test]
fn a_file_is_made_for_its_owner_and_others_may_not_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let missing = LocalKeys::from_file(&file).unwrap_err().to_string();
    assert!(missing.contains("hushgate keys generate"), "{missing}");
    add_key(&file, &id("first")).unwrap();
    assert_eq!(mode(&file), 0o600);
    add_key(&file, &id("second")).unwrap();
    assert_eq!(mode(&file), 0o600);
    let keys = LocalKeys::from_file(&file).unwrap();
    assert_eq!(keys.keys().unwrap(), [id("second"), id("first")]);
    assert!(matches!(
        add_key(&file, &id("first")),
        Err(KeyError::Taken { .. })
    ));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    for open in [0o640, 0o604, 0o660] {
        std::fs::set_permissions(&file, PermissionsExt::from_mode(open)).unwrap();
        let problem = LocalKeys::from_file(&file).unwrap_err().to_string();
        assert!(
            problem.contains(&format!("has mode {open:04o}")),
            "{problem}"
        );
        assert!(add_key(&file, &id("third")).is_err());
    }
}

#[test]
fn a_changed_file_is_read_again_and_a_broken_one_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    add_key(&file, &id("first")).unwrap();
    let keys = LocalKeys::from_file(&file).unwrap();
    let key = DataKey::generate().unwrap();
    let wrapped = keys.wrap(&key, b"o").unwrap();
    add_key(&file, &id("second")).unwrap();
    assert_eq!(keys.wrap(&key, b"o").unwrap().key, id("second"));
    assert_eq!(keys.unwrap(&wrapped, b"o").unwrap(), key);
    std::fs::write(&file, "nonsense").unwrap();
    assert_eq!(keys.wrap(&key, b"o").unwrap().key, id("second"));
    assert!(keys.check().is_err());
}

proptest! {
    #[test]
    fn any_altered_wrapped_key_is_refused(place in 0_usize..60, bit in 0_u8..8) {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD;
        let keys = keys(&format!("k {ONES}"));
        let mut wrapped = keys.wrap(&DataKey::from_bytes([7; 32]), b"o").unwrap();
        let mut bytes = base64.decode(&wrapped.wrapped).unwrap();
        prop_assert_eq!(bytes.len(), 60);
        bytes[place] ^= 1 << bit;
        wrapped.wrapped = base64.encode(&bytes);
        prop_assert!(keys.unwrap(&wrapped, b"o").is_err());
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = LocalKeys::from_text(&text, "keys");
    }
}
