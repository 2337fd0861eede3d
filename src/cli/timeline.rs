//! A call as a picture in the terminal: who spoke when, and what was hidden.
//!
//! ```text
//! agent    |  ▃▅▇▅▂     ▂▅▆▅▂                  |
//! customer |        ▂▁       PPPPPPPPPPPP ▃▅▃  |
//!           0:00      0:10      0:20
//! P pan       customer  0:12.6-0:23.9  16 digits after the card number was asked for
//! ```
//!
//! Drawn from a recording and its report alone, so it shows what anyone can hear.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;

use anyhow::Context;

use crate::audio::wav_file::WavFile;
use crate::call::Leg;
use crate::egress::{Recording, Report};

/// Width of a picture where the terminal does not tell its own.
const WIDTH: usize = 100;
/// Narrowest useful picture.
const NARROWEST: usize = 40;
/// Room for the names of legs and kinds.
const NAMES: usize = 9;
/// Levels from the quietest that is drawn to the loudest of the recording.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Sound this much below the loudest is drawn as nothing.
const RANGE_DB: f64 = 40.0;
/// Length of a frame in seconds.
const FRAME_S: f64 = 0.020;
/// Seconds between the marks of the time axis.
const STEPS: [u32; 13] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600];
/// Columns that a mark of the time axis needs.
const MARK: usize = 9;

const LATE: char = '?';
const FAILED: char = '!';
const STOPPED: char = '·';

/// How a picture is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// Columns.
    pub(super) width: usize,
    /// Whether escape sequences for colours are written.
    pub(super) colour: bool,
}

impl Style {
    /// For standard output: `COLUMNS` wide, coloured on a terminal unless `NO_COLOR` is set.
    pub(super) fn of_terminal() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            width: set("COLUMNS")
                .and_then(|columns| columns.parse().ok())
                .unwrap_or(WIDTH),
            colour: std::io::stdout().is_terminal() && set("NO_COLOR").is_none(),
        }
    }
}

/// The loudness of one leg: the root mean square of each 20 ms of the call.
pub(super) type Levels = Vec<f64>;

/// Draws a recording that lies on disk with its report.
pub(super) fn of_recording(recording: &Recording, style: Style) -> anyhow::Result<String> {
    let name = || recording.json.display().to_string();
    let text = std::fs::read(&recording.json).with_context(name)?;
    let report: Report = serde_json::from_slice(&text)
        .map_err(|error| anyhow::anyhow!("not a report: line {}", error.line()))
        .with_context(name)?;
    let mut file = WavFile::open(&recording.wav)?;
    let frame = (f64::from(file.rate().hertz()) * FRAME_S) as usize;
    let mut levels = vec![Levels::new(); file.channels()];
    while file.remaining() > 0 {
        for (levels, samples) in levels.iter_mut().zip(file.read(frame)?) {
            levels.push(level(&samples));
        }
    }
    let levels: Vec<_> = levels
        .into_iter()
        .map(|levels| with_gaps(&levels, &report))
        .collect();
    Ok(draw(&report, &levels, style))
}

fn level(samples: &[i16]) -> f64 {
    let squares: f64 = samples.iter().map(|&x| f64::from(x).powi(2)).sum();
    (squares / samples.len().max(1) as f64).sqrt()
}

/// Puts silence where the recorder was stopped, so that frames count from the start of the call.
fn with_gaps(recorded: &[f64], report: &Report) -> Levels {
    let mut levels = Levels::new();
    let mut taken = 0;
    for gap in &report.gaps {
        let until = ((gap.recorded_at / FRAME_S) as usize).clamp(taken, recorded.len());
        levels.extend(&recorded[taken..until]);
        levels.resize(
            levels.len() + ((gap.end - gap.start) / FRAME_S) as usize,
            0.0,
        );
        taken = until;
    }
    levels.extend(&recorded[taken..]);
    levels
}

/// Draws a call. `levels` are in the order of the report's legs.
pub(super) fn draw(report: &Report, levels: &[Levels], style: Style) -> String {
    let columns = style.width.max(NARROWEST) - NAMES - 2;
    let seconds = report.duration_s.max(FRAME_S);
    let canvas = Canvas {
        report,
        letters: letters(report),
        columns,
        per_column: seconds / columns as f64,
        colour: style.colour,
    };
    let loudest = levels.iter().flatten().copied().fold(1.0, f64::max);
    let mut picture = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        picture,
        "{}  {}, {} spans hidden ({:.1} s), hold {:.1} s",
        report.call,
        clock(report.duration_s),
        report.spans.len(),
        report.totals.hidden_s,
        report.hold_s
    );
    for (leg, levels) in report.legs.iter().zip(levels) {
        let row = canvas.row(*leg, levels, loudest);
        let _ = writeln!(picture, "{:<NAMES$}|{row}|", leg.name());
    }
    let _ = writeln!(picture, "{:NAMES$} {}", "", canvas.axis());
    picture.push_str(&canvas.legend(style.width.max(NARROWEST)));
    picture
}

struct Canvas<'a> {
    report: &'a Report,
    letters: BTreeMap<&'a str, char>,
    columns: usize,
    /// Seconds.
    per_column: f64,
    colour: bool,
}

