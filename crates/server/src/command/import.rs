//! `eider import`: records of files and of other inputs, loaded into a running server.

mod archive;
mod container;
mod create;
mod database;
mod failure;
mod input;
mod kind;
mod made;
mod packing;
mod place;
mod reading;
mod rows;
mod server;
mod source;
mod workbook;

use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::Result;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use eider_application::infer::{Evidence, InferenceOptions};
use eider_application::ingest::{BodyFormat, ReadOptions, body_of};
use eider_application::runtime::blocking;
use eider_domain::SchemaName;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Body, RequestBuilder};
use serde_json::Value as Json;

use self::create::{Union, propose};
use self::failure::{ALL_STORED, Because, Cause, Failure, SOME_REFUSED};
use self::place::{Place, places_of};
use self::reading::Reading;
use self::server::{Counts, Receipt, Server};
use self::source::{Opening, Source};

/// What to load, and where.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// Files of records, compressed or not, pipes, directories of files, patterns such as 'data/*.csv'; `-` reads standard
    /// input.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// The schema that the records are of.
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    schema: SchemaName,
    /// Creates the schema first, as the first 10,000 records of each input suggest.
    #[arg(long)]
    create: bool,
    /// Texts that come again and again are all that the created schema allows.
    #[arg(long, requires = "create")]
    enums: bool,
    /// Values under FROM in the inputs go to the property TO, or to `id`; may be given more than once. A name with a `:` stands in
    /// double quotes.
    #[arg(long, value_name = "FROM:TO")]
    rename: Vec<String>,
    /// Values under this name in the inputs are passed over; may be given more than once.
    #[arg(long, value_name = "NAME")]
    ignore: Vec<String>,
    /// The property that the ids of records are made of which give none, so that a repeat meets the same records; with --create
    /// its name in the inputs, and the created schema says so.
    #[arg(long, value_name = "NAME")]
    id_from: Option<String>,
    /// How the inputs hold their records [default: as their names end].
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    format: Option<BodyFormat>,
    /// The sheet of workbooks (.xlsx, .xlsm, .xlsb, .xls, .ods) [default: the first].
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// The table or view of `SQLite` databases [default: the only table].
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    #[command(flatten)]
    reading: Reading,
    /// The running server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A key of that server with the right `records:append`, and `schemas:write` to create the schema.
    #[arg(long, value_name = "KEY", env = "EIDER_KEY", hide_env_values = true)]
    key: Option<String>,
}

/// Reads the name of a format.
fn format_parser() -> impl TypedValueParser<Value = BodyFormat> {
    let value = |format: BodyFormat| PossibleValue::new(format.media_type().name).help(format.description());
    let values = PossibleValuesParser::new(BodyFormat::read().map(value).collect::<Vec<_>>());
    values.try_map(|name| BodyFormat::of_name(&name).ok_or("there is no such format"))
}

fn parse_name(text: &str) -> Result<SchemaName, String> {
    SchemaName::parse(text).map_err(|error| error.to_string())
}

/// Loads inputs, and says which records were not taken. How the program ends is said in docs/reference/command-line.md.
pub(crate) async fn run(arguments: ImportArguments) -> ExitCode {
    let code = match Import::of(arguments) {
        Ok(import) => import.run().await,
        Err(failure) => Err(failure),
    };
    ExitCode::from(code.unwrap_or_else(|failure| {
        complain(&failure);
        failure.cause.exit_code()
    }))
}

/// Says on standard error why something was not done.
fn complain(failure: &Failure) {
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(stderr(), "eider: {failure}");
}

