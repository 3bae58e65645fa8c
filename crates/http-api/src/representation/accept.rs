//! Which representation of records a client wants: its format and its compression.

use std::cmp::Reverse;

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};
use eider_application::ErrorCode;
use eider_application::ingest::BodyFormat;
use eider_formats::UuidForm;
use serde_json::json;

use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::representation::inflate::Compression;
use crate::representation::media_type::{MEDIA_TYPES, MediaType, NDJSON_TYPES, is_in_range, names_of};

/// The control that chooses a format whatever `Accept` says.
pub(crate) const FORMAT: &str = "format";

/// The control that chooses how UUIDs are written in formats that have types.
pub(crate) const UUID: &str = "uuid";

/// What an answer's choice depends on.
pub(crate) const VARY: &str = "accept, accept-encoding";

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Representation {
    pub(crate) media_type: MediaType,
    pub(crate) compression: Option<Compression>,
    pub(crate) uuids: UuidForm,
}

impl Representation {
    /// The one that `?format=`, `?uuid=`, `Accept` and `Accept-Encoding` ask for; of `default` when they ask for none.
    ///
    /// # Errors
    /// 406 when the headers exclude what can be produced, 400 when `format` names no format, or `uuid` no form that it
    /// has.
    pub(crate) fn negotiate(
        request: &HttpRequest,
        parameters: &Parameters<'_>,
        default: BodyFormat,
    ) -> Result<Self, ApiError> {
        let media_type = match parameters.control(FORMAT) {
            Some(_) => {
                let choices: Vec<_> = MEDIA_TYPES.iter().map(|media_type| (media_type.name, *media_type)).collect();
                parameters.choice(FORMAT, &choices)?
            }
            None => accepted(request, default, &MEDIA_TYPES)?,
        };
        let uuids = uuid_form(parameters, media_type.format)?;
        Ok(Self { media_type, compression: compression(request, media_type.format)?, uuids })
    }

    /// The one for an answer that there is in NDJSON alone.
    ///
    /// # Errors
    /// 406 when the headers exclude that, 400 when `format` names another format.
    pub(crate) fn ndjson(request: &HttpRequest, parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        let media_type = match parameters.control(FORMAT) {
            Some(name) => NDJSON_TYPES.iter().copied().find(|media_type| media_type.name == name).ok_or_else(|| {
                ApiError::parameter(FORMAT, "with `profile=framed` it takes ndjson, jsonl; leave one of the two away")
            })?,
            None => accepted(request, BodyFormat::Ndjson, &NDJSON_TYPES)?,
        };
        let uuids = uuid_form(parameters, media_type.format)?;
        Ok(Self { media_type, compression: compression(request, media_type.format)?, uuids })
    }
}

/// How `uuid` asks for UUIDs. In text they are text, whatever is asked.
fn uuid_form(parameters: &Parameters<'_>, format: BodyFormat) -> Result<UuidForm, ApiError> {
    let form = parameters.choice(UUID, &[("bytes", UuidForm::Bytes), ("text", UuidForm::Text)])?;
    if parameters.control(UUID).is_some() && format.is_text() {
        let detail = format!("it goes with the formats arrow and parquet; in {format} a UUID is text");
        return Err(ApiError::parameter(UUID, detail));
    }
    Ok(form)
}

/// The media type that `Accept` likes best (RFC 9110, section 12.5.1): for each the most specific range counts;
/// among those that are `offered` and liked alike the one that is named more exactly, then earlier.
fn accepted(request: &HttpRequest, default: BodyFormat, offered: &[MediaType]) -> Result<MediaType, ApiError> {
    let ranges = Preferences::of(request, &ACCEPT);
    if ranges.0.is_empty() {
        return Ok(MediaType::of(default));
    }
    let rank = |media_type: &MediaType| {
        let liked = ranges.liking(|range| media_type.is_in(range))?;
        Some((liked, *media_type == MediaType::of(default)))
    };
    let ranked = offered.iter().rev().filter_map(|media_type| Some((rank(media_type)?, *media_type)));
    let best = ranked.max_by_key(|(rank, _)| *rank).map(|(_, media_type)| media_type);
    best.ok_or_else(|| {
        let available = names_of(offered);
        let detail = format!("`Accept` excludes every media type that there is: {}", available.join(", "));
        ApiError::new(ErrorCode::NotAcceptable, detail).with_members(json!({"available": available}))
    })
}

