//! Records of an input, as they are sent.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, bail};
use eider_application::ingest::BodyFormat;
use eider_http_api::Compression;

use super::container::Container;
use super::database::Table;
use super::failure::{Because, Cause, Failure};
use super::input::Input;
use super::kind::Kind;
use super::packing::Packing;
use super::place::Place;
use super::workbook::Sheet;
use super::{archive, made, remote};

/// What the flags say of inputs that their names and bytes do not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opening {
    pub(crate) format: Option<BodyFormat>,
    /// The sheet of workbooks; the first by default.
    pub(crate) sheet: Option<String>,
    /// The table of databases; the only one by default.
    pub(crate) table: Option<String>,
}

/// Records of one format, under one name. An archive has several.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    name: String,
    format: BodyFormat,
    content: Content,
    packing: Option<Packing>,
    /// What a failure counts.
    unit: &'static str,
    /// Why it could not be read.
    fault: Arc<Mutex<Option<String>>>,
}

type Maker = Arc<dyn Fn(&mut dyn Write) -> Result<()> + Send + Sync>;

#[derive(Clone)]
enum Content {
    /// Bytes as they are; the copy that they are read from, if there is one.
    Input(Input, Option<Container>),
    /// Bytes that are made anew each time.
    Made(Maker),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(input, _) => f.debug_tuple("Input").field(input).finish(),
            Self::Made(_) => f.write_str("Made"),
        }
    }
}

impl Source {
    /// Opens what is at a place. Waits until a named pipe has a writer.
    ///
    /// # Errors
    /// When it cannot be read, or nothing says what it holds.
    pub(crate) fn open(place: &Place, opening: &Opening) -> Result<Vec<Self>, Failure> {
        let input = match place {
            Place::StandardInput => Input::open(Path::new("-")),
            Place::Path(path) => Input::open(path),
            Place::Url(url) => remote::fetched(url).and_then(|body| Input::once(url.clone(), body)),
        };
        let input = input.because(Cause::Unreadable)?;
        let packing = Packing::of_head(input.head());
        let named = place.kind();
        let kind = match packing {
            None => Kind::of_head(input.head()),
            Some(_) => named.filter(|kind| !matches!(kind, Kind::Records(_))),
        };
        let name = place.name();
        let format = match (kind, opening.format, named) {
            (Some(_), ..) => return contained(&input, packing, opening, named),
            (None, Some(format), _) | (None, None, Some(Kind::Records(format))) => format,
            (None, None, Some(_)) => {
                let detail = format!("{name} is not what its name says; say with --format what it holds");
                return Err(Failure::new(Cause::Unreadable, detail));
            }
            (None, None, None) if *place == Place::StandardInput => {
                return Err(Failure::new(Cause::Usage, "say with --format what standard input holds"));
            }
            (None, None, None) => {
                let detail = format!("{name} does not say by its end what it holds; say so with --format");
                return Err(Failure::new(Cause::Usage, detail));
            }
        };
        Ok(vec![Self::new(name, format, Content::Input(input, None), packing)])
    }

    fn new(name: String, format: BodyFormat, content: Content, packing: Option<Packing>) -> Self {
        Self { name, format, content, packing, unit: "line", fault: Arc::default() }
    }

    /// Rows that are made lines of NDJSON.
    fn of_rows(name: String, maker: Maker) -> Self {
        Self { unit: "row", ..Self::new(name, BodyFormat::Ndjson, Content::Made(maker), None) }
    }

