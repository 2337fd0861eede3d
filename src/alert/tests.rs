use std::sync::Arc;

use proptest::prelude::*;

use super::said::Said;
use super::*;
use crate::audio::{MediaTime, Span};
use crate::call::particulars::{Label, Particulars};
use crate::call::{Leg, Sensitive};
use crate::detect::{HeardUntil, HeardWord, Kind};
use crate::policy::Policy;
use crate::telemetry::Event;
use crate::telemetry::alerts::{AlertKind, Severity};

fn at(seconds: f64) -> MediaTime {
    MediaTime::from_seconds(seconds)
}

fn span(start: f64, end: f64) -> Span {
    Span::new(at(start), at(end))
}

fn phrases(texts: &[&str]) -> Vec<Phrase> {
    texts
        .iter()
        .map(|text| Phrase::new(text).unwrap())
        .collect()
}

/// Words of a party from a time on, 0.4 s each.
fn words(leg: Leg, from: f64, text: &str) -> Vec<HeardWord> {
    let spoken = text.split_whitespace().enumerate();
    spoken
        .map(|(index, word)| {
            let start = from + 0.4 * index as f64;
            HeardWord {
                leg,
                span: span(start, start + 0.35),
                text: Sensitive::new(word.to_owned()),
                confidence: 0.9,
            }
        })
        .collect()
}

fn said(text: &str) -> Said {
    let words = words(Leg::Agent, 0.0, text);
    let written: Vec<(String, Span)> = words
        .iter()
        .map(|word| (word.text.expose().clone(), word.span))
        .collect();
    Said::of(written.iter().map(|(text, span)| (text.as_str(), *span)))
}

#[track_caller]
fn check(phrase: &str, text: &str, found: bool) {
    let places = Phrase::new(phrase).unwrap().places(&said(text));
    assert_eq!(
        !places.is_empty(),
        found,
        "{phrase:?} in {text:?}: {places:?}"
    );
}

#[test]
fn phrases_are_found_as_they_are_heard() {
    check(
        "may be recorded",
        "This call may be recorded, for quality.",
        true,
    );
    check(
        "may be recorded|monitored",
        "this call may be monitored",
        true,
    );
    check("may be recorded", "it will be recorded", false);
    // A letter or two of long words.
    check("may be recorded", "this call may be recordet", true);
    check("we guarantee a profit", "we guaranteed a profit", true);
    check("police", "our policy covers it", false);
    // A word more, but none that turns it round.
    check(
        "call may be recorded",
        "the call may also be recorded",
        true,
    );
    check(
        "call may be recorded",
        "the call may not be recorded",
        false,
    );
    check("you will be charged", "you won't be charged", false);
    // A word less of many.
    check(
        "this call may be recorded for quality",
        "this call may recorded for quality",
        true,
    );
    check(
        "we are not recording this call",
        "we are recording this call",
        false,
    );
    // Gaps, prefixes, what may be missing.
    check(
        "guarantee* ... returns|profit",
        "I can guarantee you that there will be returns",
        true,
    );
    check(
        "guarantee* ... profit",
        "guaranteed one two three four five six seven profit",
        false,
    );
    assert!(Phrase::new("calls? are").is_err());
    check("the calls? are recorded", "the are recorded", true);
    // Hesitations.
    check("kill myself", "I will uh kill um myself", true);
    // Numbers in words and digits.
    check("within fourteen days", "within 14 days", true);
    check("within 14 days", "within fourteen days.", true);
    check("14 days", "40 days", false);
}

#[test]
fn korean_phrases_are_found_without_regard_to_spaces() {
    check("녹음 됩니다", "이 통화는 녹음됩니다.", true);
    check("통화 내용 녹음", "통화내용이 녹음 될 수 있습니다", true);
    check(
        "수익 ... 보장",
        "수익률을 저희가 반드시 보장해 드립니다",
        true,
    );
    check("수익 보장", "수익을 안 보장합니다", false);
    check("카드 번호", "카드번호 좀 불러 주세요", true);
    check("카드 번호", "카드는 여기 있고 전화번호", false);
    check("죽고 싶", "정말 죽고싶어요", true);
}