/// Whether `Accept` likes HTML better than JSON, as that of a browser does that shows a page. Without it, and when it
/// likes neither or both alike, it does not.
pub(crate) fn prefers_html(request: &HttpRequest) -> bool {
    prefers(request, "text/html", "application/json")
}

/// Whether `Accept` likes `OpenMetrics` better than plain text, as that of Prometheus does.
pub(crate) fn prefers_open_metrics(request: &HttpRequest) -> bool {
    prefers(request, "application/openmetrics-text", "text/plain")
}

fn prefers(request: &HttpRequest, one: &str, other: &str) -> bool {
    let ranges = Preferences::of(request, &ACCEPT);
    let liked = |essence| ranges.liking(|range| is_in_range(essence, range));
    liked(one) > liked(other)
}

/// Thousandths.
type Quality = u16;
/// Liked as much as can be.
const FULL: Quality = 1_000;

/// What a header lists, each in lower case and without its parameters but for the quality.
#[derive(Debug)]
struct Preferences(Vec<(String, Quality)>);

impl Preferences {
    /// Reads what can be read. Many clients write a quality otherwise than they should (`.2`, `1.0000`) and mean it.
    fn of(request: &HttpRequest, name: &HeaderName) -> Self {
        let values = request.headers().get_all(name).filter_map(|value| value.to_str().ok());
        let items = values.flat_map(|value| value.split(',')).filter_map(|item| {
            let mut parts = item.split(';');
            let range = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let parameters = parts.filter_map(|parameter| parameter.split_once('='));
            let quality = parameters.map(|(name, value)| (name.trim(), value.trim()));
            let mut quality = quality.filter(|(name, _)| name.eq_ignore_ascii_case("q"));
            let quality = quality.next().map_or(FULL, |(_, value)| quality_of(value));
            (!range.is_empty()).then_some((range, quality))
        });
        Self(items.collect())
    }

    /// How much they like a media type, none at all when they exclude it: first by quality, then by how exactly it is named, then
    /// by where.
    fn liking(&self, is_in: impl Fn(&str) -> bool) -> Option<(Quality, usize, Reverse<usize>)> {
        let specificity = |range: &str| 2 - range.matches('*').count().min(2);
        // Old Java sends a lone `*`.
        let ranges = self.0.iter().map(|(range, quality)| (if range == "*" { "*/*" } else { range }, *quality));
        let matching = ranges.enumerate().filter(|(_, (range, _))| is_in(range));
        let (place, (range, quality)) = matching
            .max_by_key(|(place, (range, _))| (specificity(range), Reverse(*place)))
            .filter(|(_, (_, quality))| *quality > 0)?;
        Some((quality, specificity(range), Reverse(place)))
    }

    fn quality(&self, item: &str) -> Option<Quality> {
        self.0.iter().find(|(known, _)| known == item).map(|(_, quality)| *quality)
    }
}

