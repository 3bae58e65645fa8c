//! `eider import`: a file of records, loaded into a running server.

mod input;
mod reading;

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use eider_application::infer::{InferenceOptions, Proposal};
use eider_application::ingest::{BodyFormat, IngestLimits, body_of, infer_schema};
use eider_application::runtime::blocking;
use eider_domain::SchemaName;
use eider_http_api::inflated;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Body, Client, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value as Json;

use self::input::Input;
use self::reading::Reading;

/// Characters of a refusal that are shown.
const SHOWN: usize = 500;

/// What to load, and where.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The file of records, or a pipe, perhaps compressed by gzip or zstd; `-` reads standard input.
    file: PathBuf,
    /// The schema that the records are of.
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    schema: SchemaName,
    /// Creates the schema first, as the first 10,000 records suggest.
    #[arg(long)]
    create: bool,
    /// Texts that come again and again are all that the created schema allows.
    #[arg(long, requires = "create")]
    enums: bool,
    /// Values under FROM in the file go to the property TO, or to `id`; may be given more than once. A name with a `:` stands in
    /// double quotes.
    #[arg(long, value_name = "FROM:TO")]
    rename: Vec<String>,
    /// Values under this name in the file are passed over; may be given more than once.
    #[arg(long, value_name = "NAME")]
    ignore: Vec<String>,
    /// The property that the ids of records are made of which give none, so that a repeat meets the same records; with --create
    /// its name in the file, and the created schema says so.
    #[arg(long, value_name = "NAME")]
    id_from: Option<String>,
    /// How the file holds its records [default: as its name ends].
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    format: Option<BodyFormat>,
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

/// Loads a file, and says which records were not taken. Whether all were.
pub(crate) async fn run(arguments: ImportArguments) -> Result<bool> {
    let ImportArguments {
        file,
        schema,
        create,
        enums,
        rename,
        ignore,
        id_from,
        format,
        reading: Reading(mut reading),
        url,
        key,
    } = arguments;
    let source = blocking::run(move || Source::open(&file, format)).await??;
    source.format.check_options(&reading)?;
    let server = Server { client: Client::new(), base: format!("{}/api/v1", url.trim_end_matches('/')), key };
    if create {
        let options = InferenceOptions {
            name: Some(schema.clone()),
            reading,
            id_from: id_from.clone(),
            sets_enums: enums,
            ..InferenceOptions::default()
        };
        let proposal = source.infer(&options).await?;
        server.create(&schema, &proposal).await?;
        show(&schema, &proposal)?;
        reading = proposal.reading;
    }
    let mut call = server.address(&format!("/records/{schema}/bulk"))?;
    call.query_pairs_mut()
        .append_pair("mode", "partial")
        .extend_pairs(rename.iter().map(|rename| ("rename", rename)))
        .extend_pairs(ignore.iter().map(|name| ("ignore", name)))
        .extend_pairs(reading.given())
        // A schema that was created says so itself.
        .extend_pairs(id_from.iter().filter(|_| !create).map(|name| ("id_from", name)));
    let request = server.client.post(call);
    let request = request.header(CONTENT_TYPE, source.format.media_type().essence);
    let request = match source.input.compression() {
        Some(compression) => request.header(CONTENT_ENCODING, compression.name()),
        None => request,
    };
    let response = server.send(request.body(Body::wrap_stream(body_of(source.input.whole()?)))).await;
    // A body that breaks off has the server store nothing.
    if let Some(failure) = source.input.failure() {
        bail!("nothing was stored: {failure}");
    }
    let response = response?;
    let (status, text) = (response.status(), response.text().await.context("the answer broke off")?);
    let receipt: Json = serde_json::from_str(&text).unwrap_or_default();
    let of = |count: &str| receipt[count].as_u64();
    let (Some(received), Some(created), Some(failed)) = (of("received"), of("created"), of("failed")) else {
        bail!("the server answered {status}: {}", text.chars().take(SHOWN).collect::<String>());
    };
    writeln!(stdout(), "{received} records of {}: {created} stored, {failed} not taken", source.input.name())?;
    show_names(&receipt)?;
    server.show_failures(&receipt).await?;
    Ok(created == received)
}

/// Records, and how they are held.
struct Source {
    input: Input,
    format: BodyFormat,
}