#[test]
fn a_pause_parts_a_phrase() {
    let mut heard = words(Leg::Agent, 0.0, "may be");
    heard.extend(words(Leg::Agent, 9.0, "recorded"));
    let written = heard
        .iter()
        .map(|word| (word.text.expose().as_str(), word.span));
    assert!(
        Phrase::new("may be recorded")
            .unwrap()
            .places(&Said::of(written))
            .is_empty()
    );
}

fn withdrawal() -> Fact {
    Fact {
        about: phrases(&["cancel*", "cancellation", "철회"]),
        values: phrases(&["14 days", "two weeks", "14일"]),
        units: phrases(&["day|days", "week|weeks", "month|months"]),
        wrong: phrases(&["no right ... cancel"]),
    }
}

#[test]
fn facts_told_wrongly_are_found() {
    #[track_caller]
    fn check(text: &str, wrong: bool) {
        let mistakes = withdrawal().mistakes(&said(text));
        assert_eq!(!mistakes.is_empty(), wrong, "{text:?}: {mistakes:?}");
    }
    check("you can cancel within fourteen days", false);
    check("you can cancel within 14 days of today", false);
    check("you can cancel within two weeks", false);
    check("you can cancel within thirty days", true);
    check("you have seven days to cancel it", true);
    check("there is no right to cancel", true);
    check("you can cancel any time", false);
    check("your order of three items can be cancelled", false);
    check("it takes five days to arrive", false);
    check("it is 14 days and not 30 days to cancel", false);
}

fn rule(name: &str, test: Test) -> Rule {
    Rule {
        name: name.into(),
        severity: Severity::Warning,
        message: "what the rule says".into(),
        queues: Vec::new(),
        sites: Vec::new(),
        again: at(30.0),
        test,
    }
}

fn forbidden(texts: &[&str]) -> Rule {
    rule(
        "forbidden",
        Test::Said {
            kind: AlertKind::ForbiddenStatement,
            by: Speaker::Agent,
            phrases: phrases(texts),
        },
    )
}

fn watch(rules: Vec<Rule>) -> Watch {
    Rules::new(rules)
        .watch(&Particulars::default(), "tag")
        .unwrap()
}

/// Shows a conversation as far as it was heard.
fn look(watch: &mut Watch, words: &[HeardWord], until: f64) -> Vec<(String, AlertKind, Span)> {
    look_beside(watch, words, until, &[])
}

fn look_beside(
    watch: &mut Watch,
    words: &[HeardWord],
    until: f64,
    unheard: &[(Leg, Span)],
) -> Vec<(String, AlertKind, Span)> {
    let mut words: Vec<HeardWord> = words
        .iter()
        .filter(|word| word.span.end <= at(until))
        .cloned()
        .collect();
    words.sort_by_key(|word| word.span.start);
    let heard = HeardUntil::from(at(until));
    let findings = crate::detect::find(&words, heard, &Policy::default());
    let events = watch.look(&Seen {
        words: &words,
        unheard,
        findings: &findings,
        heard,
        head: at(until),
    });
    events.into_iter().map(summary).collect()
}

