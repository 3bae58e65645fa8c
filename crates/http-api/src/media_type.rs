//! The media types of records: what bodies may be of, and what answers can be of.

use eider_application::BodyFormat;

/// A format under a name of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MediaType {
    /// Its short name, for `?format=`.
    pub(crate) name: &'static str,
    /// Its media type without parameters.
    pub(crate) essence: &'static str,
    /// What it stands for.
    pub(crate) format: BodyFormat,
}

/// Every media type that is read and written. Names come before their synonyms.
pub(crate) const MEDIA_TYPES: [MediaType; 6] = [
    MediaType { name: "ndjson", essence: "application/x-ndjson", format: BodyFormat::Ndjson },
    MediaType { name: "jsonl", essence: "application/jsonl", format: BodyFormat::Ndjson },
    MediaType { name: "json", essence: "application/json", format: BodyFormat::JsonArray },
    MediaType { name: "csv", essence: "text/csv", format: BodyFormat::Csv },
    MediaType { name: "arrow", essence: "application/vnd.apache.arrow.stream", format: BodyFormat::ArrowStream },
    MediaType { name: "parquet", essence: "application/vnd.apache.parquet", format: BodyFormat::Parquet },
];

/// What some call Parquet, whose media type was registered late.
const OTHER_PARQUET: &str = "application/parquet";

impl MediaType {
    /// The one for answers of a format when the client has no preference among its names.
    pub(crate) fn of(format: BodyFormat) -> Self {
        let found = MEDIA_TYPES.into_iter().find(|media_type| media_type.format == format);
        found.unwrap_or(MEDIA_TYPES[0])
    }

    /// Whether a media type or range, in lower case and without parameters, includes it.
    pub(crate) fn is_in(self, range: &str) -> bool {
        is_in_range(self.essence, range) || (self.name == "parquet" && range == OTHER_PARQUET)
    }

    /// Whether its format is text.
    pub(crate) fn is_text(self) -> bool {
        matches!(self.format, BodyFormat::Ndjson | BodyFormat::JsonArray | BodyFormat::Csv)
    }

    /// What `Content-Type` says.
    pub(crate) fn content_type(self) -> &'static str {
        match self.format {
            // RFC 7111 and RFC 4180, section 3.
            BodyFormat::Csv => "text/csv; charset=utf-8; header=present",
            _ => self.essence,
        }
    }
}

/// Whether a media type or range includes a media type; both in lower case and without parameters.
pub(crate) fn is_in_range(essence: &str, range: &str) -> bool {
    let of_type = essence.split_once('/').zip(range.strip_suffix("/*")).is_some_and(|((top, _), range)| top == range);
    range == "*/*" || range == essence || of_type
}

/// The format of a media type, in lower case and without parameters.
pub(crate) fn format_of(essence: &str) -> Option<BodyFormat> {
    let is_named = |media_type: &MediaType| !essence.contains('*') && media_type.is_in(essence);
    MEDIA_TYPES.into_iter().find(is_named).map(|media_type| media_type.format)
}

/// Every media type of NDJSON.
pub(crate) const NDJSON_TYPES: [MediaType; 2] = [MEDIA_TYPES[0], MEDIA_TYPES[1]];

/// Every media type, for a client that named another.
pub(crate) fn available() -> Vec<&'static str> {
    names_of(&MEDIA_TYPES)
}

/// The media types as they stand in headers.
pub(crate) fn names_of(media_types: &[MediaType]) -> Vec<&'static str> {
    media_types.iter().map(|media_type| media_type.essence).collect()
}
