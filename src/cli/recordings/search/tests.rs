use super::*;
use crate::store::vault::RecordName;

fn call(name: &str, began: &str) -> IndexedCall {
    let name = RecordName::new(name).unwrap();
    IndexedCall::new(name, began.parse().unwrap(), State::Complete)
}

#[test]
fn times_are_days_or_moments() {
    let second = |text| time(text).unwrap().as_second();
    assert_eq!(second("1970-01-02"), 86_400);
    assert_eq!(second("1970-01-01T01:00:00Z"), 3_600);
    assert_eq!(second("1970-01-01T01:00:00+01:00"), 0);
    assert!(time("yesterday").unwrap_err().contains("expected a time"));
}

#[test]
fn a_table_has_the_columns_that_say_something() {
    let mut first = call("CA1", "2026-11-22T10:00:00Z");
    first.agent = Some(Label::new("Alice").unwrap());
    first.duration_s = 3_725.2;
    first.hidden_s = [("pan".to_owned(), 11.35), ("cvv".to_owned(), 2.0)].into();
    let mut second = call("CA2-with-a-longer-name", "2026-11-22T09:59:59Z");
    second.state = State::Incomplete;
    second.duration_s = 61.0;
    second.alerts = [("cut_off".to_owned(), 1)].into();
    let page = Page {
        next: Some(Cursor::at(&second)),
        calls: vec![first, second],
    };
    insta::assert_snapshot!(table(&page), @r"
    BEGAN                CALL                    LENGTH   AGENT  HIDDEN               NOTE
    2026-11-22 10:00:00  CA1                     1:02:05  Alice  cvv 2.0s, pan 11.3s  -
    2026-11-22 09:59:59  CA2-with-a-longer-name  1:01     -      -                    incomplete, cut_off
    2 calls; more with --after 660da8a4245c0.CA2-with-a-longer-name
    ");
    let none = Page {
        calls: Vec::new(),
        next: None,
    };
    assert_eq!(table(&none), "no such calls\n");
}