fn summary(event: Event) -> (String, AlertKind, Span) {
    match event {
        Event::Alerted {
            rule, kind, span, ..
        } => (rule, kind, span),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_statement_raises_one_alert_for_each_time_it_is_made() {
    let mut watch = watch(vec![forbidden(&["guaranteed return|returns"])]);
    let mut heard = words(Leg::Agent, 2.0, "these are guaranteed returns");
    heard.extend(words(Leg::Customer, 8.0, "guaranteed returns really"));
    heard.extend(words(Leg::Agent, 12.0, "yes guaranteed returns"));
    heard.extend(words(Leg::Agent, 60.0, "so guaranteed returns it is"));
    let mut all = Vec::new();
    for step in 0..140 {
        all.extend(look(&mut watch, &heard, f64::from(step) / 2.0));
    }
    let starts: Vec<f64> = all
        .iter()
        .map(|(_, _, span)| span.start.seconds())
        .collect();
    // The customer's are not meant, the agent's second time is the same occurrence.
    assert_eq!(starts, [2.8, 60.4]);
}

#[test]
fn rules_apply_to_their_queues_and_sites() {
    let label = |text: &str| Some(Label::new(text).unwrap());
    let place = |queue: &str, site: &str| Particulars {
        queue: label(queue),
        site: label(site),
        ..Particulars::default()
    };
    let rules = Rules::new(vec![Rule {
        queues: vec!["cards".into()],
        sites: vec!["Busan".into()],
        ..forbidden(&["never"])
    }]);
    assert!(rules.watch(&place("cards", "Busan"), "t").is_some());
    assert!(rules.watch(&place("cards", "Seoul"), "t").is_none());
    assert!(rules.watch(&place("loans", "Busan"), "t").is_none());
    assert!(rules.watch(&Particulars::default(), "t").is_none());
}

fn disclosure(within: Option<f64>, before: &[Kind]) -> Rule {
    rule(
        "recorded",
        Test::NotSaid {
            phrases: phrases(&["may be recorded", "녹음 됩니다"]),
            within: within.map(at),
            before: before.to_vec(),
        },
    )
}

#[test]
fn a_disclosure_has_to_come_in_time() {
    let told = words(Leg::Agent, 3.0, "hello this call may be recorded");
    let late = words(Leg::Agent, 40.0, "this call may be recorded");
    let none = words(Leg::Agent, 3.0, "hello how can I help");
    for (heard, alerts) in [(&told, 0), (&late, 1), (&none, 1)] {
        let mut watch = watch(vec![disclosure(Some(20.0), &[])]);
        let raised: usize = (0..60)
            .map(|step| look(&mut watch, heard, f64::from(step)).len())
            .sum();
        assert_eq!(raised, alerts, "{heard:?}");
    }
    // What nobody could hear may have been it.
    let mut watch = watch(vec![disclosure(Some(20.0), &[])]);
    let unheard = [(Leg::Agent, span(4.0, 9.0))];
    for step in 0..60 {
        assert!(look_beside(&mut watch, &none, f64::from(step), &unheard).is_empty());
    }
}

#[test]
fn a_disclosure_has_to_come_before_the_card() {
    let asked = words(Leg::Agent, 10.0, "what is your card number please?");
    for (told_at, alerts) in [(2.0, 0), (30.0, 1)] {
        let mut watch = watch(vec![disclosure(None, &[Kind::PAN])]);
        let mut heard = asked.clone();
        heard.extend(words(Leg::Agent, told_at, "this call may be recorded"));
        let raised: Vec<_> = (0..50)
            .flat_map(|step| look(&mut watch, &heard, f64::from(step)))
            .collect();
        assert_eq!(raised.len(), alerts, "{raised:?}");
    }
    // Known only when it was hidden.
    let mut watch = watch(vec![disclosure(None, &[Kind::PAN])]);
    watch.told(&hidden("pan", 15.0));
    assert_eq!(look(&mut watch, &[], 16.0).len(), 1);
}

fn hidden(kind: &str, start: f64) -> Event {
    Event::Hidden {
        leg: Leg::Customer,
        span: span(start, start + 2.0),
        kind: kind.into(),
        reason: "asked".into(),
        rule: "asked_answer".into(),
        confidence: 0.9,
        paused: false,
    }
}

#[test]
fn a_question_for_a_card_is_noticed_when_it_was_asked() {
    let mut watch = watch(vec![rule("no cards", Test::Asked(vec![Kind::PAN]))]);
    let heard = words(
        Leg::Agent,
        4.0,
        "can I have your credit card number please?",
    );
    assert!(look(&mut watch, &heard, 4.5).is_empty());
    let raised = look(&mut watch, &heard, 8.0);
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0].1, AlertKind::ForbiddenQuestion);
    for step in 8..30 {
        assert!(look(&mut watch, &heard, f64::from(step)).is_empty());
    }
    let mut other = self::watch(vec![rule("no cards", Test::Asked(vec![Kind::PAN]))]);
    let heard = words(Leg::Agent, 4.0, "can I have your order number please?");
    assert!(look(&mut other, &heard, 12.0).is_empty());
}

