use super::*;
use crate::store::summary::{By, SecondListening, Summary, Sums};

fn period() -> Period {
    Period {
        from: "2026-11-01T00:00:00Z".parse().unwrap(),
        to: "2026-12-01T00:00:00Z".parse().unwrap(),
        made: "2026-12-01T08:00:00Z".parse().unwrap(),
    }
}

fn summary() -> Summary {
    let sums = Sums {
        calls: 10,
        duration_s: 600.0,
        monitored: 8,
        not_monitored: 1,
        cut_off: 1,
        hidden_s: [("pan".to_owned(), 12.5), ("cvv".to_owned(), 2.0)].into(),
        second_listener: SecondListening {
            clean: 9,
            redacted_again: 1,
            ..SecondListening::default()
        },
        ..Sums::default()
    };
    let mut summary = Summary::new(By::Vendor);
    summary.total = sums.clone();
    summary
        .groups
        .insert("<b>\"=SUM(A1)\", Inc.".into(), sums.clone());
    summary.groups.insert("=cmd".into(), sums);
    summary.not_recorded.insert("refused: busy".into(), 2);
    summary.actions.insert("deleted".into(), 4);
    summary.has_audit = true;
    summary
}

#[test]
fn a_day_is_its_beginning_and_its_end() {
    let day = Moment::parse("2026-11-30").unwrap();
    assert_eq!(day.begins().unwrap().to_string(), "2026-11-30T00:00:00Z");
    assert_eq!(day.ends().unwrap().to_string(), "2026-12-01T00:00:00Z");
    assert!(
        Moment::parse("yesterday")
            .unwrap_err()
            .contains("expected such as")
    );
    assert_eq!(period().to_string(), "2026-11-01 to 2026-11-30");
}

#[test]
fn the_page_is_whole_and_lets_nothing_in() {
    let page = page::page(&period(), &summary());
    for expected in [
        "<html lang=\"en\">",
        "prefers-color-scheme: dark",
        "role=\"img\"",
        "PCI DSS 3.3.1",
        "GDPR Art. 17",
        "PIPA Art. 24-2",
        "refused: busy",
        "card number",
        "Does not prove",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    // 9 of 12: two were refused, one was recorded as fill.
    assert!(page.contains("75 %"));
    for foreign in [
        "<b>", "<script", "http://", "https://", "url(", "@import", "onload",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for tag in ["section", "table", "svg", "div", "ul", "main"] {
        let opened = page.matches(&format!("<{tag}")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn lines_of_csv_have_the_same_fields_and_calculate_nothing() {
    let text = table::csv(&period(), &summary());
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[0].ends_with("hidden_cvv_s,hidden_pan_s"));
    assert!(
        lines[1].contains("\"<b>\"\"=SUM(A1)\"\", Inc.\""),
        "{}",
        lines[1]
    );
    assert!(lines[2].contains(",'=cmd,"), "{}", lines[2]);
    let fields = lines[0].matches(',').count();
    assert_eq!(lines[2].matches(',').count(), fields);
    assert_eq!(lines[4].matches(',').count(), fields);
    let value: serde_json::Value =
        serde_json::from_str(&table::json(&period(), &summary()).unwrap()).unwrap();
    assert_eq!(value["monitored_share"], 0.75);
    assert_eq!(value["total"]["hidden_s"]["pan"], 12.5);
    assert!(table::text(&period(), &summary()).contains("75 % of calls monitored"));
}
