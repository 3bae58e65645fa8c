//! What can be asked for on the command line.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Parser, Subcommand};

use crate::compare::CompareOptions;
use crate::document::DocumentOptions;
use crate::parts::PartsOptions;
use crate::scenarios::{bulk, growth, mixed, queries, settings, streams, writes};
use crate::server::Server;

/// Load tests of Eider: each starts a server of its own, puts it under load, and writes a report.
#[derive(Debug, Parser)]
#[command(name = "eider-load-tests", version)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) scenario: Scenario,
}

/// What is run.
#[derive(Debug, Subcommand)]
pub(crate) enum Scenario {
    /// Writes at once: single records and bulk calls, by the number of clients.
    Writes(writes::Options),
    /// Bulk calls from one record to 100,001: time and memory by their size.
    Bulk(bulk::Options),
    /// Streams of millions of records: readers fast and slow, with a limit and without.
    Streams(streams::Options),
    /// Filters and sorts with and without an index on their property: what it buys, and what it costs.
    Queries(queries::Options),
    /// Readers, writers and consumers of streams at once.
    Mixed(mixed::Options),
    /// The same few measurements under each of several settings.
    Settings(settings::Options),
    /// What becomes of times and sizes as records grow in number.
    Growth(growth::Options),
    /// The same work done by other stores on the same machine.
    Compare(CompareOptions),
    /// What criterion measured, as a report.
    Parts(PartsOptions),
    /// The document and the plots, from the reports of scenarios.
    Document(DocumentOptions),
}

/// What every scenario is told.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The server's program [default: `eider` beside this one].
    #[arg(long)]
    pub(crate) binary: Option<PathBuf>,
    /// A server that runs already, such as <http://127.0.0.1:8080>; its process is not watched, its settings are its own.
    #[arg(long, conflicts_with = "binary")]
    pub(crate) host: Option<String>,
    /// A setting of the server: `EIDER_LIMITS_STREAMS=64`.
    #[arg(long = "set", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    /// A command that runs the server, such as a profiler; `{}` in it is the number of the server in the scenario.
    #[arg(long, value_delimiter = ' ')]
    pub(crate) wrapper: Vec<String>,
    /// Where data is kept while a scenario runs.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    pub(crate) data_dir: PathBuf,
    /// What data and queries are made from.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where the report goes.
    #[arg(long, default_value = "target/load")]
    pub(crate) out: PathBuf,
}

/// Splits `NAME=value`.
fn setting(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once('=').context("a setting is NAME=value")?;
    ensure!(name.starts_with("EIDER_"), "the name of a setting begins with EIDER_");
    Ok((name.to_owned(), value.to_owned()))
}

/// A time as people write it: `10s`, `2m`.
pub(crate) fn time(text: &str) -> Result<Duration> {
    humantime::parse_duration(text).with_context(|| format!("{text:?} is not a time such as 10s"))
}

impl Common {
    /// The server's program.
    ///
    /// # Errors
    /// When none was named and none is beside this program.
    pub(crate) fn binary(&self) -> Result<PathBuf> {
        if let Some(binary) = &self.binary {
            return Ok(binary.clone());
        }
        let beside = std::env::current_exe()?.with_file_name("eider");
        ensure!(beside.try_exists()?, "{} does not exist: build it, or name it with --binary", beside.display());
        Ok(beside)
    }

    /// What the server is told: what the scenario needs, and what the command line says instead.
    pub(crate) fn settings(&self, needed: &[(&str, &str)]) -> BTreeMap<String, String> {
        let needed = needed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        needed.chain(self.settings.iter().cloned()).collect()
    }

    /// The server under load, with what the scenario needs configured.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn server(&self, needed: &[(&str, &str)]) -> Result<Server> {
        match &self.host {
            Some(host) => Server::running(host),
            None => Server::start(&self.binary()?, &self.wrapper, &self.data_dir, &self.settings(needed)),
        }
    }

    /// What a report says about the settings.
    pub(crate) fn note(&self, needed: &[(&str, &str)]) -> Option<String> {
        let settings = self.settings(needed);
        let texts: Vec<String> = settings.iter().map(|(name, value)| format!("`{name}={value}`")).collect();
        match &self.host {
            Some(host) => Some(format!("The server ran already, at {host}; its settings are not known.")),
            None if texts.is_empty() => None,
            None => Some(format!("Settings other than the defaults: {}.", texts.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn the_command_line_has_the_last_word_on_settings() {
        let line = CommandLine::try_parse_from(["x", "writes", "--set", "EIDER_A=1", "--set", "EIDER_B=2"]);
        let Scenario::Writes(options) = line.expect("it is valid").scenario else { panic!("another scenario") };
        let settings = options.common.settings(&[("EIDER_A", "0"), ("EIDER_C", "3")]);
        let expected = [("EIDER_A", "1"), ("EIDER_B", "2"), ("EIDER_C", "3")];
        assert_eq!(settings, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert!(CommandLine::try_parse_from(["x", "writes", "--set", "PATH=1"]).is_err());
    }
}
