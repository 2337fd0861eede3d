use super::*;

fn told(participants: &str, rest: &str) -> Particulars {
    let document = format!(
        "<?xml version='1.0'?><recording xmlns='urn:ietf:params:xml:ns:recording:1'>\
         <datamode>complete</datamode><session session_id='s1'>{rest}</session>{participants}</recording>"
    );
    particulars(&RecordingMetadata::read(document.as_bytes()).unwrap())
}

#[test]
fn who_called_is_the_customer_and_the_other_one_the_agent() {
    let named = told(
        "<participant participant_id='p1'><nameID aor='sip:+14155550100@example.com'/></participant>\
         <participant participant_id='p2'><nameID aor='sip:1001@example.com'><name>Alice</name></nameID></participant>",
        "",
    );
    let number = |number: &Option<crate::call::Sensitive<String>>| {
        number.as_ref().map(|number| number.expose().clone())
    };
    assert_eq!(number(&named.caller).as_deref(), Some("14155550100"));
    assert_eq!(number(&named.called).as_deref(), Some("1001"));
    assert_eq!(named.agent.unwrap().as_str(), "Alice");
    let unnamed = told(
        "<participant participant_id='p1'><nameID aor='tel:+14155550100'/></participant>\
         <participant participant_id='p2'><nameID aor='sip:bob@example.com'/></participant>",
        "",
    );
    assert_eq!(unnamed.agent.unwrap().as_str(), "bob");
    assert_eq!(unnamed.called, None);
    assert_eq!(told("", ""), Particulars::default());
}