    /// What a person calls it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn format(&self) -> BodyFormat {
        self.format
    }

    /// What a failure counts: `line` or `row`.
    pub(super) fn unit(&self) -> &'static str {
        self.unit
    }

    /// How it is compressed when it is sent.
    pub(super) fn compression(&self) -> Option<Compression> {
        self.packing?.compression()
    }

    /// Bytes that [`Source::whole`] counts to its end, if they are known.
    pub(super) fn bytes(&self) -> Option<u64> {
        match &self.content {
            Content::Input(input, _) => input.file().map(|(_, bytes)| bytes),
            Content::Made(_) => None,
        }
    }

    /// Whether its place can be opened again, and then holds the same.
    pub(super) fn is_reopened(&self) -> bool {
        matches!(&self.content, Content::Input(input, None) if input.file().is_some())
    }

    /// Its beginning as it is sent, as much of it as is read.
    pub(super) fn sample(&self) -> Result<Box<dyn Read + Send>> {
        let raw: Box<dyn Read + Send> = match &self.content {
            Content::Input(input, _) => Box::new(input.sample()?),
            Content::Made(maker) => made(maker)?,
        };
        self.sent(raw)
    }

    /// All of it as it is sent. Bytes that are read are counted as they are in the input.
    pub(super) fn whole(&self, read: &Arc<AtomicU64>) -> Result<Box<dyn Read + Send>> {
        self.sent(self.raw(read)?)
    }

    fn raw(&self, read: &Arc<AtomicU64>) -> Result<Box<dyn Read + Send>> {
        let raw: Box<dyn Read + Send> = match &self.content {
            Content::Input(input, _) => Box::new(input.whole()?),
            Content::Made(maker) => made(maker)?,
        };
        Ok(Box::new(Counted { reader: raw, read: Arc::clone(read) }))
    }

    /// What the server does not unpack itself is unpacked here.
    fn sent(&self, raw: Box<dyn Read + Send>) -> Result<Box<dyn Read + Send>> {
        let unpacked = match self.packing.filter(|packing| packing.compression().is_none()) {
            None => raw,
            Some(packing) => packing.unpacked(raw).with_context(|| format!("cannot read {}", self.name))?,
        };
        Ok(self.watched(unpacked))
    }

    /// All of it as it is when nothing is compressed.
    pub(super) fn plain(&self, read: &Arc<AtomicU64>) -> Result<Box<dyn Read + Send>> {
        let raw = self.raw(read)?;
        let unpacked = match self.packing {
            None => raw,
            Some(packing) => packing.unpacked(raw).with_context(|| format!("cannot read {}", self.name))?,
        };
        Ok(self.watched(unpacked))
    }

    /// The same, so that it can be read more than once: a pipe is copied into a temporary file first.
    pub(super) fn kept(self) -> Result<Self> {
        match &self.content {
            Content::Input(input, _) if input.file().is_none() => {
                let container = Container::of(input, None)?;
                let input = Input::open(container.path())?.called(self.name.clone());
                Ok(Self { content: Content::Input(input, Some(container)), ..self })
            }
            Content::Input(..) | Content::Made(_) => Ok(self),
        }
    }

    fn watched(&self, reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        Box::new(Watched { reader, name: self.name.clone(), fault: Arc::clone(&self.fault) })
    }

    /// Why reading has failed, if it has.
    pub(super) fn failure(&self) -> Option<String> {
        let of_input = match &self.content {
            Content::Input(input, _) => input.failure(),
            Content::Made(_) => None,
        };
        of_input.or_else(|| self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn made(maker: &Maker) -> Result<Box<dyn Read + Send>> {
    let maker = Arc::clone(maker);
    Ok(Box::new(made::reader_of(move |output| maker(output))?))
}

/// The sources in a file that holds several, or none that the server could read as it is.
fn contained(
    input: &Input,
    packing: Option<Packing>,
    opening: &Opening,
    named: Option<Kind>,
) -> Result<Vec<Source>, Failure> {
    let container = Container::of(input, packing).because(Cause::Unreadable)?;
    let name = input.name();
    let sources = match packing.map_or_else(|| Kind::of_head(input.head()), |_| named) {
        Some(Kind::Archive) if !archive::is_workbook(&container).unwrap_or_default() => {
            members_of(name, &container, opening)
        }
        Some(Kind::Archive | Kind::Workbook) => Sheet::find(&container, opening.sheet.as_deref()).map(|sheet| {
            let name = format!("{name}, sheet {}", sheet.name());
            vec![Source::of_rows(name, Arc::new(move |output| sheet.write(output)))]
        }),
        Some(Kind::Database) => Table::find(&container, opening.table.as_deref()).map(|table| {
            let name = format!("{name}, table {}", table.name());
            vec![Source::of_rows(name, Arc::new(move |output| table.write(output)))]
        }),
        Some(Kind::Records(_)) | None => Err(anyhow!("it is not what its name says")),
    };
    sources.with_context(|| format!("cannot read {name}")).because(Cause::Unreadable)
}

fn members_of(name: &str, container: &Container, opening: &Opening) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for member in archive::members(container)? {
        let format = match (opening.format, Kind::of_name(&member.name)) {
            (None, None) => continue,
            (Some(format), _) | (None, Some(Kind::Records(format))) => Some(format),
            (None, Some(_)) => None,
        };
        let Some(format) = format.filter(|_| Kind::of_head(&member.head).is_none()) else {
            bail!("{} in it holds files, sheets or tables itself; unpack the archive first", member.name);
        };
        let (member_name, packing) = (format!("{name}/{}", member.name), Packing::of_head(&member.head));
        let container = container.clone();
        let maker: Maker = Arc::new(move |output| member.write(&container, output));
        sources.push(Source::new(member_name, format, Content::Made(maker), packing));
    }
    if sources.is_empty() {
        bail!("it has no file whose name ends as one with records does; say with --format what its files hold");
    }
    Ok(sources)
}

/// Counts what is read.
struct Counted<R> {
    reader: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.reader.read(buffer)?;
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// Remembers why reading failed.
struct Watched<R> {
    reader: R,
    name: String,
    fault: Arc<Mutex<Option<String>>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let outcome = self.reader.read(buffer);
        if let Err(error) = &outcome
            && error.kind() != io::ErrorKind::Interrupted
        {
            let detail = format!("{}: {error}", self.name);
            self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(detail);
        }
        outcome
    }
}
