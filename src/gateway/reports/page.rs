//! A report as a page of its own: no script, no font and no picture from elsewhere, so that it can be mailed, printed
//! and kept.

use super::Period;
use super::charts::{Bar, bars};
use super::controls::CONTROLS;
use super::words::{action, number, percent, reason_of_kind, seconds};
use crate::store::summary::{Summary, Sums};

/// Colours are told by name, so that a reader's dark page is dark; contrast is at least 4.5 to 1 (WCAG 2.2, 1.4.3).
const STYLE: &str = include_str!("page.css");
/// Groups that a picture shows; the table has all.
const MOST_BARS: usize = 20;

/// Text as HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// The page.
pub(super) fn page(period: &Period, summary: &Summary) -> String {
    let by = summary.by.name();
    let title = format!("Call recording compliance, {period}");
    let mut body = String::new();
    body += &header(&title, period, by);
    body += &tiles(summary);
    body += &monitored(summary);
    body += &gaps(summary);
    body += &hidden(&summary.total);
    body += &groups(summary);
    body += &second(&summary.total);
    body += &actions(summary);
    body += &controls();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<a class=\"skip\" href=\"#content\">Skip to the figures</a>\n{body}</main>\n</body>\n</html>\n",
        escaped(&title)
    )
}

fn header(title: &str, period: &Period, by: &str) -> String {
    format!(
        "<header><p class=\"brand\">hushgate</p><h1>{}</h1><p>Calls that began from <time>{}</time> up to \
         <time>{}</time>, UTC, by {by}. Made on <time>{}</time> by hushgate {}.</p></header>\n<main id=\"content\">\n",
        escaped(title),
        period.from.strftime("%Y-%m-%d %H:%M"),
        period.to.strftime("%Y-%m-%d %H:%M"),
        period.made.strftime("%Y-%m-%d %H:%M"),
        env!("CARGO_PKG_VERSION"),
    )
}

/// The figures that are asked for first.
fn tiles(summary: &Summary) -> String {
    let total = &summary.total;
    let share = summary.monitored_share();
    let second = total.second_listener;
    let unexamined = total.late_s + total.failed_s;
    let tile = |value: &str, name: &str, note: &str, class: &str| {
        format!(
            "<li class=\"{class}\"><span class=\"figure\">{}</span><span class=\"what\">{}</span>\
             <span class=\"note\">{}</span></li>",
            escaped(value),
            escaped(name),
            escaped(note)
        )
    };
    let judged = |good: bool| if good { "good" } else { "bad" };
    let tiles = [
        tile(
            &percent(share),
            "of calls monitored",
            "goal 100 %",
            judged(share.is_none_or(|share| share >= 0.9995)),
        ),
        tile(
            &number(total.calls),
            "calls recorded",
            &format!("{} of calls", seconds(total.duration_s)),
            "",
        ),
        tile(
            &seconds(total.all_hidden_s()),
            "hidden",
            &format!("{} kinds of data", total.hidden_s.len()),
            "",
        ),
        tile(
            &seconds(unexamined),
            "late or failed",
            "filled, as nobody examined it in time",
            judged(unexamined < 0.001 * total.duration_s.max(1.0)),
        ),
        tile(
            &number(total.all_alerts() + total.pause_failures),
            "alerts and pause failures",
            &format!("{} pause failures", number(total.pause_failures)),
            judged(total.all_alerts() + total.pause_failures == 0),
        ),
        tile(
            &percent(second.rate()),
            "heard again after the call",
            &format!(
                "{} redacted again, {} in quarantine",
                number(second.redacted_again),
                number(second.quarantined)
            ),
            judged(second.quarantined == 0),
        ),
    ];
    format!(
        "<section aria-label=\"In short\"><ul class=\"tiles\">{}</ul></section>\n",
        tiles.concat()
    )
}

