//! `eider doctor`: whether a file holds what it should.

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use eider_store_duckdb::{Finding, StoreSettings, examine};
use serde_json::json;

use crate::backup::settings_in;

/// What to look at, and how closely.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Directory of the data, which no server may have open, or of a backup.
    #[arg(long, value_name = "DIR", default_value = "./data", env = "EIDER_DATA_DIR")]
    data_dir: PathBuf,
    /// Looks up every key of every index, not a thousand of each.
    #[arg(long)]
    full: bool,
    /// Prints a JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

/// Prints what was found; whether everything is as it should be.
pub(crate) fn run(arguments: &DoctorArguments) -> Result<bool> {
    let settings = settings_in(arguments.data_dir.clone());
    let findings = look(&settings, arguments.full)?;
    let is_ok = findings.iter().all(|finding| finding.is_ok);
    let mut out = stdout().lock();
    if arguments.json {
        let findings: Vec<_> = findings.iter().map(document).collect();
        writeln!(out, "{:#}", json!({"ok": is_ok, "checks": findings}))?;
        return Ok(is_ok);
    }
    for finding in &findings {
        let Finding { check, subject, is_ok, detail, advice } = finding;
        let verdict = if *is_ok { "ok" } else { "problem" };
        writeln!(out, "{verdict:<8}{check:<10}{:<24}{detail}", subject.as_deref().unwrap_or("-"))?;
        if let Some(advice) = advice {
            writeln!(out, "        → {advice}")?;
        }
    }
    Ok(is_ok)
}

fn look(settings: &StoreSettings, is_full: bool) -> Result<Vec<Finding>> {
    // The engine's own temporary files go elsewhere: nothing is written beside the data.
    let temporary = tempfile::tempdir()?;
    Ok(examine(settings, temporary.path(), is_full))
}

fn document(finding: &Finding) -> serde_json::Value {
    let Finding { check, subject, is_ok, detail, advice } = finding;
    json!({"check": check, "subject": subject, "ok": is_ok, "detail": detail, "advice": advice})
}
