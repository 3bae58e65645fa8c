//! A report as a page of its own, plots included.

use std::fmt::Write as _;

use anyhow::Result;

use super::{Report, plot};

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#222}\
    table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .7rem;border-bottom:1px solid #ddd;text-align:right}\
    td:first-child,th:first-child{text-align:left}code{background:#f3f3f3;padding:.2rem .4rem}svg{max-width:100%;height:auto}";

/// The page.
///
/// # Errors
/// When a plot has no points.
pub(crate) fn html(report: &Report) -> Result<String> {
    let title = escaped(&report.title);
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"
    );
    let machine = &report.machine;
    let _ = write!(
        page,
        "<p><code>{}</code><p>{}, commit {}, {}, {} threads, {} MB of memory, {}<ul>",
        escaped(&report.command),
        report.began,
        escaped(&report.commit),
        escaped(&machine.processor),
        machine.threads,
        machine.memory / 1_000_000,
        escaped(&machine.system)
    );
    for note in &report.notes {
        let _ = write!(page, "<li>{}", escaped(note));
    }
    page.push_str("</ul>");
    for series in report.series() {
        let (steps, columns) = report.table(series);
        let _ = write!(page, "<h2>{}</h2><table><tr><th>{}", escaped(series), escaped(&report.rows_are));
        for figure in &columns {
            page.extend(["<th>", figure.heading()]);
        }
        for step in steps {
            let _ = write!(page, "<tr><td>{}", escaped(&step.label));
            for figure in &columns {
                let value = step.figures.get(figure).map_or("–".to_owned(), |value| figure.text(*value));
                page.extend(["<td>", &value]);
            }
        }
        page.push_str("</table>");
    }
    for drawn in &report.plots {
        page.push_str(&plot::svg(report, drawn)?);
    }
    page.push_str("</html>\n");
    Ok(page)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::{Figure, Figures};
    use super::*;

    #[test]
    fn a_page_holds_tables_and_plots_and_no_markup_of_others() {
        let mut report = Report::new("s", "Reads & <writes>", "clients");
        report.push("all", "<1>", 1.0, Figures::from([(Figure::P99, 2.5)]));
        report.plot("p99", "Slow ones", "clients", Figure::P99, false);
        let page = html(&report).expect("the plot has points");
        for part in ["<h1>Reads &amp; &lt;writes&gt;</h1>", "<tr><td>&lt;1&gt;<td>2.50", "<th>p99 ms", "<svg"] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }
}
