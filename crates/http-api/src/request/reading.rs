//! What reads the text of clients before any use case does, for fuzz targets: not part of the API.

use std::sync::LazyLock;

use bytes::Bytes;
use eider_application::ingest::BodyError;
use eider_domain::{Aggregation, RecordQuery, Schema};
use futures::{StreamExt, stream};
use serde_json::Value as Json;

use crate::HttpSettings;
use crate::error::ApiError;
use crate::query_string::{Parameters, page_request, record_query};
use crate::representation::inflate::{Compression, inflated};
use crate::request::query_body::{Asked, QueryBody};

/// The settings that are read by. Making them asks the system how many processors there are, which takes longer than
/// reading a query.
static SETTINGS: LazyLock<HttpSettings> = LazyLock::new(HttpSettings::default);

/// What a query body asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    /// Records.
    Records(RecordQuery),
    /// Groups.
    Groups(Aggregation),
}

/// The query of a page's query string.
///
/// # Errors
/// The detail of the problem.
pub fn query_string(text: &str, schema: &Schema) -> Result<RecordQuery, String> {
    let detail = |error: ApiError| error.to_string();
    let controls = ["fields", "sort", "filters", "limit", "cursor", "page", "size", "count"];
    let parameters = Parameters::parse(text, &controls, true).map_err(detail)?;
    let query = record_query(&parameters, schema, &SETTINGS).map_err(detail)?;
    page_request(&parameters, query, &SETTINGS).map(|page| page.query).map_err(detail)
}

/// The query of a query body.
///
/// # Errors
/// The detail of the problem.
pub fn query_body(document: &Json, schema: &Schema) -> Result<Query, String> {
    let body = QueryBody::parse(document, schema, &SETTINGS).map_err(|error| error.to_string())?;
    Ok(match body.asked {
        Asked::Records(query) => Query::Records(query),
        Asked::Groups(aggregation) => Query::Groups(aggregation),
    })
}

/// What a compressed body becomes: gzip, or else zstd. Must be called within a tokio runtime.
///
/// # Errors
/// When it is damaged, or more than `limit_bytes`.
pub async fn inflate(pieces: Vec<Bytes>, is_gzip: bool, limit_bytes: u64) -> Result<Vec<u8>, BodyError> {
    let compression = if is_gzip { Compression::Gzip } else { Compression::Zstd };
    let inflated = inflated(stream::iter(pieces.into_iter().map(Ok)), compression, limit_bytes);
    let mut inflated = std::pin::pin!(inflated);
    let mut body = Vec::new();
    while let Some(piece) = inflated.next().await {
        body.extend_from_slice(&piece?);
    }
    Ok(body)
}