#[test]
fn silence_is_long_when_nobody_speaks() {
    let mut heard = words(Leg::Agent, 1.0, "hello there");
    heard.extend(words(Leg::Customer, 60.0, "are you there"));
    let mut watch = watch(vec![rule("silence", Test::Silence(at(15.0)))]);
    let raised: Vec<_> = (0..90)
        .flat_map(|step| look(&mut watch, &heard, f64::from(step)))
        .collect();
    let starts: Vec<f64> = raised
        .iter()
        .map(|(_, _, span)| span.start.seconds().round())
        .collect();
    assert_eq!(starts, [2.0, 61.0]);
    assert!((15.0..17.0).contains(&raised[0].2.length().seconds()));
    // Where nobody could hear, somebody may have spoken.
    let mut watch = self::watch(vec![rule("silence", Test::Silence(at(15.0)))]);
    let unheard = [(Leg::Customer, span(0.0, 60.0))];
    assert!(look_beside(&mut watch, &[], 60.0, &unheard).is_empty());
}

#[test]
fn talk_over_is_both_at_once() {
    let long = "no no listen to me I am telling you that this is not right at all";
    let mut heard = words(Leg::Agent, 10.0, long);
    heard.extend(words(Leg::Customer, 11.0, long));
    let mut watch = watch(vec![rule("over", Test::TalkOver(at(3.0)))]);
    let raised: Vec<_> = (0..40)
        .flat_map(|step| look(&mut watch, &heard, f64::from(step)))
        .collect();
    assert_eq!(raised.len(), 1, "{raised:?}");
    let mut turns = words(Leg::Agent, 10.0, long);
    turns.extend(words(Leg::Customer, 17.0, long));
    let mut watch = self::watch(vec![rule("over", Test::TalkOver(at(3.0)))]);
    assert!((0..40).all(|step| look(&mut watch, &turns, f64::from(step)).is_empty()));
}

#[test]
fn events_raise_alerts() {
    let mut watch = watch(vec![
        rule("pin", Test::Hidden(vec![Kind::PIN])),
        rule("late", Test::Late(at(1.0))),
        rule("recorder", Test::Recorder),
    ]);
    assert!(watch.told(&hidden("pan", 3.0)).is_empty());
    assert_eq!(watch.told(&hidden("pin", 3.0)).len(), 1);
    let late = |start| Event::Late {
        leg: Leg::Agent,
        span: span(start, start + 0.6),
    };
    assert!(watch.told(&late(5.0)).is_empty());
    assert_eq!(watch.told(&late(5.6)).len(), 1);
    assert!(watch.told(&late(6.2)).is_empty());
    let not_paused = Event::RecorderNotPaused {
        leg: Leg::Customer,
        kind: "pan".into(),
        from: at(9.0),
        at: at(11.0),
        reason: "no answer".into(),
    };
    let raised = watch.told(&not_paused);
    assert_eq!(summary(raised[0].clone()).1, AlertKind::Recorder);
    // An alert raises none.
    assert!(watch.told(&raised[0]).is_empty());
}

#[test]
fn ids_are_of_one_alert_each() {
    let mut watch = watch(vec![
        forbidden(&["never"]),
        rule("late", Test::Late(at(0.1))),
    ]);
    let mut ids = Vec::new();
    let heard = words(Leg::Agent, 1.0, "I never did");
    let seen = Seen {
        words: &heard,
        unheard: &[],
        findings: &[],
        heard: HeardUntil::from(at(3.0)),
        head: at(3.0),
    };
    let late = Event::Late {
        leg: Leg::Agent,
        span: span(2.0, 3.0),
    };
    for event in watch.look(&seen).into_iter().chain(watch.told(&late)) {
        if let Event::Alerted { id, .. } = event {
            ids.push(id);
        }
    }
    assert_eq!(ids, ["tag-1", "tag-2"]);
}

