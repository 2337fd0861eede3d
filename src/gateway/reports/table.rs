//! A report as a table: text, CSV (RFC 4180) and JSON.

use std::fmt::Write as _;

use serde_json::json;

use super::Period;
use super::words::{number, percent, seconds};
use crate::store::summary::{Summary, Sums};

/// The columns of CSV, in order. Names stay; new ones come at the end.
const COLUMNS: &[&str] = &[
    "group",
    "calls",
    "monitored_share",
    "monitored",
    "monitored_in_part",
    "cut_off",
    "not_monitored",
    "under_way",
    "duration_s",
    "hidden_s",
    "late_s",
    "failed_s",
    "alerts",
    "pause_failures",
    "in_quarantine",
    "on_hold",
    "second_clean",
    "second_redacted_again",
    "second_quarantined",
    "second_not_yet",
];

/// One line for each group, then `(all)`, then the calls without a recording; hidden seconds of each kind in columns
/// after the others.
pub(super) fn csv(period: &Period, summary: &Summary) -> String {
    let kinds: Vec<&String> = summary.total.hidden_s.keys().collect();
    let mut header = vec!["from".to_owned(), "to".to_owned(), "by".to_owned()];
    header.extend(COLUMNS.iter().map(|name| (*name).to_owned()));
    header.extend(kinds.iter().map(|kind| format!("hidden_{kind}_s")));
    let mut text = line(&header);
    let named = summary
        .groups
        .iter()
        .map(|(name, sums)| (name.as_str(), sums));
    for (name, sums) in named.chain([("(all)", &summary.total)]) {
        let mut fields = vec![
            period.from.to_string(),
            period.to.to_string(),
            summary.by.name().to_owned(),
        ];
        fields.extend(values(name, sums));
        fields.extend(
            kinds
                .iter()
                .map(|kind| format!("{:.3}", sums.hidden_s.get(*kind).copied().unwrap_or(0.0))),
        );
        text += &line(&fields);
    }
    for (why, count) in &summary.not_recorded {
        let mut fields = vec![String::new(); 3 + COLUMNS.len() + kinds.len()];
        fields[0] = period.from.to_string();
        fields[1] = period.to.to_string();
        fields[2] = "not_recorded".into();
        fields[3].clone_from(why);
        fields[4] = count.to_string();
        text += &line(&fields);
    }
    text
}

fn values(name: &str, sums: &Sums) -> Vec<String> {
    let second = sums.second_listener;
    vec![
        name.to_owned(),
        sums.calls.to_string(),
        sums.monitored_share()
            .map_or(String::new(), |share| format!("{share:.6}")),
        sums.monitored.to_string(),
        sums.monitored_in_part.to_string(),
        sums.cut_off.to_string(),
        sums.not_monitored.to_string(),
        sums.under_way.to_string(),
        format!("{:.3}", sums.duration_s),
        format!("{:.3}", sums.all_hidden_s()),
        format!("{:.3}", sums.late_s),
        format!("{:.3}", sums.failed_s),
        sums.all_alerts().to_string(),
        sums.pause_failures.to_string(),
        sums.in_quarantine.to_string(),
        sums.on_hold.to_string(),
        second.clean.to_string(),
        second.redacted_again.to_string(),
        second.quarantined.to_string(),
        second.not_yet.to_string(),
    ]
}

/// A line of fields, each quoted where it must be. A text that a spreadsheet would calculate is made plain.
fn line(fields: &[String]) -> String {
    let quoted: Vec<String> = fields
        .iter()
        .map(|field| {
            let is_number = field.parse::<f64>().is_ok();
            let field = if !is_number && field.starts_with(['=', '+', '-', '@', '\t', '\r']) {
                format!("'{field}")
            } else {
                field.clone()
            };
            if field.contains(['"', ',', '\n', '\r']) {
                format!("\"{}\"", field.replace('"', "\"\""))
            } else {
                field
            }
        })
        .collect();
    quoted.join(",") + "\r\n"
}

/// All of it.
pub(super) fn json(period: &Period, summary: &Summary) -> anyhow::Result<String> {
    let mut value = json!({
        "schema": 1,
        "hushgate_version": env!("CARGO_PKG_VERSION"),
        "from": period.from,
        "to": period.to,
        "made": period.made,
        "monitored_share": summary.monitored_share(),
    });
    let serde_json::Value::Object(summed) = serde_json::to_value(summary)? else {
        return Ok(format!("{value:#}\n"));
    };
    for (name, part) in summed {
        value[name] = part;
    }
    Ok(format!("{value:#}\n"))
}

/// For a terminal.
pub(super) fn text(period: &Period, summary: &Summary) -> String {
    let mut text = format!(
        "{period}: {} of calls monitored ({} calls recorded, {} not)\n\n",
        percent(summary.monitored_share()),
        number(summary.total.calls),
        number(summary.all_not_recorded())
    );
    let by = summary.by.name().to_uppercase();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{by:24} {:>8} {:>10} {:>10} {:>9} {:>9} {:>7} {:>6} {:>11}",
        "CALLS", "MONITORED", "HIDDEN", "LATE", "FAILED", "ALERTS", "PAUSE", "HEARD AGAIN"
    );
    let named = summary
        .groups
        .iter()
        .map(|(name, sums)| (name.as_str(), sums));
    for (name, sums) in named.chain([("(all)", &summary.total)]) {
        let name: String = name.chars().take(24).collect();
        let _ = writeln!(
            text,
            "{name:24} {:>8} {:>10} {:>10} {:>9} {:>9} {:>7} {:>6} {:>11}",
            number(sums.calls),
            percent(sums.monitored_share()),
            seconds(sums.all_hidden_s()),
            seconds(sums.late_s),
            seconds(sums.failed_s),
            number(sums.all_alerts()),
            number(sums.pause_failures),
            percent(sums.second_listener.rate())
        );
    }
    for (why, count) in &summary.not_recorded {
        let _ = writeln!(text, "not recorded: {} {why}", number(*count));
    }
    if !summary.has_audit {
        text += "no audit log was read: calls that were refused are not counted\n";
    }
    text
}
