//! What `eider import` is told.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use eider_application::ingest::BodyFormat;
use eider_domain::SchemaName;

use super::reading::Reading;
use crate::command::infer::sample_parser;

/// What to load, and where.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct ImportArguments {
    /// Files of records, compressed or not, pipes, directories of files, patterns such as 'data/*.csv', archives (.zip),
    /// workbooks, databases of SQLite; `-` reads standard input.
    #[arg(required = true, value_name = "INPUT")]
    pub(super) inputs: Vec<PathBuf>,
    /// The schema that the records are of.
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub(super) schema: SchemaName,
    /// Creates the schema first, as the records of all inputs suggest.
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) create: bool,
    /// Looks at the first N records of each input alone to create the schema, instead of all.
    #[arg(long, value_name = "N", requires = "create", value_parser = sample_parser())]
    pub(super) sample: Option<u64>,
    /// Texts that come again and again are all that the created schema allows.
    #[arg(long, requires = "create")]
    pub(super) enums: bool,
    /// Values under FROM in the inputs go to the property TO, or to `id`; may be given more than once. A name with a `:` stands in
    /// double quotes.
    #[arg(long, value_name = "FROM:TO")]
    pub(super) rename: Vec<String>,
    /// Values under this name in the inputs are passed over; may be given more than once.
    #[arg(long, value_name = "NAME")]
    pub(super) ignore: Vec<String>,
    /// The property that the ids of records are made of which give none, so that a repeat meets the same records; with --create
    /// its name in the inputs, and the created schema says so.
    #[arg(long, value_name = "NAME")]
    pub(super) id_from: Option<String>,
    /// What one refused record means for the others of its input.
    #[arg(long, value_enum, default_value_t = Mode::Partial)]
    pub(super) mode: Mode,
    /// What becomes of a record whose id or unique value another has [default: error].
    #[arg(long, value_enum, value_name = "POLICY")]
    pub(super) on_conflict: Option<OnConflict>,
    /// What becomes of `created_at`, `updated_at` and `version` in the inputs: records that have them are refused, or they are
    /// passed over, or new records keep them, which needs a key with the right `admin` [default: refuse, and ignore with
    /// --create where an input is an export that carries its schema].
    #[arg(long, value_name = "WHAT", value_parser = ["refuse", "ignore", "keep"])]
    pub(super) read_only: Option<String>,
    /// Checks everything, and stores nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Writes the refused records into a file, as they were, with the reasons: a JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub(super) rejects: Option<PathBuf>,
    /// Sends each input in chunks that the server stores once: the same command, run again within 24 hours, goes on where one
    /// was cut off.
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) resume: bool,
    /// Bytes of a chunk, about.
    #[arg(long, value_name = "SIZE", requires = "resume", default_value = "32MiB", value_parser = parse_chunk)]
    pub(super) chunk: usize,
    /// How the inputs hold their records [default: as their names end].
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    pub(super) format: Option<BodyFormat>,
    /// The sheet of workbooks (.xlsx, .xlsm, .xlsb, .xls, .ods) [default: the first].
    #[arg(long, value_name = "NAME")]
    pub(super) sheet: Option<String>,
    /// The table or view of SQLite databases [default: the only table].
    #[arg(long, value_name = "NAME")]
    pub(super) table: Option<String>,
    #[command(flatten)]
    pub(super) reading: Reading,
    /// Fetches inputs that are URLs (`http://`, `https://`).
    #[arg(long)]
    pub(super) allow_url: bool,
    /// Says every five seconds on standard error how far it is, where that is no terminal; on one there is a bar.
    #[arg(long, conflicts_with = "quiet")]
    pub(super) progress: bool,
    /// Says only what went wrong.
    #[arg(long)]
    pub(super) quiet: bool,
    /// The running server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(super) url: String,
    /// A key of that server with the right `records:append`, `records:write` to replace, and `schemas:write` to create the schema.
    #[arg(long, value_name = "KEY", env = "EIDER_KEY", hide_env_values = true)]
    pub(super) key: Option<String>,
}

/// `mode` of a bulk call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// All records of an input are stored, or none
    Atomic,
    /// The good ones are stored
    Partial,
}

/// `on_conflict` of a bulk call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OnConflict {
    /// It is refused
    Error,
    /// It is passed over
    Ignore,
    /// It replaces the other
    Replace,
}

/// What a flag is called in a bulk call.
pub(super) fn name_of(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Reads the name of a format.
pub(crate) fn format_parser() -> impl TypedValueParser<Value = BodyFormat> {
    let value = |format: BodyFormat| PossibleValue::new(format.media_type().name).help(format.description());
    let values = PossibleValuesParser::new(BodyFormat::read().map(value).collect::<Vec<_>>());
    values.try_map(|name| BodyFormat::of_name(&name).ok_or("there is no such format"))
}

/// Reads the name of a schema.
pub(crate) fn parse_name(text: &str) -> Result<SchemaName, String> {
    SchemaName::parse(text).map_err(|error| error.to_string())
}

fn parse_chunk(text: &str) -> Result<usize, String> {
    let size: ByteSize = text.parse()?;
    let bytes = usize::try_from(size.as_u64()).map_err(|error| error.to_string())?;
    if bytes == 0 { Err("it takes a size such as 32MiB".to_owned()) } else { Ok(bytes) }
}
