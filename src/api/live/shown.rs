//! Calls under way as they are shown, masked for who sees them. Times within a call are seconds with three decimals.

use serde_json::{Map, Value, json};

use crate::access::{Identity, Permission, Subject, View, permits};
use crate::audio::MediaTime;
use crate::call::particulars::Label;
use crate::detect::Kind;
use crate::gateway::live::{
    CallState, Decided, Facts, Happening, Levels, LiveCall, Mark, Message, Now, Past, Published,
    Said, Told, What,
};
use crate::telemetry::alerts::AlertKind;

/// In place of a kind that somebody may not know.
const SENSITIVE: &str = "sensitive";

/// What of a call is shown to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    kinds: bool,
    alerts: bool,
}

impl Form {
    pub(super) fn of(identity: &Identity, call: Subject<'_>) -> Self {
        let may = |permission| permits(identity, permission, call).is_allowed();
        Self {
            kinds: may(Permission::SeeKinds),
            alerts: may(Permission::SeeAlerts),
        }
    }

    /// Which of the few forms it is.
    fn number(self) -> usize {
        usize::from(self.kinds) * 2 + usize::from(self.alerts)
    }

    /// Whether an alert is shown, which is as `/api/v1/alerts` has it.
    fn shows(self, alert: &Value) -> bool {
        let kind = AlertKind::ALL
            .iter()
            .find(|kind| alert["kind"] == kind.name());
        self.alerts && (self.kinds || !kind.is_some_and(|kind| kind.tells_kind()))
    }

    /// That somebody paused a call is no kind of data.
    fn kind(self, kind: &str) -> &str {
        if self.kinds || kind == Kind::MANUAL.name() {
            kind
        } else {
            SENSITIVE
        }
    }

    /// The evidence tells of the kind.
    fn evidence<'a>(self, kind: &str, text: &'a str) -> &'a str {
        if self.kind(kind) == kind { text } else { "" }
    }
}

pub(super) fn seconds(time: MediaTime) -> f64 {
    (time.micros() as f64 / 1e3).round() / 1e3
}

fn thousandths(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

/// A call in a list.
pub(super) fn call(facts: &Facts, now: &Now, form: Form) -> Value {
    let text = |label: &Option<Label>| label.as_ref().map(|label| label.as_str().to_owned());
    let parts = &facts.particulars;
    let legs: Vec<&str> = facts.legs.iter().map(|leg| leg.name()).collect();
    json!({
        "call": facts.name,
        "began": facts.began,
        "door": facts.door,
        "site": text(&parts.site),
        "queue": text(&parts.queue),
        "agent": text(&parts.agent),
        "vendor": text(&parts.vendor),
        "legs": legs,
        "rate": facts.rate.hertz(),
        "hold": seconds(facts.hold),
        "head": seconds(now.head),
        "released": seconds(now.released),
        "state": now.state,
        "why": now.why.as_deref().map(|kind| form.kind(kind)),
        "by": now.by,
        "examined": facts.examined,
        "hidden_s": thousandths(now.hidden_s),
        "late_s": thousandths(now.late_s),
        "failed_s": thousandths(now.failed_s),
        "hidden": now.hidden,
        "alerts": form.alerts.then_some(now.alerts),
        "marks": now.marks,
        "recorder": facts.recorder,
        "recorder_state": now.recorder,
    })
}

/// What else is told of one call.
pub(super) fn past(facts: &Facts, past: &Past, form: Form, view: View) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, values: Vec<Value>| fields.insert(name.into(), values.into());
    put(
        "spans",
        past.spans.iter().map(|told| span(told, form)).collect(),
    );
    let hiding = past.hiding.iter();
    put(
        "hiding",
        hiding.map(|decided| hides(decided, form)).collect(),
    );
    if view != View::Nothing {
        let said = past.transcript.iter();
        put(
            "transcript",
            said.filter_map(|said| words(said, view)).collect(),
        );
    }
    put("marks", past.marks.iter().map(mark).collect());
    if form.alerts {
        let alerts = past.alerts.iter().filter(|alert| form.shows(alert));
        put("alerts", alerts.cloned().collect());
    }
    fields.insert("peaks".into(), levels(facts, &past.peaks));
    fields
}

