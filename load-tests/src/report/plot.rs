//! Figures as lines, in SVG.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use super::{Plot, Report};

/// Pixels of the whole.
const SIZE: (u32, u32) = (980, 380);
/// Pixels of its width that the chart has; the names of the lines have the rest.
const CHART_WIDTH: u32 = 660;
/// From the name of a line to the next.
const NAME_HEIGHT: i32 = 20;
/// How many times the greatest value is the least from which on the height is logarithmic.
const STEEP: f64 = 50.0;
/// Colours that are told apart on white, the first of them also by those who see few (Okabe and Ito).
const COLOURS: [RGBColor; 10] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
    RGBColor(120, 60, 160),
    RGBColor(150, 30, 40),
    RGBColor(110, 140, 20),
];

/// A line of a plot.
struct Line<'a> {
    label: &'a str,
    points: Vec<(f64, f64)>,
}

/// Draws a plot of a report.
///
/// # Errors
/// When it has no points.
pub(crate) fn svg(report: &Report, plot: &Plot) -> Result<String> {
    let lines: Vec<Line<'_>> = match plot.figure {
        None => {
            report.courses.iter().map(|course| Line { label: &course.label, points: course.points.clone() }).collect()
        }
        Some(figure) => {
            let points = |series: &str| {
                let steps = report.steps.iter().filter(|step| step.series == series && step.at > 0.0);
                steps.filter_map(|step| Some((step.at, *step.figures.get(&figure)?))).collect()
            };
            report.series().into_iter().map(|series| Line { label: series, points: points(series) }).collect()
        }
    };
    let lines: Vec<Line<'_>> = lines.into_iter().filter(|line| !line.points.is_empty()).collect();
    let values = |of: fn(&(f64, f64)) -> f64| lines.iter().flat_map(|line| &line.points).map(of);
    let ends = |of: fn(&(f64, f64)) -> f64| (values(of).fold(f64::NAN, f64::min), values(of).fold(f64::NAN, f64::max));
    let ((left, right), (lowest, highest)) = (ends(|point| point.0), ends(|point| point.1));
    if highest.is_nan() {
        return Err(anyhow!("{} has no points", plot.name));
    }
    let (across, height) = (left..right.max(left + 1.0), 0.0..(highest * 1.08).max(1.0));
    let steep = lowest * 0.8..highest * 1.25;
    let mut drawn = String::new();
    let area = SVGBackend::with_string(&mut drawn, SIZE).into_drawing_area();
    let unit = plot.figure.map_or("resident MB", super::Figure::heading);
    match (plot.is_logarithmic, lowest > 0.0 && highest > lowest * STEEP) {
        (true, true) => draw(&area, across.log_scale(), steep.log_scale(), (plot, unit), &lines),
        (true, false) => draw(&area, across.log_scale(), height, (plot, unit), &lines),
        (false, true) => draw(&area, across, steep.log_scale(), (plot, unit), &lines),
        (false, false) => draw(&area, across, height, (plot, unit), &lines),
    }?;
    area.present().map_err(|error| anyhow!("{error}"))?;
    drop(area);
    drawn.push('\n');
    Ok(drawn)
}

fn draw<X, Y>(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    across: X,
    height: Y,
    (plot, unit): (&Plot, &str),
    lines: &[Line<'_>],
) -> Result<()>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let failed = |error: DrawingAreaErrorKind<_>| anyhow!("{error}");
    area.fill(&WHITE).map_err(failed)?;
    let (left, right) = area.split_horizontally(CHART_WIDTH);
    let mut chart = ChartBuilder::on(&left)
        .caption(&plot.title, ("sans-serif", 17))
        .margin(10)
        .margin_right(24)
        .x_label_area_size(38)
        .y_label_area_size(70)
        .build_cartesian_2d(across, height)
        .map_err(failed)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(&plot.axis).y_desc(unit).light_line_style(TRANSPARENT).bold_line_style(BLACK.mix(0.12));
    mesh.x_label_formatter(&|value| short(*value)).y_label_formatter(&|value| short(*value));
    mesh.label_style(("sans-serif", 13)).draw().map_err(failed)?;
    for (line, (y, colour)) in
        lines.iter().zip((44..).step_by(NAME_HEIGHT.unsigned_abs() as usize).zip(COLOURS.iter().cycle()))
    {
        let style = colour.stroke_width(2);
        chart.draw_series(LineSeries::new(line.points.iter().copied(), style)).map_err(failed)?;
        // Through time there are too many to mark.
        if plot.figure.is_some() {
            let dots = line.points.iter().map(|point| Circle::new(*point, 3, style.filled()));
            chart.draw_series(dots).map_err(failed)?;
        }
        right.draw(&PathElement::new([(0, y + 7), (18, y + 7)], style)).map_err(failed)?;
        right.draw(&Text::new(line.label, (24, y), ("sans-serif", 13))).map_err(failed)?;
    }
    Ok(())
}

/// A number beside an axis.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{} M", trimmed(value / 1e6)),
        size if size >= 1e4 => format!("{} k", trimmed(value / 1e3)),
        _ => trimmed(value),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{Figure, Figures};
    use super::*;

    fn report(highest: f64) -> Report {
        let mut report = Report::new("s", "S", "clients");
        for (series, at, rate) in [("one", 1.0, 100.0), ("one", 16.0, 900.0), ("many", 1.0, highest)] {
            report.push(series, at.to_string(), at, Figures::from([(Figure::RecordsPerSecond, rate)]));
        }
        report.plot("rate", "Records a second", "clients", Figure::RecordsPerSecond, true);
        report
    }

    #[test]
    fn a_plot_names_its_axes_and_every_series() {
        let report = report(4_000.0);
        let drawn = svg(&report, &report.plots[0]).expect("it has points");
        for part in ["<svg", "Records a second", "clients", "records/s", "one", "many", "2000"] {
            assert!(drawn.contains(part), "{part} in {drawn}");
        }
        assert_eq!(drawn.matches("<circle").count(), 3);
    }

    #[test]
    fn values_far_apart_are_drawn_on_a_logarithmic_height() {
        let drawn = |highest| {
            let report = report(highest);
            svg(&report, &report.plots[0]).expect("it has points")
        };
        let has_zero = |drawn: &str| drawn.contains(">\n0\n<");
        assert!(has_zero(&drawn(4_000.0)));
        assert!(!has_zero(&drawn(20_000.0)));
    }

    #[test]
    fn a_plot_without_points_is_an_error() {
        let mut report = report(1.0);
        report.plot_courses("memory", "Memory");
        assert!(svg(&report, &report.plots[1]).is_err());
    }
}
