//! Controls: what a page or a stream shows, and how much of it.

use std::num::NonZeroUsize;

use eider_application::ErrorCode;
use eider_application::records::{OffsetPage, PageRequest, PageStart};
use eider_domain::{Projection, RecordQuery, Schema};

use super::{Parameters, filters};
use crate::HttpSettings;
use crate::error::ApiError;

/// Records between two cursor lines of a framed stream that asks for no number.
const DEFAULT_CHECKPOINT_ROWS: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// Most records between two cursor lines.
const MAX_CHECKPOINT_ROWS: u64 = 1_000_000;

/// The query that `fields`, `sort`, `filters` and the filters ask.
pub(crate) fn record_query(
    parameters: &Parameters<'_>,
    schema: &Schema,
    settings: &HttpSettings,
) -> Result<RecordQuery, ApiError> {
    Ok(RecordQuery {
        projection: Projection::of(schema, filters::fields(parameters, schema)?),
        filter: filters::filter(parameters, schema, settings)?,
        sort: filters::sort(parameters, schema, settings)?,
    })
}

/// The page that `limit`, `cursor`, `page`, `size` and `count` ask for.
pub(crate) fn page_request(
    parameters: &Parameters<'_>,
    query: RecordQuery,
    settings: &HttpSettings,
) -> Result<PageRequest, ApiError> {
    let has = |name| parameters.control(name).is_some();
    let counts_total = parameters.choice("count", &[("none", false), ("exact", true)])?;
    if !has("page") && !has("size") {
        let limit = match parameters.control("limit") {
            None => settings.default_page_limit,
            Some(text) => positive(text)
                .filter(|limit| *limit <= settings.max_page_limit)
                .ok_or_else(|| page_limit_error("limit", settings))?,
        };
        let start = PageStart::Cursor(parameters.control("cursor").map(str::to_owned));
        return Ok(PageRequest { query, limit, start, counts_total });
    }
    if has("cursor") || has("limit") {
        return Err(ApiError::new(
            ErrorCode::InvalidParameter,
            "`page` and `size` do not go together with `cursor` and `limit`; use one pair",
        ));
    }
    let limit = match parameters.control("size") {
        None => settings.default_page_limit,
        Some(text) => positive(text)
            .filter(|limit| *limit <= settings.max_page_limit)
            .ok_or_else(|| page_limit_error("size", settings))?,
    };
    let page = match parameters.control("page") {
        None => 1,
        Some(text) => positive(text).ok_or_else(|| ApiError::parameter("page", "a page is a whole number from 1"))?,
    };
    let offset = OffsetPage { offset: (page - 1).saturating_mul(limit), max_offset: settings.max_offset };
    Ok(PageRequest { query, limit, start: PageStart::Offset(offset), counts_total: true })
}

/// The `limit` of a stream, which has no maximum.
pub(crate) fn stream_limit(parameters: &Parameters<'_>) -> Result<Option<u64>, ApiError> {
    let Some(text) = parameters.control("limit") else { return Ok(None) };
    positive(text)
        .map(Some)
        .ok_or_else(|| ApiError::new(ErrorCode::InvalidLimit, "the `limit` of a stream is a whole number from 1"))
}

/// Whether a stream is framed, and after how many records it then has a cursor line: `profile` and `checkpoint_rows`.
pub(crate) fn stream_framing(parameters: &Parameters<'_>) -> Result<Option<NonZeroUsize>, ApiError> {
    let is_framed = parameters.choice("profile", &[("plain", false), ("framed", true)])?;
    match parameters.control("checkpoint_rows") {
        None => Ok(is_framed.then_some(DEFAULT_CHECKPOINT_ROWS)),
        Some(_) if !is_framed => Err(ApiError::parameter("checkpoint_rows", "it goes with `profile=framed` alone")),
        Some(text) => {
            let rows = positive(text).filter(|rows| *rows <= MAX_CHECKPOINT_ROWS);
            let rows = rows.and_then(|rows| usize::try_from(rows).ok()).and_then(NonZeroUsize::new);
            let detail = || format!("it takes a whole number from 1 to {MAX_CHECKPOINT_ROWS}");
            rows.map(Some).ok_or_else(|| ApiError::parameter("checkpoint_rows", detail()))
        }
    }
}

/// A whole number from 1 that the engine's signed 64 bits hold.
fn positive(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<u64>().ok().filter(|number| is_number && (1..=i64::MAX as u64).contains(number))
}

fn page_limit_error(name: &str, settings: &HttpSettings) -> ApiError {
    let detail =
        format!("`{name}` is a whole number from 1 to {}; use the stream to read everything", settings.max_page_limit);
    ApiError::new(ErrorCode::InvalidLimit, detail)
}