/// Whether what is said is kept out now.
pub(super) fn protection(call: &LiveCall, now: &Now, identity: &Identity) -> Value {
    let facts = call.facts();
    let form = Form::of(identity, facts.subject());
    let is_protected = matches!(
        now.state,
        CallState::Paused | CallState::Hidden | CallState::Armed
    );
    let messages: Vec<Value> = call.messages().iter().map(message).collect();
    json!({
        "call": facts.name,
        "state": now.state,
        "protected": is_protected,
        "why": now.why.as_deref().map(|kind| form.kind(kind)),
        "by": now.by,
        "since": now.since.map(seconds),
        "at": seconds(now.head),
        "released": seconds(now.released),
        "messages": messages,
    })
}

/// An event: its type and its text; `None` where it is not for somebody with this view of it.
pub(super) fn event(
    published: &Published,
    form: Form,
    view: View,
) -> Option<(&'static str, std::sync::Arc<str>)> {
    let facts = &published.call;
    let kind = match &published.what {
        Happening::Began(_) => "began",
        Happening::State(_) => "state",
        Happening::Hiding(_) => "hiding",
        Happening::Filled(told) => span_type(told),
        Happening::Said(_) if view == View::Nothing => return None,
        Happening::Said(_) => "words",
        Happening::Levels(_) => "levels",
        Happening::Alert(alert) if !form.shows(alert) => return None,
        Happening::Alert(_) => "alert",
        Happening::Marked(_) => "mark",
        Happening::Message(_) => "message",
        Happening::Ended { .. } => "ended",
    };
    let text = published.text(form.number(), || {
        let mut data = match &published.what {
            Happening::Began(now) => call(facts, now, form),
            Happening::State(now) => state(now, form),
            Happening::Hiding(decided) => hides(decided, form),
            Happening::Filled(told) => span(told, form),
            Happening::Said(said) => words(said, view).unwrap_or_default(),
            Happening::Levels(peaks) => levels(facts, peaks),
            Happening::Alert(alert) => {
                let mut data = alert.as_ref().clone();
                // Its call is found among those under way, by the name that follows.
                data["live"] = true.into();
                data
            }
            Happening::Marked(marked) => {
                let mut data = mark(marked);
                data["at_s"] = data["at"].take();
                data
            }
            Happening::Message(written) => message(written),
            Happening::Ended { reason } => json!({ "reason": reason }),
        };
        data["call"] = facts.name.clone().into();
        // An alert and a message have their own times.
        if data.get("at").is_none_or(|at| !at.is_string()) {
            data["at"] = published.at.to_string().into();
        }
        data.to_string()
    });
    Some((kind, text))
}

fn state(now: &Now, form: Form) -> Value {
    json!({
        "state": now.state,
        "why": now.why.as_deref().map(|kind| form.kind(kind)),
        "by": now.by,
        "head": seconds(now.head),
        "released": seconds(now.released),
        "hidden_s": thousandths(now.hidden_s),
        "late_s": thousandths(now.late_s),
        "failed_s": thousandths(now.failed_s),
        "recorder_state": now.recorder,
    })
}

fn hides(decided: &Decided, form: Form) -> Value {
    let is_open = decided.span.end == MediaTime::MAX;
    json!({
        "span": decided.number,
        "leg": decided.leg,
        "start": seconds(decided.span.start),
        "end": (!is_open).then(|| seconds(decided.span.end)),
        "kind": form.kind(&decided.kind),
        "reason": form.evidence(&decided.kind, &decided.reason),
        "rule": form.evidence(&decided.kind, decided.rule),
        "lifted": decided.lifted,
    })
}

fn span_type(told: &Told) -> &'static str {
    match told.what {
        What::Hidden { .. } => "hidden",
        What::Late => "late",
        What::Failed(_) => "failed",
    }
}

fn span(told: &Told, form: Form) -> Value {
    let mut shown = json!({
        "type": span_type(told),
        "leg": told.leg,
        "start": seconds(told.span.start),
        "end": seconds(told.span.end),
    });
    match &told.what {
        What::Hidden {
            kind,
            reason,
            rule,
            confidence,
            paused,
        } => {
            shown["kind"] = form.kind(kind).into();
            shown["reason"] = form.evidence(kind, reason).into();
            shown["rule"] = form.evidence(kind, rule).into();
            shown["confidence"] = thousandths(f64::from(*confidence)).into();
            shown["paused"] = (*paused).into();
        }
        What::Late => {}
        What::Failed(cause) => shown["cause"] = json!(cause),
    }
    shown
}