fn monitored(summary: &Summary) -> String {
    let mut named: Vec<(&String, &Sums)> = summary.groups.iter().collect();
    // Those that need attention first.
    named.sort_by(|(a, one), (b, two)| {
        let share = |sums: &Sums| sums.monitored_share().unwrap_or(1.0);
        share(one).total_cmp(&share(two)).then(a.cmp(b))
    });
    let shown: Vec<Bar> = named
        .iter()
        .take(MOST_BARS)
        .map(|(name, sums)| {
            let share = sums.monitored_share();
            Bar {
                name: (*name).clone(),
                share: share.unwrap_or(0.0),
                value: format!("{} of {}", percent(share), number(sums.over())),
                is_bad: share.is_some_and(|share| share < 0.9995),
            }
        })
        .collect();
    let by = summary.by.name();
    let more = named.len().saturating_sub(MOST_BARS);
    let rest = if more > 0 {
        format!("<p class=\"note\">{more} more are in the table below.</p>")
    } else {
        String::new()
    };
    let text = format!(
        "{} of the calls that came were monitored.",
        percent(summary.monitored_share())
    );
    format!(
        "<section><h2>Calls monitored by {by}</h2><p>{text} A call is monitored when all that was audible in it was \
         examined before it was recorded; what was not, was recorded as fill and counts below.</p>{}{rest}</section>\n",
        bars(
            "monitored",
            &format!("Calls monitored by {by}"),
            &text,
            &shown
        )
    )
}

/// Why the share is not 100 %.
fn gaps(summary: &Summary) -> String {
    let total = &summary.total;
    let mut rows: Vec<(String, u64, &str)> = vec![
        (
            "monitored in part".into(),
            total.monitored_in_part,
            "some of it was not examined in time, and filled; counts as monitored",
        ),
        (
            "cut off".into(),
            total.cut_off,
            "the gateway or the disk failed during the call; what is there was examined; counts as monitored",
        ),
        (
            "recorded as fill".into(),
            total.not_monitored,
            "more calls than recognition could follow: nothing of it was let through unexamined",
        ),
    ];
    rows.extend(
        summary
            .not_recorded
            .iter()
            .map(|(why, count)| (why.clone(), *count, "no recording was made")),
    );
    let rows: String = rows
        .iter()
        .filter(|(_, count, _)| *count > 0)
        .map(|(why, count, meaning)| {
            format!(
                "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td>{}</td></tr>",
                escaped(why),
                number(*count),
                escaped(meaning)
            )
        })
        .collect();
    let audit = if summary.has_audit {
        ""
    } else {
        "<p class=\"warning\">No audit log was read: calls that were refused are not counted.</p>"
    };
    if rows.is_empty() {
        return format!("<section><h2>Gaps</h2><p>There are none.</p>{audit}</section>\n");
    }
    format!(
        "<section><h2>Gaps, explained</h2><table><thead><tr><th scope=\"col\">What</th><th scope=\"col\" class=\"n\">\
         Calls</th><th scope=\"col\">Meaning</th></tr></thead><tbody>{rows}</tbody></table>{audit}</section>\n"
    )
}

fn hidden(total: &Sums) -> String {
    let most = total.hidden_s.values().copied().fold(0.0, f64::max);
    let mut kinds: Vec<(&String, &f64)> = total.hidden_s.iter().collect();
    kinds.sort_by(|(a, one), (b, two)| two.total_cmp(one).then(a.cmp(b)));
    let shown: Vec<Bar> = kinds
        .iter()
        .map(|(kind, hidden)| Bar {
            name: reason_of_kind(kind),
            share: if most > 0.0 { **hidden / most } else { 0.0 },
            value: seconds(**hidden),
            is_bad: false,
        })
        .collect();
    if shown.is_empty() {
        return "<section><h2>What was hidden</h2><p>Nothing.</p></section>\n".into();
    }
    let text = format!("{} were hidden.", seconds(total.all_hidden_s()));
    format!(
        "<section><h2>What was hidden</h2><p>{text} A stretch that may have been of two kinds counts for both.</p>{}\
         </section>\n",
        bars("hidden", "Time hidden by kind of data", &text, &shown)
    )
}

