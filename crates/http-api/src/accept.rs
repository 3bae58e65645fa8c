//! Which representation of records a client wants: its format and its compression.

use std::cmp::Reverse;

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, Accept, AcceptEncoding, ContentEncoding, Encoding, Header, Preference, Quality};
use eider_application::{BodyFormat, ErrorCode};
use serde_json::json;

use crate::error::ApiError;
use crate::inflate::Compression;
use crate::media_type::{MEDIA_TYPES, MediaType, NDJSON_TYPES, is_in_range, names_of};
use crate::query_string::Parameters;

/// The control that chooses a format whatever `Accept` says.
pub(crate) const FORMAT: &str = "format";

/// What an answer's choice depends on.
pub(crate) const VARY: &str = "accept, accept-encoding";

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Representation {
    pub(crate) media_type: MediaType,
    pub(crate) compression: Option<Compression>,
}

impl Representation {
    /// The one that `?format=`, `Accept` and `Accept-Encoding` ask for; of `default` when they ask for none.
    ///
    /// # Errors
    /// 406 when the headers exclude what can be produced, 400 when `format` names no format.
    pub(crate) fn negotiate(
        request: &HttpRequest,
        parameters: &Parameters<'_>,
        default: BodyFormat,
    ) -> Result<Self, ApiError> {
        let media_type = match parameters.control(FORMAT) {
            Some(_) => parameters.choice(FORMAT, &MEDIA_TYPES.map(|media_type| (media_type.name, media_type)))?,
            None => accepted(request, default, &MEDIA_TYPES)?,
        };
        Ok(Self { media_type, compression: compression(request, media_type.format)? })
    }

    /// The one for an answer that there is in NDJSON alone.
    ///
    /// # Errors
    /// 406 when the headers exclude that, 400 when `format` names another format.
    pub(crate) fn ndjson(request: &HttpRequest, parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        let media_type = match parameters.control(FORMAT) {
            Some(name) => NDJSON_TYPES.into_iter().find(|media_type| media_type.name == name).ok_or_else(|| {
                ApiError::parameter(FORMAT, "with `profile=framed` it takes ndjson, jsonl; leave one of the two away")
            })?,
            None => accepted(request, BodyFormat::Ndjson, &NDJSON_TYPES)?,
        };
        Ok(Self { media_type, compression: compression(request, media_type.format)? })
    }
}

/// The media type that `Accept` likes best (RFC 9110, section 12.5.1): for each the most specific range counts;
/// among those that are `offered` and liked alike the one that is named more exactly, then earlier.
fn accepted(request: &HttpRequest, default: BodyFormat, offered: &[MediaType]) -> Result<MediaType, ApiError> {
    let is_blank = |value: &[u8]| value.trim_ascii().is_empty();
    if request.headers().get_all(ACCEPT).all(|value| is_blank(value.as_bytes())) {
        return Ok(MediaType::of(default));
    }
    let ranges = Accept::parse(request).map_err(|_| unreadable("Accept"))?;
    let rank = |media_type: &MediaType| {
        let liked = liking(&ranges, |range| media_type.is_in(range))?;
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
    let Ok(ranges) = Accept::parse(request) else { return false };
    let liked = |essence| liking(&ranges, |range| is_in_range(essence, range));
    liked("text/html") > liked("application/json")
}

/// How much the ranges of `Accept` like a media type, none at all when they exclude it: first by quality, then by how
/// exactly it is named, then by where.
fn liking(ranges: &Accept, is_in: impl Fn(&str) -> bool) -> Option<(Quality, usize, Reverse<usize>)> {
    let specificity = |range: &str| 2 - range.matches('*').count();
    let matching = ranges.iter().enumerate().filter(|(_, range)| is_in(range.item.essence_str()));
    let (place, range) = matching
        .max_by_key(|(place, range)| (specificity(range.item.essence_str()), Reverse(*place)))
        .filter(|(_, range)| range.quality > Quality::ZERO)?;
    Some((range.quality, specificity(range.item.essence_str()), Reverse(place)))
}

/// The compression that `Accept-Encoding` likes best (RFC 9110, section 12.5.3), zstd before gzip before none among
/// those liked alike. Parquet is compressed within, so it goes without unless it may not.
fn compression(request: &HttpRequest, format: BodyFormat) -> Result<Option<Compression>, ApiError> {
    let wanted = AcceptEncoding::parse(request).map_err(|_| unreadable("Accept-Encoding"))?;
    let listed = |encoding: ContentEncoding| {
        let named = Preference::Specific(Encoding::Known(encoding));
        wanted.iter().find(|range| range.item == named).map(|range| range.quality)
    };
    let other = wanted.iter().find(|range| range.item == Preference::Any).map(|range| range.quality);
    let quality = |encoding| listed(encoding).or(other).unwrap_or(Quality::ZERO);
    let zero = Quality::ZERO;
    // Without compression is acceptable unless that is excluded, and liked least unless it is named.
    let identity = listed(ContentEncoding::Identity);
    let is_plain_excluded = identity.or(other) == Some(zero);
    if format == BodyFormat::Parquet && !is_plain_excluded {
        return Ok(None);
    }
    let candidates = [
        (identity.unwrap_or(zero), !is_plain_excluded, None),
        (quality(ContentEncoding::Gzip), quality(ContentEncoding::Gzip) > zero, Some(Compression::Gzip)),
        (quality(ContentEncoding::Zstd), quality(ContentEncoding::Zstd) > zero, Some(Compression::Zstd)),
    ];
    let acceptable = candidates.into_iter().filter(|(_, is_acceptable, _)| *is_acceptable);
    let best = acceptable.max_by_key(|(quality, ..)| *quality).map(|(.., compression)| compression);
    best.ok_or_else(|| {
        let available = ["zstd", "gzip", "identity"];
        let detail = format!("`Accept-Encoding` excludes every coding that there is: {}", available.join(", "));
        ApiError::new(ErrorCode::NotAcceptable, detail).with_members(json!({"available": available}))
    })
}

fn unreadable(header: &str) -> ApiError {
    ApiError::new(ErrorCode::MalformedRequest, format!("the header `{header}` cannot be read"))
}
