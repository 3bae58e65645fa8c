//! Load tests: a server of its own under each, watched from outside, and a report that says what it did.

mod attack;
mod command_line;
mod compare;
mod document;
mod flights;
mod parts;
mod report;
mod scenarios;
mod server;
mod watch;

use anyhow::Result;
use clap::Parser as _;

use crate::command_line::{CommandLine, Common, Scenario};
use crate::report::Report;
use crate::scenarios::{bulk, growth, mixed, queries, settings, streams, writes};

fn main() -> Result<()> {
    let line = CommandLine::parse();
    match &line.scenario {
        Scenario::Document(options) => document::write(options),
        Scenario::Parts(options) => parts::report(options)?.write(&options.out),
        scenario => tokio::runtime::Runtime::new()?.block_on(run(scenario)),
    }
}

async fn run(scenario: &Scenario) -> Result<()> {
    let (common, report): (&Common, Report) = match scenario {
        Scenario::Writes(options) => (&options.common, writes::run(options).await?),
        Scenario::Bulk(options) => (&options.common, bulk::run(options).await?),
        Scenario::Streams(options) => (&options.common, streams::run(options).await?),
        Scenario::Queries(options) => (&options.common, queries::run(options).await?),
        Scenario::Settings(options) => (&options.common, settings::run(options).await?),
        Scenario::Growth(options) => (&options.common, growth::run(options).await?),
        Scenario::Compare(options) => (&options.common, compare::run(options).await?),
        Scenario::Mixed(options) => return mixed::run(options).await,
        Scenario::Document(_) | Scenario::Parts(_) => return Ok(()),
    };
    report.write(&common.out)
}