fn groups(summary: &Summary) -> String {
    let row = |name: &str, sums: &Sums, tag: &str| {
        format!(
            "<tr{tag}><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escaped(name),
            number(sums.calls),
            percent(sums.monitored_share()),
            seconds(sums.duration_s),
            seconds(sums.all_hidden_s()),
            seconds(sums.late_s),
            seconds(sums.failed_s),
            number(sums.all_alerts()),
            number(sums.pause_failures),
            percent(sums.second_listener.rate()),
        )
    };
    let rows: String = summary
        .groups
        .iter()
        .map(|(name, sums)| row(name, sums, ""))
        .collect();
    let by = summary.by.name();
    format!(
        "<section><h2>By {by}</h2><div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Figures by {by}\">\
         <table><thead><tr><th scope=\"col\">{by}</th><th scope=\"col\" class=\"n\">Calls</th>\
         <th scope=\"col\" class=\"n\">Monitored</th><th scope=\"col\" class=\"n\">Length</th>\
         <th scope=\"col\" class=\"n\">Hidden</th><th scope=\"col\" class=\"n\">Late</th>\
         <th scope=\"col\" class=\"n\">Failed</th><th scope=\"col\" class=\"n\">Alerts</th>\
         <th scope=\"col\" class=\"n\">Pause failures</th><th scope=\"col\" class=\"n\">Heard again</th></tr></thead>\
         <tbody>{rows}</tbody><tfoot>{}</tfoot></table></div></section>\n",
        row("All", &summary.total, "")
    )
}

fn second(total: &Sums) -> String {
    let heard = total.second_listener;
    let rows: String = [
        ("Nothing sensitive was heard", heard.clean),
        ("Something was, and was erased", heard.redacted_again),
        (
            "Something is: in quarantine until somebody decides",
            heard.quarantined,
        ),
        ("Nobody listened yet", heard.not_yet),
    ]
    .iter()
    .map(|(what, count)| {
        format!(
            "<tr><th scope=\"row\">{what}</th><td class=\"n\">{}</td></tr>",
            number(*count)
        )
    })
    .collect();
    format!(
        "<section><h2>Second listener</h2><p>After the call every redacted recording is transcribed again with other \
         settings. What is still heard is erased, and the recording listened to once more.</p><table><thead><tr>\
         <th scope=\"col\">Outcome</th><th scope=\"col\" class=\"n\">Recordings</th></tr></thead><tbody>{rows}</tbody>\
         </table></section>\n"
    )
}

fn actions(summary: &Summary) -> String {
    if summary.actions.is_empty() {
        return "<section><h2>Records and access</h2><p>The audit log tells of nothing.</p></section>\n".into();
    }
    let rows: String = summary
        .actions
        .iter()
        .map(|(name, count)| {
            format!(
                "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td></tr>",
                escaped(&action(name)),
                number(*count)
            )
        })
        .collect();
    format!(
        "<section><h2>Records and access</h2><p>What the audit log tells of retention, erasure, access and changes in \
         this period.</p><table><thead><tr><th scope=\"col\">What was done</th><th scope=\"col\" class=\"n\">Times</th>\
         </tr></thead><tbody>{rows}</tbody></table></section>\n"
    )
}

fn controls() -> String {
    let rows: String = CONTROLS
        .iter()
        .map(|control| {
            format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
                escaped(control.clause),
                escaped(control.asks),
                escaped(control.figures),
                escaped(control.limits)
            )
        })
        .collect();
    format!(
        "<section><h2>Which control each figure supports</h2><p>Figures are evidence towards these controls. They do not \
         make anybody compliant by themselves; the last column says what has to be shown by other means.</p>\
         <div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Controls\"><table class=\"words\"><thead><tr>\
         <th scope=\"col\">Control</th><th scope=\"col\">Asks that</th><th scope=\"col\">Supported by</th>\
         <th scope=\"col\">Does not prove</th></tr></thead><tbody>{rows}</tbody></table></div></section>\n"
    )
}