impl Source {
    fn open(file: &Path, format: Option<BodyFormat>) -> Result<Self> {
        let format = match format {
            Some(format) => format,
            None if file == Path::new("-") => bail!("say with --format what standard input holds"),
            None => format_of_name(file).with_context(|| {
                format!("{} does not say by its end what it holds; say so with --format", file.display())
            })?,
        };
        Ok(Self { input: Input::open(file)?, format })
    }

    /// What the first records lead to.
    async fn infer(&self, options: &InferenceOptions) -> Result<Proposal> {
        let (format, limits, spool) = (self.format, IngestLimits::default(), std::env::temp_dir());
        let body = body_of(self.input.sample()?);
        let proposal = match self.input.compression() {
            None => infer_schema(format, options, limits, spool, body).await,
            Some(compression) => {
                let body = Box::pin(inflated(body, compression, u64::MAX));
                infer_schema(format, options, limits, spool, body).await
            }
        };
        if let Some(failure) = self.input.failure() {
            bail!("no schema can be made of {failure}");
        }
        proposal.with_context(|| format!("no schema can be made of {}", self.input.name()))
    }
}

/// The format that the name of a file ends with, before that of its compression.
fn format_of_name(file: &Path) -> Option<BodyFormat> {
    let name = file.file_name()?.to_string_lossy().to_ascii_lowercase();
    let plain = [".gz", ".zst"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    BodyFormat::of_ending(plain.rsplit_once('.')?.1)
}

/// Says what was created, and what speaks for it.
fn show(schema: &SchemaName, proposal: &Proposal) -> Result<()> {
    let mut out = stdout().lock();
    let properties = proposal.schema["properties"].as_array().map_or(0, Vec::len);
    writeln!(out, "created `{schema}` with {properties} properties, made of {} records", proposal.records)?;
    for found in &proposal.evidence {
        let property = found.property.as_deref().or(found.option).unwrap_or("records");
        let lines = if found.lines.is_empty() { String::new() } else { format!(", first on lines {:?}", found.lines) };
        writeln!(out, "  {property} {}: {}{lines}", found.choice.name(), found.detail)?;
    }
    Ok(())
}

/// Says what stood for something else in the file, as the receipt has it.
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

/// A running server.
struct Server {
    client: Client,
    base: String,
    key: Option<String>,
}

impl Server {
    fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base))
    }

    fn address(&self, path: &str) -> Result<Url> {
        let address = format!("{}{path}", self.base);
        Url::parse(&address).with_context(|| format!("{address} is no address"))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let request = if let Some(key) = &self.key { request.bearer_auth(key) } else { request };
        request.send().await.with_context(|| format!("{} does not answer", self.base))
    }

    async fn create(&self, schema: &SchemaName, proposal: &Proposal) -> Result<()> {
        let response = self.send(self.post("/schemas").json(&proposal.schema)).await?;
        let status = response.status();
        ensure!(
            status != StatusCode::CONFLICT,
            "there is a schema `{schema}`; leave out --create to load into it, or choose another name"
        );
        if !status.is_success() {
            let refusal: String = response.text().await.unwrap_or_default().chars().take(SHOWN).collect();
            bail!("the server answered {status}: {refusal}");
        }
        Ok(())
    }

    /// Names the records that were not taken: those of the receipt, or of the report that it says there is.
    async fn show_failures(&self, receipt: &Json) -> Result<()> {
        let Some(import) = receipt["import_id"].as_str() else {
            let failures = receipt["failures"].as_array().into_iter().flatten();
            return show_failures(failures);
        };
        let request = self.client.get(format!("{}/imports/{import}/failures", self.base));
        let mut response = self.send(request).await?;
        let mut text = Vec::new();
        while let Some(piece) = response.chunk().await.context("the report broke off")? {
            text.extend_from_slice(&piece);
            let Some(end) = text.iter().rposition(|byte| *byte == b'\n') else { continue };
            let rest = text.split_off(end + 1);
            let lines: Vec<Json> = serde_json::Deserializer::from_slice(&text).into_iter().collect::<Result<_, _>>()?;
            show_failures(lines.iter())?;
            text = rest;
        }
        Ok(())
    }
}

fn show_failures<'f>(failures: impl Iterator<Item = &'f Json>) -> Result<()> {
    let mut out = stdout().lock();
    for failure in failures {
        let text = |key: &str| failure[key].as_str().unwrap_or_default();
        writeln!(out, "  line {}: {} {} {}", failure["line"], text("code"), text("pointer"), text("detail"))?;
    }
    Ok(())
}