/// A number from 0 to 1; what is none counts as 1, as if it were not there.
fn quality_of(text: &str) -> Quality {
    let number = text.parse::<f32>().ok().filter(|number| number.is_finite()).unwrap_or(1.0).clamp(0.0, 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1,000")]
    let thousandths = (number * f32::from(FULL)).ceil() as Quality;
    thousandths
}

/// The compression of text that nobody is refused for the coding of.
pub(crate) fn compression_of_text(request: &HttpRequest) -> Option<Compression> {
    compression(request, BodyFormat::JsonArray).ok().flatten()
}

/// The compression that `Accept-Encoding` likes best (RFC 9110, section 12.5.3), zstd before gzip before none among
/// those liked alike. A format that is compressed within goes without unless it may not.
fn compression(request: &HttpRequest, format: BodyFormat) -> Result<Option<Compression>, ApiError> {
    let wanted = Preferences::of(request, &ACCEPT_ENCODING);
    let other = wanted.quality("*");
    let quality = |name| wanted.quality(name).or(other).unwrap_or(0);
    // Without compression is acceptable unless that is excluded, and liked least unless it is named.
    let identity = wanted.quality("identity");
    let is_plain_excluded = identity.or(other) == Some(0);
    if format.is_compressed() && !is_plain_excluded {
        return Ok(None);
    }
    let gzip = wanted.quality("gzip").or_else(|| wanted.quality("x-gzip")).or(other).unwrap_or(0);
    let candidates = [
        (identity.unwrap_or(0), !is_plain_excluded, None),
        (gzip, gzip > 0, Some(Compression::Gzip)),
        (quality("zstd"), quality("zstd") > 0, Some(Compression::Zstd)),
    ];
    let acceptable = candidates.into_iter().filter(|(_, is_acceptable, _)| *is_acceptable);
    let best = acceptable.max_by_key(|(quality, ..)| *quality).map(|(.., compression)| compression);
    best.ok_or_else(|| {
        let available = ["zstd", "gzip", "identity"];
        let detail = format!("`Accept-Encoding` excludes every coding that there is: {}", available.join(", "));
        ApiError::new(ErrorCode::NotAcceptable, detail).with_members(json!({"available": available}))
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn chosen(accept: &str) -> Option<&'static str> {
        let request = TestRequest::default().insert_header((ACCEPT, accept)).to_http_request();
        accepted(&request, BodyFormat::JsonArray, &MEDIA_TYPES).ok().map(|media_type| media_type.name)
    }

    #[test]
    fn what_clients_send_is_understood() {
        for (accept, name) in [
            ("", Some("json")),
            (" , ,", Some("json")),
            ("*", Some("json")),
            ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", Some("json")),
            ("text/csv;q=.2", Some("csv")),
            ("text/csv;q=0.3, application/x-ndjson;q=1.0000", Some("ndjson")),
            ("text/csv; charset=utf-8; Q=0.5, application/json;q=0.4", Some("csv")),
            ("application/*;q=0", None),
            ("application/*;q=0, text/*", Some("csv")),
            ("text/csv;q=0, */*", Some("json")),
            ("text/csv;q=0.0001", Some("csv")),
            ("text/csv;q=high", Some("csv")),
            ("text/csv;q=-1", None),
            ("text/csv;q=7", Some("csv")),
            ("APPLICATION/JSONL", Some("jsonl")),
            ("image/png", None),
            ("text", None),
        ] {
            assert_eq!(chosen(accept), name, "{accept:?}");
        }
    }

    #[test]
    fn compressions_are_liked_in_turn() {
        let compressed = |header: &str| {
            let request = TestRequest::default().insert_header((ACCEPT_ENCODING, header)).to_http_request();
            compression(&request, BodyFormat::JsonArray).map_err(|_| ())
        };
        for (header, expected) in [
            ("", Ok(None)),
            ("gzip", Ok(Some(Compression::Gzip))),
            ("x-gzip", Ok(Some(Compression::Gzip))),
            ("gzip, zstd", Ok(Some(Compression::Zstd))),
            ("gzip;q=1.0000, zstd;q=.5", Ok(Some(Compression::Gzip))),
            ("br", Ok(None)),
            ("*", Ok(Some(Compression::Zstd))),
            ("identity;q=0", Err(())),
            ("*;q=0", Err(())),
            ("gzip;q=0", Ok(None)),
        ] {
            assert_eq!(compressed(header), expected, "{header:?}");
        }
    }
}
