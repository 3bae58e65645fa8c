//! A report as a section of a Markdown document.

use std::fmt::Write as _;

use super::Report;

/// The section: what it says, how to repeat it, tables and plots. `plots` is where their files are, seen from the document.
pub(crate) fn section(report: &Report, says: &str, plots: &str) -> String {
    let mut text = format!("## {}\n\n{}\n\n```sh\n{}\n```\n\n", report.title, says.trim(), report.command);
    for note in &report.notes {
        let _ = writeln!(text, "- {note}");
    }
    if !report.notes.is_empty() {
        text.push('\n');
    }
    text.push_str(&tables(report));
    for plot in &report.plots {
        let _ = writeln!(text, "![{}]({plots}/{}.svg)\n", plot.title, plot.name);
    }
    let machine = &report.machine;
    let memory = super::float(machine.memory) / f64::from(1_u32 << 30);
    let _ = writeln!(
        text,
        "<sub>{}, commit {}; {}, {} threads, {memory:.0} GiB; {}.</sub>\n",
        report.began, report.commit, machine.processor, machine.threads, machine.system
    );
    text
}

/// A table for each series.
fn tables(report: &Report) -> String {
    let mut text = String::new();
    for series in report.series() {
        let (steps, columns) = report.table(series);
        let heads: Vec<&str> = columns.iter().map(|figure| figure.heading()).collect();
        let _ = writeln!(text, "**{series}**\n\n| {} | {} |", report.rows_are, heads.join(" | "));
        let _ = writeln!(text, "|---|{}", "---:|".repeat(columns.len()));
        for step in steps {
            let cells = columns
                .iter()
                .map(|figure| step.figures.get(figure).map_or("–".to_owned(), |value| figure.text(*value)));
            let _ = writeln!(text, "| {} | {} |", step.label, cells.collect::<Vec<_>>().join(" | "));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Figure, Figures};
    use super::*;

    #[test]
    fn a_section_has_a_table_for_each_series_with_the_columns_it_needs() {
        let mut report = Report::new("writes", "Writes", "clients");
        let figures = |rate, failed| Figures::from([(Figure::CallsPerSecond, rate), (Figure::Failed, failed)]);
        report.push("single", "1", 1.0, figures(1_234.0, 0.0));
        report.push("bulk", "1", 1.0, figures(10.0, 2.0));
        report.plot("rate", "Rate", "clients", Figure::CallsPerSecond, true);
        let text = section(&report, "It says much.\n", "plots");
        let expected = "**single**\n\n| clients | calls/s |\n|---|---:|\n| 1 | 1,234 |\n\n\
                        **bulk**\n\n| clients | calls/s | failed |\n|---|---:|---:|\n| 1 | 10.0 | 2 |\n\n\
                        ![Rate](plots/writes-rate.svg)\n";
        assert!(text.contains(expected), "{text}");
        assert!(text.starts_with("## Writes\n\nIt says much.\n\n```sh\njust load"), "{text}");
    }
}
