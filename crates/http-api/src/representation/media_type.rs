//! The media types of records: what bodies may be of, and what answers can be of. They come from the table of formats.

use std::sync::LazyLock;

use eider_formats::Format;

/// A format under a name of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MediaType {
    /// Its short name, for `?format=`.
    pub(crate) name: &'static str,
    /// Its media type without parameters.
    pub(crate) essence: &'static str,
    /// What it stands for.
    pub(crate) format: Format,
    entry: &'static eider_formats::MediaType,
}

/// Every media type that is written. Names come before their synonyms.
pub(crate) static MEDIA_TYPES: LazyLock<Vec<MediaType>> =
    LazyLock::new(|| Format::written().flat_map(MediaType::all_of).collect());

/// Every media type of NDJSON.
pub(crate) static NDJSON_TYPES: LazyLock<Vec<MediaType>> =
    LazyLock::new(|| MediaType::all_of(Format::Ndjson).collect());

impl MediaType {
    fn new(format: Format, entry: &'static eider_formats::MediaType) -> Self {
        Self { name: entry.name, essence: entry.essence, format, entry }
    }

    /// The names of a format.
    fn all_of(format: Format) -> impl Iterator<Item = Self> {
        format.media_types().iter().map(move |entry| Self::new(format, entry))
    }

    /// The one for answers of a format when the client has no preference among its names.
    pub(crate) fn of(format: Format) -> Self {
        Self::new(format, format.media_type())
    }

    /// Whether a media type or range, in lower case and without parameters, includes it.
    pub(crate) fn is_in(self, range: &str) -> bool {
        is_in_range(self.essence, range) || self.entry.is_called(range)
    }

    /// Whether its format is text.
    pub(crate) fn is_text(self) -> bool {
        self.format.is_text()
    }

    /// What `Content-Type` says.
    pub(crate) fn content_type(self) -> &'static str {
        self.entry.content_type
    }

    /// What the name of a file of it ends with.
    pub(crate) fn ending(self) -> &'static str {
        self.entry.endings.first().copied().unwrap_or(self.name)
    }
}

/// Whether a media type or range includes a media type; both in lower case and without parameters.
pub(crate) fn is_in_range(essence: &str, range: &str) -> bool {
    let of_type = essence.split_once('/').zip(range.strip_suffix("/*")).is_some_and(|((top, _), range)| top == range);
    range == "*/*" || range == essence || of_type
}

/// The format of bodies of a media type, in lower case and without parameters.
pub(crate) fn format_of(essence: &str) -> Option<Format> {
    Format::read().find(|format| format.media_types().iter().any(|media_type| media_type.is_of_body(essence)))
}

/// Every media type of bodies, for a client that named another.
pub(crate) fn available() -> Vec<&'static str> {
    Format::read().flat_map(Format::media_types).map(|media_type| media_type.essence).collect()
}

/// The media types as they stand in headers.
pub(crate) fn names_of(media_types: &[MediaType]) -> Vec<&'static str> {
    media_types.iter().map(|media_type| media_type.essence).collect()
}
