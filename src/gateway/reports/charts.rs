//! The pictures of a report: horizontal bars, as SVG inside the page, in its colours, readable without them.

use std::fmt::Write as _;

use super::page::escaped;

/// Pixels: the whole width, a bar's row, where bars begin and how long the longest is.
const WIDTH: u32 = 720;
const ROW: u32 = 30;
const BARS_AT: u32 = 190;
const LONGEST: u32 = 400;

/// One bar.
pub(super) struct Bar {
    /// What it is of.
    pub(super) name: String,
    /// Its length as a share of the longest there can be, 0 to 1.
    pub(super) share: f64,
    /// What it says at its end.
    pub(super) value: String,
    /// Whether it asks for attention.
    pub(super) is_bad: bool,
}

/// Bars under each other. `title` and `summary` are read out where the picture is not seen.
pub(super) fn bars(id: &str, title: &str, summary: &str, bars: &[Bar]) -> String {
    let height = ROW * bars.len() as u32 + 8;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}-title {id}-summary\">\
         <title id=\"{id}-title\">{}</title><desc id=\"{id}-summary\">{}</desc>",
        escaped(title),
        escaped(summary)
    );
    for (bar, row) in bars.iter().zip(0..) {
        let top = row * ROW + 4;
        let text_at = top + ROW / 2 + 5;
        let share = bar.share.clamp(0.0, 1.0);
        // Something is seen of whatever is not nothing.
        let width = (share * f64::from(LONGEST)).max(if share > 0.0 { 2.0 } else { 0.0 });
        let class = if bar.is_bad { "bar bad" } else { "bar" };
        // Writing to a string does not fail.
        let _ = write!(
            svg,
            "<text class=\"name\" x=\"{}\" y=\"{text_at}\" text-anchor=\"end\">{}</text>\
             <rect class=\"track\" x=\"{BARS_AT}\" y=\"{}\" width=\"{LONGEST}\" height=\"{}\" rx=\"4\"/>\
             <rect class=\"{class}\" x=\"{BARS_AT}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\" rx=\"4\"/>\
             <text class=\"value\" x=\"{}\" y=\"{text_at}\">{}</text>",
            BARS_AT - 12,
            escaped(&shortened(&bar.name)),
            top + 5,
            ROW - 10,
            top + 5,
            ROW - 10,
            BARS_AT + LONGEST + 12,
            escaped(&bar.value),
        );
    }
    svg + "</svg>"
}

/// A name that fits beside its bar.
fn shortened(name: &str) -> String {
    const MOST: usize = 22;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    let short: String = name.chars().take(MOST - 1).collect();
    short + "…"
}
