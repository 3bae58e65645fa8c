//! What bytes are read from. A pipe gives its bytes once: what a sample takes of it is kept for the whole.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};

use super::packing::HEAD_BYTES;

/// A file, a pipe or standard input, opened once.
#[derive(Debug, Clone)]
pub(super) struct Input {
    origin: Arc<Mutex<Origin>>,
    name: String,
    head: Vec<u8>,
    /// A file that can be opened again, and its bytes.
    file: Option<(PathBuf, u64)>,
}

/// Where bytes come from.
enum Origin {
    /// A file can be read again, and must stay as it was until it is read to its end.
    File { file: File, stamp: Stamp, read: u64 },
    /// A pipe or a device: `kept` has what was read of it as a sample.
    Once { source: Box<dyn Read + Send>, kept: Option<File> },
    /// Reading has failed.
    Failed { detail: String },
}

/// What is different when a file was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { bytes: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl Input {
    /// Opens a path, or standard input for `-`, and reads how it is compressed. Waits until a named pipe has a writer.
    ///
    /// # Errors
    /// When there is nothing that can be read.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            // It may have been read from, so that it does not begin at its beginning.
            return Self::once("standard input".to_owned(), Box::new(io::stdin()));
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| {
            // A socket that stands for standard input cannot be opened by its name.
            let has_no_name = error.kind() != io::ErrorKind::NotFound && path.starts_with("/dev");
            let advice = if has_no_name { "; `-` reads standard input" } else { "" };
            anyhow::Error::new(error).context(format!("cannot open {name}{advice}"))
        })?;
        let metadata = file.metadata().with_context(|| format!("cannot look at {name}"))?;
        ensure!(!metadata.is_dir(), "{name} is a directory");
        // A file of the kernel has no length that could be told before it is read.
        if !metadata.is_file() || metadata.len() == 0 {
            return Self::once(name, Box::new(file));
        }
        let mut head = Vec::new();
        Read::by_ref(&mut (&file))
            .take(HEAD_BYTES)
            .read_to_end(&mut head)
            .with_context(|| format!("cannot read {name}"))?;
        let again = Some((path.to_owned(), metadata.len()));
        Ok(Self::of(name, head, Origin::File { file, stamp: Stamp::of(&metadata), read: 0 }, again))
    }

    /// What can be read once only.
    pub(super) fn once(name: String, mut source: Box<dyn Read + Send>) -> Result<Self> {
        let mut head = Vec::new();
        let begun = Read::by_ref(&mut source).take(HEAD_BYTES).read_to_end(&mut head);
        begun.with_context(|| format!("cannot read {name}"))?;
        let source = Box::new(Cursor::new(head.clone()).chain(source));
        Ok(Self::of(name, head, Origin::Once { source, kept: None }, None))
    }

    fn of(name: String, head: Vec<u8>, origin: Origin, file: Option<(PathBuf, u64)>) -> Self {
        Self { origin: Arc::new(Mutex::new(origin)), name, head, file }
    }

    /// What a person calls it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The same under another name.
    pub(super) fn called(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// Its first bytes.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The file that it is, if it is one, and its bytes.
    pub(super) fn file(&self) -> Option<(&Path, u64)> {
        self.file.as_ref().map(|(path, bytes)| (path.as_path(), *bytes))
    }

    /// Its beginning, as much of it as is read. What comes from a pipe is kept in a temporary file without a name.
    pub(super) fn sample(&self) -> Result<impl Read + Send + use<>> {
        match &mut *self.origin() {
            Origin::File { file, .. } => file.rewind().with_context(|| format!("cannot read {}", self.name))?,
            Origin::Once { kept, .. } => {
                *kept = Some(tempfile::tempfile().context("cannot create a temporary file")?);
            }
            Origin::Failed { detail } => bail!("{detail}"),
        }
        Ok(Reading { input: self.clone(), is_sample: true })
    }

    /// All of it, to be read last; a file once more. It ends with an error when it is a file that was written to since it was opened.
    pub(super) fn whole(&self) -> Result<impl Read + Send + use<>> {
        let mut origin = self.origin();
        let rewound = match &mut *origin {
            Origin::File { file, read, .. } => {
                *read = 0;
                file.rewind()
            }
            Origin::Once { kept, .. } => kept.as_mut().map_or(Ok(()), Seek::rewind),
            Origin::Failed { detail } => bail!("{detail}"),
        };
        rewound.with_context(|| format!("cannot read {}", self.name))?;
        if let Origin::Once { source, kept } = &mut *origin
            && let Some(kept) = kept.take()
        {
            let rest = std::mem::replace(source, Box::new(io::empty()));
            *source = Box::new(kept.chain(rest));
        }
        Ok(Reading { input: self.clone(), is_sample: false })
    }

    /// Why reading has failed, if it has.
    pub(super) fn failure(&self) -> Option<String> {
        match &*self.origin() {
            Origin::Failed { detail } => Some(detail.clone()),
            _ => None,
        }
    }

    fn origin(&self) -> MutexGuard<'_, Origin> {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads an input, and remembers why it could not.
#[derive(Debug)]
struct Reading {
    input: Input,
    is_sample: bool,
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut origin = self.input.origin();
        let outcome = origin.read(buffer, self.is_sample);
        if let Err(error) = &outcome
            && error.kind() != io::ErrorKind::Interrupted
        {
            *origin = Origin::Failed { detail: format!("{}: {error}", self.input.name) };
        }
        outcome
    }
}

