//! Slack and processor time against the number of calls, as a picture (SVG).

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, bail};
use plotters::coord::Shift;
use plotters::coord::types::{RangedCoordf64, RangedCoordi32};
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::{
    BLACK, Cartesian2d, ChartBuilder, ChartContext, Circle, Color, DrawingArea, IntoDrawingArea,
    LineSeries, PathElement, RGBColor, SVGBackend, SeriesLabelPosition, ShapeStyle, WHITE,
};

use super::figures::{Findings, Step};

/// In pixels: width, height of the whole, and of the upper chart.
const SIZE: (u32, u32) = (800, 640);
const UPPER: u32 = 370;
const FONT: &str = "sans-serif";
const TITLE_HEIGHT: u32 = 16;
const TEXT_HEIGHT: u32 = 13;
/// Colours that are told apart by the colour-blind as well.
const HALF: RGBColor = RGBColor(0, 114, 178);
const NEARLY_ALL: RGBColor = RGBColor(213, 94, 0);
const PROCESSOR: RGBColor = RGBColor(0, 120, 90);
const LATE: RGBColor = RGBColor(190, 0, 0);
const GRID: RGBColor = RGBColor(225, 225, 225);

type DrawError = DrawingAreaErrorKind<std::io::Error>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordi32, RangedCoordf64>>;

/// Refuses a place where no picture can be written, before there is one.
pub(super) fn check(file: &Path) -> anyhow::Result<()> {
    if file.extension().is_none_or(|extension| extension != "svg") {
        bail!(
            "--plot {}: expected a file name that ends in .svg",
            file.display()
        );
    }
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    tempfile::tempfile_in(folder)
        .with_context(|| format!("--plot {}: cannot be written", file.display()))?;
    Ok(())
}

/// Writes the picture.
pub(super) fn draw(findings: &Findings, file: &Path) -> anyhow::Result<()> {
    let named = || format!("--plot {}", file.display());
    std::fs::write(file, picture(findings).with_context(named)?).with_context(named)
}

/// The picture as text.
fn picture(findings: &Findings) -> Result<String, DrawError> {
    let mut steps: Vec<&Step> = findings.steps.iter().collect();
    steps.sort_by_key(|step| step.calls);
    let most = steps.last().map_or(1, |step| across(step.calls));
    let calls = 0..most + 1 + most / 25;
    let mut text = String::new();
    {
        let whole = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        whole.fill(&WHITE)?;
        let (upper, lower) = whole.split_vertically(UPPER);
        slack(&upper, findings, &steps, calls.clone())?;
        processor(&lower, &steps, calls)?;
        whole.present()?;
    }
    Ok(text)
}

/// How long before it was needed recognition answered.
fn slack(
    area: &Area<'_>,
    findings: &Findings,
    steps: &[&Step],
    calls: Range<i32>,
) -> Result<(), DrawError> {
    let half = points(steps, |step| step.slack_p50_s);
    let nearly_all = points(steps, |step| step.slack_p99_s);
    let seconds = half
        .iter()
        .chain(&nearly_all)
        .map(|(_, seconds, _)| *seconds);
    let (least, most) = seconds.fold((0.0_f64, 1.0_f64), |(least, most), seconds| {
        (least.min(seconds), most.max(seconds))
    });
    let title = format!(
        "hushgate {}, {} workers, hold {} s, {}",
        findings.version,
        findings.workers,
        findings.hold_s,
        findings.machine.title()
    );
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, TITLE_HEIGHT))
        .margin(10)
        .margin_right(24)
        .x_label_area_size(28)
        .y_label_area_size(58)
        .build_cartesian_2d(calls.clone(), least * 1.1..most * 1.1)?;
    mesh(&mut chart, "answered so many s before needed", "")?;
    chart.draw_series(LineSeries::new(
        [(calls.start, 0.0), (calls.end, 0.0)],
        LATE.stroke_width(1),
    ))?;
    line(&mut chart, "half of the windows", HALF, &half)?;
    line(&mut chart, "99 of 100 windows", NEARLY_ALL, &nearly_all)?;
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(GRID)
        .label_font((FONT, TEXT_HEIGHT))
        .draw()?;
    Ok(())
}

/// What each call costs.
fn processor(area: &Area<'_>, steps: &[&Step], calls: Range<i32>) -> Result<(), DrawError> {
    let cost = points(steps, |step| Some(step.cpu_per_call));
    let most = cost.iter().map(|(_, cost, _)| *cost).fold(0.01, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .margin_right(24)
        .x_label_area_size(40)
        .y_label_area_size(58)
        .build_cartesian_2d(calls, 0.0..most * 1.2)?;
    mesh(
        &mut chart,
        "cores for each call",
        "calls at once (hollow: late, failed or leaked)",
    )?;
    line(&mut chart, "processor", PROCESSOR, &cost)?;
    Ok(())
}

/// Where a number of calls is drawn.
fn across(calls: usize) -> i32 {
    i32::try_from(calls).unwrap_or(i32::MAX / 2)
}

/// Number of calls, a figure, and whether the step was clean; for steps that have the figure.
fn points(steps: &[&Step], figure: impl Fn(&Step) -> Option<f64>) -> Vec<(i32, f64, bool)> {
    let point = |step: &&Step| Some((across(step.calls), figure(step)?, step.clean));
    steps.iter().filter_map(point).collect()
}

fn mesh(chart: &mut Chart<'_, '_>, upright: &str, across: &str) -> Result<(), DrawError> {
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        // One is where a bold line is; none is not provided for.
        .max_light_lines(1)
        .light_line_style(WHITE)
        .axis_style(BLACK)
        .label_style((FONT, TEXT_HEIGHT))
        .axis_desc_style((FONT, TEXT_HEIGHT))
        .x_desc(across)
        .y_desc(upright)
        .draw()?;
    Ok(())
}

/// A line with a point for each step, hollow where the step was not clean.
fn line(
    chart: &mut Chart<'_, '_>,
    name: &str,
    colour: RGBColor,
    points: &[(i32, f64, bool)],
) -> Result<(), DrawError> {
    let thick = colour.stroke_width(2);
    chart
        .draw_series(LineSeries::new(
            points.iter().map(|(calls, figure, _)| (*calls, *figure)),
            thick,
        ))?
        .label(name)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], thick));
    for (inside, hollow) in [
        (ShapeStyle::from(WHITE).filled(), true),
        (colour.filled(), false),
    ] {
        let these = points.iter().filter(|(_, _, clean)| *clean != hollow);
        chart.draw_series(
            these
                .clone()
                .map(|(calls, figure, _)| Circle::new((*calls, *figure), 4, inside)),
        )?;
        chart.draw_series(
            these.map(|(calls, figure, _)| Circle::new((*calls, *figure), 4, thick)),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