/// One run of the command.
struct Import {
    places: Vec<Place>,
    opening: Opening,
    server: Server,
    /// Parameters of every call.
    parameters: Vec<(&'static str, String)>,
    reading: ReadOptions,
    arguments: ImportArguments,
}

/// An input whose turn comes.
struct Waiting {
    place: Place,
    /// What is in it, if it cannot be opened again.
    sources: Option<Vec<Source>>,
    /// How each of its sources is read, if that is known.
    readings: Vec<ReadOptions>,
}

impl Import {
    fn of(arguments: ImportArguments) -> Result<Self, Failure> {
        let mut parameters = vec![("mode", "partial".to_owned())];
        parameters.extend(arguments.rename.iter().map(|rename| ("rename", rename.clone())));
        parameters.extend(arguments.ignore.iter().map(|name| ("ignore", name.clone())));
        if !arguments.create {
            // A schema that was created says so itself.
            parameters.extend(arguments.id_from.iter().map(|name| ("id_from", name.clone())));
        }
        Ok(Self {
            places: places_of(&arguments.inputs, false)?,
            opening: Opening {
                format: arguments.format,
                sheet: arguments.sheet.clone(),
                table: arguments.table.clone(),
            },
            server: Server::new(&arguments.url, arguments.key.clone()),
            parameters,
            reading: arguments.reading.0.clone(),
            arguments,
        })
    }

    async fn run(mut self) -> Result<u8, Failure> {
        let places = std::mem::take(&mut self.places);
        let wait = |place| Waiting { place, sources: None, readings: Vec::new() };
        let mut inputs: Vec<Waiting> = places.into_iter().map(wait).collect();
        if self.arguments.create {
            self.create(&mut inputs).await?;
        }
        let mut total = Total::default();
        for input in inputs {
            self.load(input, &mut total).await?;
        }
        if total.sources > 1 {
            say(&total.counts.in_words(&format!("{} inputs", total.sources)))?;
        }
        Ok(total.exit_code())
    }

    /// Creates the schema that all inputs lead to.
    async fn create(&self, inputs: &mut [Waiting]) -> Result<(), Failure> {
        let schema = &self.arguments.schema;
        let options = InferenceOptions {
            name: Some(schema.clone()),
            reading: self.reading.clone(),
            id_from: self.arguments.id_from.clone(),
            sets_enums: self.arguments.enums,
            ..InferenceOptions::default()
        };
        let mut union = Union::default();
        let mut found = Vec::new();
        for input in inputs {
            let sources = self.open(input).await?;
            for source in &sources {
                source.format().check_options(&self.reading).because(Cause::Usage)?;
                let proposal = propose(source, &options).await.because(Cause::Unreadable)?;
                union.add(source.name(), &proposal);
                input.readings.push(proposal.reading);
                found.push((source.name().to_owned(), proposal.evidence));
            }
            input.sources = Some(sources).filter(|sources| !sources.iter().all(Source::is_reopened));
        }
        let proposed = union.schema().because(Cause::Unreadable)?;
        if !self.server.create(proposed).await? {
            let detail =
                format!("there is a schema `{schema}`; leave out --create to load into it, or choose another name");
            return Err(Failure::new(Cause::Refused, detail));
        }
        let properties = proposed["properties"].as_array().map_or(0, Vec::len);
        say(&format!("created `{schema}` with {properties} properties, made of {} records", union.records))?;
        let are_several = found.len() > 1;
        for (name, evidence) in found {
            if are_several && !evidence.is_empty() {
                say(&format!(" of {name}"))?;
            }
            show_evidence(&evidence).because(Cause::Unreadable)?;
        }
        union.notes.iter().try_for_each(|note| say(&format!("  {note}")))
    }

    async fn open(&self, input: &mut Waiting) -> Result<Vec<Source>, Failure> {
        if let Some(sources) = input.sources.take() {
            return Ok(sources);
        }
        let (place, opening) = (input.place.clone(), self.opening.clone());
        blocking::run(move || Source::open(&place, &opening)).await.because(Cause::Unreadable)?
    }

    /// Loads what is at a place. What goes wrong for it alone is said, and the next goes on.
    async fn load(&self, mut input: Waiting, total: &mut Total) -> Result<(), Failure> {
        let sources = match self.open(&mut input).await {
            Ok(sources) => sources,
            Err(failure) => return total.note(failure),
        };
        for (place, source) in sources.into_iter().enumerate() {
            total.sources += 1;
            let reading = input.readings.get(place).unwrap_or(&self.reading);
            match self.load_source(&source, reading).await {
                Ok(counts) => total.counts.add(counts),
                Err(failure) => total.note(failure)?,
            }
        }
        Ok(())
    }