impl Origin {
    fn read(&mut self, buffer: &mut [u8], is_sample: bool) -> io::Result<usize> {
        match self {
            Self::File { file, .. } if is_sample => file.read(buffer),
            Self::File { file, stamp, read } => {
                let bytes = file.read(buffer)?;
                *read += bytes as u64;
                let is_at_end = bytes == 0 && !buffer.is_empty();
                if is_at_end && (Stamp::of(&file.metadata()?) != *stamp || *read != stamp.bytes) {
                    return Err(io::Error::other(format!(
                        "it was written to while it was read, and had {} bytes before; to load what there is when it is \
                         read, give it through a pipe: `eider import - <FILE`",
                        stamp.bytes
                    )));
                }
                Ok(bytes)
            }
            Self::Once { source, kept } => {
                let bytes = source.read(buffer)?;
                if let Some(kept) = kept {
                    kept.write_all(&buffer[..bytes]).map_err(|error| {
                        io::Error::new(
                            error.kind(),
                            format!("what was read of it cannot be kept in a temporary file: {error}"),
                        )
                    })?;
                }
                Ok(bytes)
            }
            Self::Failed { detail } => Err(io::Error::other(detail.clone())),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File { .. } => "Origin::File",
            Self::Once { .. } => "Origin::Once",
            Self::Failed { .. } => "Origin::Failed",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use proptest::prelude::*;

    use super::*;

    /// Gives a few bytes at a time, as pipes do.
    struct Trickle(Cursor<Vec<u8>>, usize);

    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(buffer.len());
            self.0.read(&mut buffer[..most])
        }
    }

    fn file_of(bytes: &[u8]) -> (tempfile::NamedTempFile, Input) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let input = Input::open(file.path()).unwrap();
        (file, input)
    }

    fn pipe_of(bytes: Vec<u8>, step: usize) -> Input {
        Input::once("a pipe".to_owned(), Box::new(Trickle(Cursor::new(bytes), step))).unwrap()
    }

    fn read(mut reader: impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map(|_| bytes)
    }

    proptest! {
        /// However much of it a sample takes, the whole is whole.
        #[test]
        fn a_sample_takes_nothing_away(
            bytes in prop::collection::vec(any::<u8>(), 0..3_000),
            sampled in prop::option::of(0_u64..4_000),
            step in 1_usize..700,
        ) {
            let (_file, file) = file_of(&bytes);
            for input in [file, pipe_of(bytes.clone(), step)] {
                if let Some(sampled) = sampled {
                    let sample = read(input.sample().unwrap().take(sampled)).unwrap();
                    prop_assert_eq!(&sample[..], &bytes[..bytes.len().min(usize::try_from(sampled).unwrap())]);
                }
                prop_assert_eq!(&read(input.whole().unwrap()).unwrap(), &bytes);
                prop_assert_eq!(input.failure(), None);
            }
        }

        /// A file that is written to at any moment before it was read to its end is not taken for what it was.
        #[test]
        fn a_file_that_was_written_to_ends_with_an_error(
            bytes in prop::collection::vec(any::<u8>(), 1..3_000),
            before in 0_u64..4_000,
            becomes in 0_u64..4_000,
        ) {
            let (file, input) = file_of(&bytes);
            let mut whole = input.whole().unwrap();
            let mut taken = read(Read::by_ref(&mut whole).take(before)).unwrap_or_default();
            prop_assume!(becomes != bytes.len() as u64 && input.failure().is_none());
            OpenOptions::new().write(true).open(file.path()).unwrap().set_len(becomes).unwrap();
            prop_assert!(whole.read_to_end(&mut taken).is_err());
            prop_assert!(input.failure().unwrap().contains("written to while it was read"));
        }
    }

    #[test]
    fn the_first_bytes_are_known_and_not_taken() {
        for bytes in [&b""[..], b"{\"a\":1}", b"a line that is longer than what is looked at"] {
            let (_file, file) = file_of(bytes);
            for input in [file, pipe_of(bytes.to_vec(), 1)] {
                assert_eq!(input.head(), &bytes[..bytes.len().min(usize::try_from(HEAD_BYTES).unwrap())]);
                assert_eq!(read(input.whole().unwrap()).unwrap(), bytes);
            }
        }
    }

    #[test]
    fn what_cannot_be_read_on_is_remembered() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the other end is gone"))
            }
        }
        let source = Cursor::new(b"{\"a\": 1}\n{\"a\": 2}\n".to_vec()).chain(Broken);
        let input = Input::once("a pipe".to_owned(), Box::new(source)).unwrap();
        read(input.whole().unwrap()).unwrap_err();
        assert_eq!(input.failure().as_deref(), Some("a pipe: the other end is gone"));
        assert!(input.sample().is_err() && input.whole().is_err());
    }

    #[test]
    fn a_directory_holds_no_records() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Input::open(directory.path()).unwrap_err().to_string().ends_with("is a directory"));
    }
}
