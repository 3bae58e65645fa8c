//! `eider import`: records of files and of other inputs, loaded into a running server.

mod archive;
mod arguments;
mod columns;
mod container;
mod create;
mod cut;
mod database;
mod failure;
mod input;
mod kind;
mod load;
mod made;
mod packing;
mod place;
mod progress;
mod reading;
mod rejects;
mod remote;
mod rows;
mod server;
mod source;
mod workbook;

use std::collections::HashMap;
use std::io::{self, Write, stderr, stdout};
use std::process::ExitCode;

use eider_application::infer::InferenceOptions;
use eider_application::ingest::ReadOptions;
use eider_application::runtime::blocking;

use self::arguments::name_of;
pub(super) use self::arguments::{ImportArguments, format_parser, parse_name};
pub(super) use self::create::{Union, propose};
use self::failure::{ALL_STORED, SOME_REFUSED};
pub(super) use self::failure::{Because, Cause, Failure};
pub(super) use self::place::{Place, places_of};
use self::progress::Shown;
pub(super) use self::reading::Reading;
use self::rejects::Rejects;
use self::server::{Counts, Server};
pub(super) use self::source::{Opening, Source};
use super::infer::{records_of, write_evidence};

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
pub(super) fn complain(failure: &Failure) {
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
    shown: Shown,
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
        let mut parameters = vec![("mode", name_of(&arguments.mode))];
        parameters.extend(arguments.on_conflict.map(|policy| ("on_conflict", name_of(&policy))));
        parameters.extend(arguments.read_only.iter().map(|what| ("read_only", what.clone())));
        parameters.extend(arguments.dry_run.then(|| ("dry_run", "true".to_owned())));
        parameters.extend(arguments.rename.iter().map(|rename| ("rename", rename.clone())));
        parameters.extend(arguments.ignore.iter().map(|name| ("ignore", name.clone())));
        if !arguments.create {
            // A schema that was created says so itself.
            parameters.extend(arguments.id_from.iter().map(|name| ("id_from", name.clone())));
        }
        let opening =
            Opening { format: arguments.format, sheet: arguments.sheet.clone(), table: arguments.table.clone() };
        let places = places_of(&arguments.inputs, arguments.allow_url)?;
        if let Some(rejects) = &arguments.rejects {
            let rejects = Place::Path(rejects.clone()).identity();
            if places.iter().any(|place| place.identity() == rejects) {
                let detail = format!("{rejects} is an input; the file of refused records would replace it");
                return Err(Failure::new(Cause::Usage, detail));
            }
        }
        Ok(Self {
            places,
            opening,
            server: Server::new(&arguments.url, arguments.key.clone()),
            parameters,
            reading: arguments.reading.0.clone(),
            shown: Shown::of(arguments.quiet, arguments.progress),
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
        if let Some(path) = &self.arguments.rejects {
            total.rejects = Some(Rejects::begin(path).because(Cause::Usage)?);
        }
        for input in inputs {
            if let Err(failure) = self.load(input, &mut total).await {
                complain(&failure);
                total.cause.get_or_insert(failure.cause);
                break;
            }
        }
        if total.sources > 1 {
            self.say(&total.counts.in_words(&format!("{} inputs", total.sources), self.arguments.dry_run))?;
        }
        if let (Some(records), Some(path)) = (total.end_rejects()?, &self.arguments.rejects) {
            self.say(&format!("{} has the {records} refused records", path.display()))?;
        }
        Ok(total.exit_code())
    }

    /// Creates the schema that all inputs lead to.
    async fn create(&mut self, inputs: &mut [Waiting]) -> Result<(), Failure> {
        let schema = &self.arguments.schema;
        let options = InferenceOptions {
            name: Some(schema.clone()),
            reading: self.reading.clone(),
            id_from: self.arguments.id_from.clone(),
            sample: self.arguments.sample,
            sets_enums: self.arguments.enums,
        };
        let mut union = Union::default();
        let mut found = Vec::new();
        for input in inputs {
            let sources = self.open(input).await?;
            for source in &sources {
                source.format().check_options(&self.reading).because(Cause::Usage)?;
                let proposal = propose(source, &options).await.because(Cause::Unreadable)?;
                union.add(source.name(), &proposal);
                input.readings.push(proposal.reading.clone());
                found.push((source.name().to_owned(), proposal));
            }
            input.sources = Some(sources).filter(|sources| !sources.iter().all(Source::is_reopened));
        }
        let proposed = union.schema().because(Cause::Unreadable)?;
        if !self.server.create(proposed).await? {
            if self.arguments.resume && create::is_that(proposed, &self.server.schema(schema).await?) {
                return self.say(&format!("`{schema}` is there already, and as it would be created"));
            }
            let detail =
                format!("there is a schema `{schema}`; leave out --create to load into it, or choose another name");
            return Err(Failure::new(Cause::Refused, detail));
        }
        let properties = proposed["properties"].as_array().map_or(0, Vec::len);
        let made_of = records_of(union.records, union.is_whole);
        self.say(&format!("created `{schema}` with {properties} properties, made of {made_of}"))?;
        let are_several = found.len() > 1;
        for (name, proposal) in &found {
            if are_several && !proposal.evidence.is_empty() {
                self.say(&format!(" of {name}"))?;
            }
            if !self.arguments.quiet {
                write_evidence(&mut stdout(), proposal).because(Cause::Unreadable)?;
            }
        }
        union.notes.iter().try_for_each(|note| self.say(&format!("  {note}")))?;
        if self.arguments.read_only.is_none() && found.iter().any(|(_, proposal)| proposal.is_carried) {
            self.parameters.push(("read_only", "ignore".to_owned()));
            self.say("  `created_at`, `updated_at` and `version` are passed over; --read-only keep keeps them")?;
        }
        Ok(())
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
            let identity = total.identity_of(&input.place, &source);
            if let Err(failure) = self.load_source(source, &identity, reading, total).await {
                total.note(failure)?;
            }
        }
        Ok(())
    }

    fn say(&self, line: &str) -> Result<(), Failure> {
        self.print(line).because(Cause::Unreadable)
    }

    fn print(&self, line: &str) -> io::Result<()> {
        if self.arguments.quiet { Ok(()) } else { writeln!(stdout(), "{line}") }
    }
}

/// What became of all inputs.
#[derive(Debug, Default)]
struct Total {
    counts: Counts,
    sources: u64,
    /// The first thing that went wrong with an input.
    cause: Option<Cause>,
    rejects: Option<Rejects>,
    /// How often an input was met.
    met: HashMap<String, u64>,
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

    /// What tells a source from others, in this run and in one that goes on with it: its place, however it was written, and
    /// what of it the source is.
    fn identity_of(&mut self, place: &Place, source: &Source) -> String {
        let part = source.name().strip_prefix(&place.name()).unwrap_or_default();
        let identity = format!("{}\n{part}", place.identity());
        let times = self.met.entry(identity.clone()).or_default();
        *times += 1;
        format!("{identity}\n{times}")
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
    fn in_words(self, of: &str, is_dry_run: bool) -> String {
        let Self { received, stored, ignored, failed } = self;
        let would = if is_dry_run { "would be " } else { "" };
        let ignored = if ignored > 0 { format!(", {ignored} passed over") } else { String::new() };
        format!("{received} records of {of}: {stored} {would}stored{ignored}, {failed} not taken")
    }
}
