//! What needs no database; `tests/it/index.rs` has the rest, on both.

use super::*;
use crate::call::particulars::telephone_number;
use crate::store::keys::DataKey;

#[test]
fn a_cursor_comes_back_from_its_text() {
    let name = RecordName::new("CA-1_x").unwrap();
    let began = "2026-11-22T10:00:00.123456Z".parse().unwrap();
    let cursor = Cursor::at(&IndexedCall::new(name, began, State::Open));
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
    for wrong in ["", "1", "x.CA1", "1.", "1.a b", "1.a';--"] {
        assert_eq!(wrong.parse::<Cursor>(), Err(InvalidCursor), "{wrong}");
    }
}

#[test]
fn numbers_are_hashed_under_the_key() {
    let key = |byte| NumberKey::new(DataKey::from_bytes([byte; 32]));
    let hash = |byte, number| key(byte).hash(&telephone_number(number).unwrap());
    assert_eq!(hash(1, "+1 415 555 0100"), hash(1, "0014155550100"));
    assert_ne!(hash(1, "+1 415 555 0100"), hash(1, "+1 415 555 0101"));
    assert_ne!(hash(1, "+1 415 555 0100"), hash(2, "+1 415 555 0100"));
    assert_eq!(hash(1, "+1 415 555 0100").0.len(), 64);
    assert!(!format!("{:?}", key(1)).contains('1'));
}

/// What is asked of the index is asked from tasks of a server.
#[test]
fn questions_can_be_asked_from_any_thread() {
    fn sent<Asked: Send>(_: impl Fn(&'static Index) -> Asked) {}
    sent(|index| index.put_all(&[]));
    sent(|index| index.remove_all(&[]));
    sent(|index| index.names());
    sent(|index| async move { index.walk(&Query::default()).next().await });
    sent(|index| async move {
        index
            .search(&Query::default(), &PageRequest::first(1))
            .await
    });
    sent(|index| async move { index.totals(&Query::default(), &[]).await });
    sent(|index| async move { index.each(&Query::default(), |_| {}).await });
    sent(|index| async move {
        let name = RecordName::new("CA1").map_err(|_| DatabaseError::Row { what: "" })?;
        index.remove(&name).await?;
        index.set_holds(&name, 1).await?;
        index.get(&name).await
    });
}
