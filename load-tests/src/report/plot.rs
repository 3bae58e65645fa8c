//! Figures as lines, in SVG.

use std::ops::Range;

use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use super::{Plot, Report};

/// Pixels.
const SIZE: (u32, u32) = (760, 380);
/// Colours that are told apart on white, also by those who see few (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
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
                let steps = report.steps.iter().filter(|step| step.series == series);
                steps.filter_map(|step| Some((step.at, *step.figures.get(&figure)?))).collect()
            };
            report.series().into_iter().map(|series| Line { label: series, points: points(series) }).collect()
        }
    };
    let lines: Vec<Line<'_>> = lines.into_iter().filter(|line| !line.points.is_empty()).collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let highest = points().map(|point| point.1).fold(f64::NAN, f64::max);
    let (left, right) = points().fold((f64::MAX, f64::MIN), |(low, high), point| (low.min(point.0), high.max(point.0)));
    if highest.is_nan() {
        return Err(anyhow!("{} has no points", plot.name));
    }
    let height = 0.0..if highest > 0.0 { highest * 1.08 } else { 1.0 };
    let unit = plot.figure.map_or("resident MB", super::Figure::heading);
    let mut drawn = String::new();
    let area = SVGBackend::with_string(&mut drawn, SIZE).into_drawing_area();
    let result = if plot.is_logarithmic {
        draw(&area, (left.max(0.5)..right.max(1.0)).log_scale(), height, (plot, unit), &lines)
    } else {
        draw(&area, left..right.max(left + 1.0), height, (plot, unit), &lines)
    };
    result.and_then(|()| area.present().map_err(|error| anyhow!("{error}")))?;
    drop(area);
    drawn.push('\n');
    Ok(drawn)
}

fn draw<X>(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    across: X,
    height: Range<f64>,
    (plot, unit): (&Plot, &str),
    lines: &[Line<'_>],
) -> Result<()>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let failed = |error: DrawingAreaErrorKind<_>| anyhow!("{error}");
    area.fill(&WHITE).map_err(failed)?;
    let mut chart = ChartBuilder::on(area)
        .caption(&plot.title, ("sans-serif", 17))
        .margin(10)
        .x_label_area_size(38)
        .y_label_area_size(70)
        .build_cartesian_2d(across, height)
        .map_err(failed)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(&plot.axis).y_desc(unit).light_line_style(TRANSPARENT).bold_line_style(BLACK.mix(0.12));
    mesh.x_label_formatter(&|value| short(*value)).y_label_formatter(&|value| short(*value));
    mesh.label_style(("sans-serif", 13)).draw().map_err(failed)?;
    for (index, line) in lines.iter().enumerate() {
        let style = COLOURS[index % COLOURS.len()].stroke_width(2);
        let drawn = chart.draw_series(LineSeries::new(line.points.iter().copied(), style)).map_err(failed)?;
        drawn.label(line.label).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        // Through time there are too many to mark.
        if plot.figure.is_some() {
            let dots = line.points.iter().map(|point| Circle::new(*point, 3, style.filled()));
            chart.draw_series(dots).map_err(failed)?;
        }
    }
    let mut labels = chart.configure_series_labels();
    labels.background_style(WHITE.mix(0.85)).border_style(BLACK.mix(0.2));
    labels.position(SeriesLabelPosition::UpperLeft).label_font(("sans-serif", 13)).draw().map_err(failed)
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

    fn report() -> Report {
        let mut report = Report::new("s", "S", "clients");
        for (series, at, rate) in [("one", 1.0, 100.0), ("one", 16.0, 900.0), ("many", 1.0, 20_000.0)] {
            report.push(series, at.to_string(), at, Figures::from([(Figure::RecordsPerSecond, rate)]));
        }
        report.plot("rate", "Records a second", "clients", Figure::RecordsPerSecond, true);
        report
    }

    #[test]
    fn a_plot_names_its_axes_and_every_series() {
        let report = report();
        let drawn = svg(&report, &report.plots[0]).expect("it has points");
        for part in ["<svg", "Records a second", "clients", "records/s", "one", "many", "20 k"] {
            assert!(drawn.contains(part), "{part} in {drawn}");
        }
        assert_eq!(drawn.matches("<circle").count(), 3);
    }

    #[test]
    fn a_plot_without_points_is_an_error() {
        let mut report = report();
        report.plot_courses("memory", "Memory");
        assert!(svg(&report, &report.plots[1]).is_err());
    }
}