impl Canvas<'_> {
    fn row(&self, leg: Leg, levels: &[f64], loudest: f64) -> String {
        let mut row = String::new();
        for column in 0..self.columns {
            let (start, end) = (
                column as f64 * self.per_column,
                (column + 1) as f64 * self.per_column,
            );
            match self.mark(leg, start, end) {
                Some(mark) => row.push_str(&self.painted(mark)),
                None => {
                    let from = ((start / FRAME_S) as usize).min(levels.len());
                    let to = ((end / FRAME_S).ceil() as usize).clamp(from, levels.len());
                    row.push(block(&levels[from..to], loudest));
                }
            }
        }
        row
    }

    /// What is marked between two times on a leg: most of all what was hidden.
    fn mark(&self, leg: Leg, start: f64, end: f64) -> Option<char> {
        let inside = |from: f64, to: f64| from < end && start < to;
        let report = self.report;
        let hidden = report
            .spans
            .iter()
            .filter(|span| span.leg == leg && inside(span.start, span.end))
            .max_by(|a, b| a.confidence.total_cmp(&b.confidence))
            .and_then(|span| self.letters.get(span.kind.as_str()).copied());
        let failed = || {
            let mut failed = report.failed.iter();
            failed.any(|span| span.leg == leg && inside(span.start, span.end))
        };
        let late = || {
            let mut late = report.late.iter();
            late.any(|span| span.leg == leg && inside(span.start, span.end))
        };
        let stopped = || report.gaps.iter().any(|gap| inside(gap.start, gap.end));
        hidden
            .or_else(|| failed().then_some(FAILED))
            .or_else(|| late().then_some(LATE))
            .or_else(|| stopped().then_some(STOPPED))
    }

    fn painted(&self, mark: char) -> String {
        if !self.colour {
            return mark.to_string();
        }
        // ECMA-48, 8.3.117: black on red, yellow, magenta, cyan, green, blue.
        let background = match mark {
            FAILED | LATE | STOPPED => 47,
            _ => {
                let index = self.letters.values().position(|&letter| letter == mark);
                [41, 43, 45, 46, 42, 44][index.unwrap_or(0) % 6]
            }
        };
        format!("\x1b[30;{background}m{mark}\x1b[0m")
    }

    fn axis(&self) -> String {
        let step = STEPS
            .iter()
            .copied()
            .find(|&step| f64::from(step) / self.per_column >= MARK as f64)
            .unwrap_or(STEPS[STEPS.len() - 1]);
        let mut axis = String::new();
        for mark in 0.. {
            let column = (f64::from(mark * step) / self.per_column).round() as usize;
            if column + MARK > self.columns + 2 {
                break;
            }
            if axis.chars().count() > column {
                continue;
            }
            let missing = column - axis.chars().count();
            axis.extend(std::iter::repeat_n(' ', missing));
            let _ = write!(axis, "{}", clock(f64::from(mark * step)));
        }
        axis
    }

    /// One entry for each stretch, in order of time.
    fn legend(&self, width: usize) -> String {
        let report = self.report;
        let mut entries = Vec::new();
        for span in &report.spans {
            let mark = self.letters.get(span.kind.as_str()).copied().unwrap_or(' ');
            let reason = format!("{} ({:.2})", span.reason, span.confidence);
            entries.push((
                span.start,
                span.end,
                mark,
                span.kind.as_str(),
                span.leg,
                reason,
            ));
        }
        for span in &report.late {
            let reason = "not examined in time".to_owned();
            entries.push((span.start, span.end, LATE, "late", span.leg, reason));
        }
        for span in &report.failed {
            // The cause reads as in the report.
            let cause = serde_json::to_value(span.cause).ok();
            let cause = cause
                .as_ref()
                .and_then(|cause| cause.as_str())
                .unwrap_or("");
            entries.push((
                span.start,
                span.end,
                FAILED,
                "failed",
                span.leg,
                cause.replace('_', " "),
            ));
        }
        entries.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut legend = String::new();
        for (start, end, mark, kind, leg, reason) in entries {
            let head = format!(
                " {kind:<10} {:<9} {:>17}  ",
                leg.name(),
                format!("{}-{}", exact(start), exact(end))
            );
            legend.push_str(&self.painted(mark));
            legend.push_str(&head);
            let indent = head.chars().count() + 1;
            legend.push_str(&wrapped(&reason, indent, width));
            legend.push('\n');
        }
        legend
    }
}

fn block(levels: &[f64], loudest: f64) -> char {
    let level = levels.iter().copied().fold(0.0, f64::max);
    let below = 20.0 * (level.max(1e-9) / loudest).log10();
    let height = (below / RANGE_DB + 1.0).clamp(0.0, 1.0) * (BLOCKS.len() - 1) as f64;
    BLOCKS[height.ceil() as usize]
}

/// A letter for each kind, from its name where none has it yet.
fn letters(report: &Report) -> BTreeMap<&str, char> {
    let mut letters: BTreeMap<&str, char> = BTreeMap::new();
    for span in &report.spans {
        let kind = span.kind.as_str();
        if letters.contains_key(kind) {
            continue;
        }
        let free =
            |letter: &char| letter.is_ascii_alphabetic() && !letters.values().any(|l| l == letter);
        let own = kind.chars().map(|letter| letter.to_ascii_uppercase());
        if let Some(letter) = own.chain('A'..='Z').chain('a'..='z').find(free) {
            letters.insert(kind, letter);
        }
    }
    letters
}

/// Words in lines that begin at `indent` (the first where it is) and end before `width`.
fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let room = width.saturating_sub(indent).max(16);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let fits = lines.last().is_some_and(|line| {
            line.is_empty() || line.chars().count() + 1 + word.chars().count() <= room
        });
        if !fits {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

/// Minutes and seconds.
fn clock(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    format!("{}:{:02}", whole / 60, whole % 60)
}

/// Minutes, seconds and tenths.
fn exact(seconds: f64) -> String {
    let tenths = (seconds * 10.0).round() as u64;
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}

#[cfg(test)]
mod tests;