fn words(said: &Said, view: View) -> Option<Value> {
    let shown = view.of(&said.text, said.words().map(|(_, word)| word))?;
    let texts = shown.words.unwrap_or_default();
    let words = said.words().zip(texts).map(|((span, _), word)| {
        json!({ "start": seconds(span.start), "end": seconds(span.end), "text": word })
    });
    Some(json!({
        "leg": said.leg,
        "start": seconds(said.span.start),
        "end": seconds(said.span.end),
        "text": shown.text,
        "words": words.collect::<Vec<_>>(),
    }))
}

fn levels(facts: &Facts, peaks: &Levels) -> Value {
    let mut shown = json!({ "from": seconds(peaks.from), "step": 0.1 });
    for (leg, peaks) in facts.legs.iter().zip(&peaks.legs) {
        shown[leg.name()] = json!(peaks);
    }
    shown
}

fn mark(mark: &Mark) -> Value {
    json!({
        "id": mark.id,
        "at": seconds(mark.at),
        "by": mark.by,
        "note": mark.note,
    })
}

fn message(message: &Message) -> Value {
    json!({
        "id": message.id,
        "at": message.at,
        "by": message.by,
        "text": message.text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Span;
    use crate::call::Leg;
    use crate::telemetry::{FailureCause, MaskedWord};

    const ALL: Form = Form {
        kinds: true,
        alerts: true,
    };
    const LITTLE: Form = Form {
        kinds: false,
        alerts: false,
    };

    fn at(start: u64) -> Span {
        let time = MediaTime::from_millis;
        Span::new(time(start), time(start + 500))
    }

    fn hidden(kind: &str) -> Told {
        Told {
            leg: Leg::Customer,
            span: at(1_234),
            what: What::Hidden {
                kind: kind.into(),
                reason: "16 digits".into(),
                rule: "digit_run".into(),
                confidence: 0.98,
                paused: false,
            },
        }
    }

    #[test]
    fn kinds_and_evidence_are_for_who_may_know_them() {
        let told = hidden("pan");
        let expected = json!({"type": "hidden", "leg": "customer", "start": 1.234, "end": 1.734, "kind": "pan",
            "reason": "16 digits", "rule": "digit_run", "confidence": 0.98, "paused": false});
        assert_eq!(span(&told, ALL), expected);
        let shown = span(&told, LITTLE);
        assert_eq!(
            (&shown["kind"], &shown["reason"], &shown["rule"]),
            (&json!("sensitive"), &json!(""), &json!(""))
        );
        assert_eq!(span(&hidden("manual"), LITTLE)["reason"], "16 digits");
        let decided = Decided {
            number: 3,
            leg: Leg::Agent,
            span: Span::new(MediaTime::ZERO, MediaTime::MAX),
            kind: "cvv".into(),
            reason: "asked".into(),
            rule: "asked_answer",
            lifted: false,
        };
        assert_eq!(hides(&decided, ALL)["end"], Value::Null);
        assert!(!hides(&decided, LITTLE).to_string().contains("asked"));
        let failed = Told {
            what: What::Failed(FailureCause::Overload),
            ..hidden("")
        };
        assert_eq!(span(&failed, LITTLE)["cause"], "overload");
        let now = Now {
            why: Some("pan".into()),
            alerts: 2,
            ..Now::default()
        };
        assert_eq!(state(&now, LITTLE)["why"], "sensitive");
        assert_eq!(state(&now, ALL)["why"], "pan");
    }

    #[test]
    fn words_are_masked_for_who_reads_them() {
        let word = |text: &str| MaskedWord {
            span: at(0),
            text: text.into(),
            masked: text.starts_with('['),
        };
        let said = Said::new(Leg::Agent, at(0), &[word("yes"), word("[pan]")]);
        assert_eq!(words(&said, View::Nothing), None);
        assert_eq!(words(&said, View::Kinds).unwrap()["text"], "yes [pan]");
        let masked = words(&said, View::Masked).unwrap();
        assert_eq!(masked["text"], "yes [hidden]");
        assert_eq!(masked["words"][1]["text"], "[hidden]");
        // What was not recognised as a number may be one.
        let digits: Vec<MaskedWord> = "1 2 3 4 5 6 7 8".split(' ').map(word).collect();
        let said = Said::new(Leg::Agent, at(0), &digits);
        let masked = words(&said, View::Masked).unwrap();
        assert_eq!(masked["text"], "# # # # # # # #");
        assert_eq!(masked["words"], json!([]));
    }
}