/// Fragments of calls, some of which raise something.
const FRAGMENTS: [&str; 8] = [
    "these are guaranteed returns",
    "you can cancel within thirty days",
    "this call may be recorded",
    "4111 1111 1111 1111",
    "what is your card number?",
    "guaranteed guaranteed returns",
    "취소는 30일 이내에",
    "thank you very much",
];

fn all_rules() -> Vec<Rule> {
    vec![
        forbidden(&["guaranteed returns"]),
        rule("facts", Test::Facts(vec![withdrawal()])),
        disclosure(Some(15.0), &[Kind::PAN]),
        rule("asked", Test::Asked(vec![Kind::PAN])),
        rule("silence", Test::Silence(at(10.0))),
        rule("over", Test::TalkOver(at(2.0))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However often and in whatever pieces a conversation is shown: what is said raises an alert, no rule raises two of
    /// one occurrence, and no alert has a word that was spoken.
    #[test]
    fn what_is_shown_again_raises_nothing_again(
        spoken in prop::collection::vec((0..FRAGMENTS.len(), any::<bool>(), 0.0..4.0_f64), 1..12),
        steps in prop::collection::vec(0.1..6.0_f64, 1..30),
    ) {
        let mut heard = Vec::new();
        let mut time = 0.0;
        for (fragment, by_agent, pause) in spoken {
            time += pause;
            let leg = if by_agent { Leg::Agent } else { Leg::Customer };
            heard.extend(words(leg, time, FRAGMENTS[fragment]));
            time += 0.4 * FRAGMENTS[fragment].split(' ').count() as f64;
        }
        heard.sort_by_key(|word| word.span.start);
        let end = time + 20.0;
        let mut watch = watch(all_rules());
        let mut raised = Vec::new();
        let mut until = 0.0;
        for step in steps.iter().cycle() {
            until = f64::min(until + step, end);
            // Twice: a second look finds nothing new.
            raised.extend(look(&mut watch, &heard, until));
            prop_assert!(look(&mut watch, &heard, until).is_empty());
            if until >= end {
                break;
            }
        }
        for (index, (name, _, one)) in raised.iter().enumerate() {
            for (_, _, other) in raised[index + 1..].iter().filter(|(other, _, _)| other == name) {
                let between = other.start.max(one.start) - other.start.min(one.start);
                prop_assert!(name == "recorded" || between > at(20.0), "{name} {one:?} {other:?}");
            }
        }
        let agent: Vec<&str> = heard.iter().filter(|word| word.leg == Leg::Agent)
            .map(|word| word.text.expose().as_str()).collect();
        if agent.join(" ").contains("are guaranteed returns") {
            prop_assert!(raised.iter().any(|(name, _, _)| name == "forbidden"));
        }
    }

    /// No text makes a phrase or a look fail.
    #[test]
    fn any_text_is_taken(text in "\\PC{0,60}", phrase in "\\PC{1,30}") {
        let mut rules = all_rules();
        if let Ok(phrase) = Phrase::new(&phrase) {
            rules.push(rule("any", Test::Said {
                kind: AlertKind::Distress,
                by: Speaker::Anyone,
                phrases: vec![phrase],
            }));
        }
        let mut watch = watch(rules);
        look(&mut watch, &words(Leg::Mixed, 0.0, &text), 60.0);
    }
}

#[test]
fn rules_are_shared_between_calls() {
    let rules = Arc::new(Rules::new(all_rules()));
    assert_eq!(rules.all().count(), 6);
    assert!(!rules.is_empty() && Rules::default().is_empty());
}
