//! `docs/benchmarks.md` and its plots, from the reports of scenarios and what was written about them.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::report::{Report, markdown, plot};

#[derive(Debug, Args)]
pub(crate) struct DocumentOptions {
    /// Where reports are: `<scenario>.json` each, and `<scenario>.md`, what is said about it.
    #[arg(long, default_value = "docs/benchmarks")]
    reports: PathBuf,
    /// The document. `{{name}}` in its template stands for a section.
    #[arg(long, default_value = "docs/benchmarks.md")]
    document: PathBuf,
}

/// The template beside the reports: everything around the sections.
const TEMPLATE: &str = "template.md";
/// At the head of the document.
const MARK: &str = "<!-- Made from docs/benchmarks/ by `just bench-document`. -->\n\n";

/// Writes the document and an SVG for each plot, beside the reports.
pub(crate) fn write(options: &DocumentOptions) -> Result<()> {
    let (text, plots) = document(options)?;
    fs::write(&options.document, text).with_context(|| format!("{}", options.document.display()))?;
    for (name, drawn) in plots {
        fs::write(options.reports.join(format!("{name}.svg")), drawn)?;
    }
    Ok(())
}

/// The text of the document, and its plots by name.
fn document(options: &DocumentOptions) -> Result<(String, Vec<(String, String)>)> {
    let read = |name: &str| {
        let path = options.reports.join(name);
        fs::read_to_string(&path).with_context(|| format!("{}", path.display()))
    };
    let template = read(TEMPLATE)?;
    let directory = options.reports.file_name().and_then(|name| name.to_str()).unwrap_or(".");
    let (mut text, mut plots) = (MARK.to_owned(), Vec::new());
    for line in template.lines() {
        let Some(name) = line.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) else {
            text.extend([line, "\n"]);
            continue;
        };
        let report = Report::read(&options.reports.join(format!("{name}.json")))?;
        text.push_str(&markdown::section(&report, &read(&format!("{name}.md"))?, directory));
        for drawn in &report.plots {
            plots.push((drawn.name.clone(), plot::svg(&report, drawn)?));
        }
    }
    Ok((text.trim_end().to_owned() + "\n", plots))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What is in the repository is what its reports say.
    #[test]
    fn the_document_is_that_of_its_reports() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let options = DocumentOptions { reports: docs.join("benchmarks"), document: docs.join("benchmarks.md") };
        let (text, plots) = document(&options).expect("the reports can be read");
        let hint = "is not that of its reports: run `just bench-document`";
        assert!(fs::read_to_string(&options.document).expect("it can be read") == text, "docs/benchmarks.md {hint}");
        for (name, drawn) in plots {
            let path = options.reports.join(format!("{name}.svg"));
            assert!(fs::read_to_string(&path).is_ok_and(|found| found == drawn), "{} {hint}", path.display());
        }
    }
}