    async fn load_source(&self, source: &Source, reading: &ReadOptions) -> Result<Counts, Failure> {
        source.format().check_options(reading).because(Cause::Usage)?;
        let read = Arc::new(AtomicU64::new(0));
        let body = body_of(source.whole(&read).because(Cause::Unreadable)?);
        let request = self.request(source, reading)?.body(Body::wrap_stream(body));
        let outcome = self.server.bulk(request).await;
        // A body that breaks off has the server store nothing.
        if let Some(failure) = source.failure() {
            return Err(Failure::new(Cause::Unreadable, format!("nothing was stored: {failure}")));
        }
        let Receipt { counts, json } = outcome?;
        say(&counts.in_words(source.name()))?;
        show_names(&json).because(Cause::Unreadable)?;
        let unit = source.unit();
        self.server.each_failure(&json, |failure| show_failure(unit, &failure)).await?;
        Ok(counts)
    }

    /// A bulk call without its body.
    fn request(&self, source: &Source, reading: &ReadOptions) -> Result<RequestBuilder, Failure> {
        let mut call = self.server.address(&format!("/records/{}/bulk", self.arguments.schema))?;
        call.query_pairs_mut().extend_pairs(&self.parameters).extend_pairs(reading.given());
        let request = self.server.post(call).header(CONTENT_TYPE, source.format().media_type().essence);
        Ok(match source.compression() {
            Some(compression) => request.header(CONTENT_ENCODING, compression.name()),
            None => request,
        })
    }
}

/// What became of all inputs.
#[derive(Debug, Default)]
struct Total {
    counts: Counts,
    sources: u64,
    /// The first thing that went wrong with an input.
    cause: Option<Cause>,
}

impl Total {
    /// Takes note of what went wrong with an input. It is the end when further inputs would fare the same.
    fn note(&mut self, failure: Failure) -> Result<(), Failure> {
        if failure.cause.is_general() {
            return Err(failure);
        }
        complain(&failure);
        self.cause.get_or_insert(failure.cause);
        Ok(())
    }

    fn exit_code(&self) -> u8 {
        match self.cause {
            Some(cause) => cause.exit_code(),
            None if self.counts.failed > 0 => SOME_REFUSED,
            None => ALL_STORED,
        }
    }
}

impl Counts {
    /// For a person: `2 records of a.csv: 1 stored, 1 not taken`.
    fn in_words(self, of: &str) -> String {
        let Self { received, stored, ignored, failed } = self;
        let ignored = if ignored > 0 { format!(", {ignored} passed over") } else { String::new() };
        format!("{received} records of {of}: {stored} stored{ignored}, {failed} not taken")
    }
}

fn say(line: &str) -> Result<(), Failure> {
    writeln!(stdout(), "{line}").because(Cause::Unreadable)
}

/// Says what speaks for what was created.
fn show_evidence(evidence: &[Evidence]) -> Result<()> {
    let mut out = stdout().lock();
    for found in evidence {
        let property = found.property.as_deref().or(found.option).unwrap_or("records");
        let lines = if found.lines.is_empty() { String::new() } else { format!(", first on lines {:?}", found.lines) };
        writeln!(out, "  {property} {}: {}{lines}", found.choice.name(), found.detail)?;
    }
    Ok(())
}

/// Says what stood for something else in an input, as the receipt has it.
fn show_names(receipt: &Json) -> Result<()> {
    let mut out = stdout().lock();
    for renamed in receipt["renamed"].as_array().into_iter().flatten() {
        writeln!(out, "  {} to {}: {} records", renamed["from"], renamed["to"], renamed["records"])?;
    }
    for ignored in receipt["ignored_names"].as_array().into_iter().flatten() {
        writeln!(out, "  {} ignored: {} records", ignored["name"], ignored["records"])?;
    }
    Ok(())
}

fn show_failure(unit: &str, failure: &Json) -> Result<()> {
    let text = |key: &str| failure[key].as_str().unwrap_or_default();
    let (line, code, pointer) = (&failure["line"], text("code"), text("pointer"));
    writeln!(stdout(), "  {unit} {line}: {code} {pointer} {}", text("detail"))?;
    Ok(())
}
