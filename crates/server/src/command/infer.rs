//! `eider infer`: the schema that inputs lead to, and what speaks for it.

use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use eider_application::infer::{InferenceOptions, Proposal};
use eider_application::ingest::BodyFormat;
use eider_application::runtime::blocking;
use eider_domain::SchemaName;

use super::import::{
    Because, Cause, Failure, Opening, Reading, Source, Union, complain, format_parser, parse_name, places_of, propose,
};

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct InferArguments {
    /// Files of records and other inputs, as `eider import` takes them; `-` reads standard input.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// The name of the schema [default: records].
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    name: Option<SchemaName>,
    /// Looks at the first N records of each input alone, instead of all.
    #[arg(long, value_name = "N", value_parser = sample_parser())]
    sample: Option<u64>,
    /// Texts that come again and again are all that the schema allows.
    #[arg(long)]
    enums: bool,
    /// The name in the inputs of the property that the ids of records are made of which give none.
    #[arg(long, value_name = "NAME")]
    id_from: Option<String>,
    /// How the inputs hold their records [default: as their names end].
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    format: Option<BodyFormat>,
    /// The sheet of workbooks (.xlsx, .xlsm, .xlsb, .xls, .ods) [default: the first].
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// The table or view of SQLite databases [default: the only table].
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    #[command(flatten)]
    reading: Reading,
    /// Fetches inputs that are URLs (`http://`, `https://`).
    #[arg(long)]
    allow_url: bool,
}

/// Reads how many records are looked at.
pub(super) fn sample_parser() -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(1..)
}

/// Writes the schema to standard output, and what speaks for it to standard error. The program ends as an import does.
pub(crate) async fn run(arguments: InferArguments) -> ExitCode {
    match infer(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::from(failure.cause.exit_code())
        }
    }
}

async fn infer(arguments: InferArguments) -> Result<(), Failure> {
    let InferArguments { inputs, name, sample, enums, id_from, format, sheet, table, reading, allow_url } = arguments;
    let Reading(reading) = reading;
    let options = InferenceOptions { name, reading, sample, id_from, sets_enums: enums };
    let opening = Opening { format, sheet, table };
    let (mut union, mut found) = (Union::default(), Vec::new());
    for place in places_of(&inputs, allow_url)? {
        let opening = opening.clone();
        let sources = blocking::run(move || Source::open(&place, &opening)).await.because(Cause::Unreadable)??;
        for source in sources {
            source.format().check_options(&options.reading).because(Cause::Usage)?;
            let proposal = propose(&source, &options).await.because(Cause::Unreadable)?;
            union.add(source.name(), &proposal);
            found.push((source.name().to_owned(), proposal));
        }
    }
    let schema = union.schema().because(Cause::Unreadable)?;
    writeln!(stdout(), "{schema:#}").because(Cause::Unreadable)?;
    let mut notes = stderr().lock();
    let mut tell = || -> Result<()> {
        let properties = schema["properties"].as_array().map_or(0, Vec::len);
        writeln!(notes, "{properties} properties, made of {}", records_of(union.records, union.is_whole))?;
        for (name, proposal) in &found {
            if found.len() > 1 {
                writeln!(notes, " of {name}")?;
            }
            write_evidence(&mut notes, proposal)?;
            let options = proposal.reading.query();
            if !options.is_empty() {
                writeln!(notes, "  a bulk call takes it with ?{options}")?;
            }
        }
        for note in &union.notes {
            writeln!(notes, "  {note}")?;
        }
        Ok(())
    };
    tell().because(Cause::Unreadable)
}

/// Which records were looked at.
pub(super) fn records_of(records: u64, is_whole: bool) -> String {
    if is_whole { format!("{records} records") } else { format!("the first {records} records, a sample") }
}

/// Writes what speaks for a proposal, a line for each choice.
pub(super) fn write_evidence(out: &mut impl Write, proposal: &Proposal) -> Result<()> {
    for found in &proposal.evidence {
        let property = found.property.as_deref().or(found.option).unwrap_or("records");
        let lines = if found.lines.is_empty() { String::new() } else { format!(", first on lines {:?}", found.lines) };
        writeln!(out, "  {property} {}: {}{lines}", found.choice.name(), found.detail)?;
    }
    Ok(())
}
