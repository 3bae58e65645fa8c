//! `eider doctor`: whether a file holds what it should.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use eider_domain::{DEFAULT_JSON_DEPTH, MAX_JSON_DEPTH};
use serde_json::json;

use super::backup::settings_in;
use crate::store::{Finding, StoreSettings, Thoroughness, examine};

/// What to look at, and how closely.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Directory of the data, which no server may have open, or of a backup.
    #[arg(long, value_name = "DIR", default_value = "./data", env = "EIDER_DATA_DIR")]
    data_dir: PathBuf,
    /// Looks up every key of every index and two near it, not a thousand of each.
    #[arg(long)]
    full: bool,
    /// How deep objects and arrays may be nested in values, as `limits.json_depth` says it to the server.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_JSON_DEPTH, env = "EIDER_LIMITS_JSON_DEPTH", value_parser = parse_depth)]
    json_depth: usize,
    /// Prints a JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

fn parse_depth(text: &str) -> Result<usize, String> {
    let depth = text.parse().ok().filter(|depth| (1..=MAX_JSON_DEPTH).contains(depth));
    depth.ok_or_else(|| format!("it must be from 1 to {MAX_JSON_DEPTH}"))
}

/// Prints what was found; whether everything is as it should be.
pub(crate) fn run(arguments: &DoctorArguments) -> Result<bool> {
    let settings = settings_in(arguments.data_dir.clone());
    let how = Thoroughness { all_keys: arguments.full, json_depth: arguments.json_depth };
    let findings = look(&settings, how)?;
    let is_ok = findings.iter().all(|finding| finding.is_ok);
    let mut out = stdout().lock();
    if arguments.json {
        let findings: Vec<_> = findings.iter().map(document).collect();
        writeln!(out, "{:#}", json!({"ok": is_ok, "checks": findings}))?;
        return Ok(is_ok);
    }
    for finding in &findings {
        let Finding { check, subject, is_ok, detail, advice } = finding;
        let status = if *is_ok { "ok" } else { "problem" };
        writeln!(out, "{status:<8}{check:<10}{:<24}{detail}", subject.as_deref().unwrap_or("-"))?;
        if let Some(advice) = advice {
            writeln!(out, "        → {advice}")?;
        }
    }
    Ok(is_ok)
}

fn look(settings: &StoreSettings, how: Thoroughness) -> Result<Vec<Finding>> {
    // The engine's own temporary files go elsewhere: nothing is written beside the data, unless nothing else can be written to.
    let temporary = tempfile::tempdir().or_else(|_| {
        let beside = settings.path.parent().unwrap_or(Path::new("."));
        tempfile::tempdir_in(beside)
    })?;
    Ok(examine(settings, temporary.path(), how))
}

fn document(finding: &Finding) -> serde_json::Value {
    let Finding { check, subject, is_ok, detail, advice } = finding;
    json!({"check": check, "subject": subject, "ok": is_ok, "detail": detail, "advice": advice})
}
