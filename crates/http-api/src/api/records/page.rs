//! `GET /records/{schema}`: a page of records.

use std::sync::Arc;

use actix_web::http::header::HeaderName;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use eider_application::Error;
use eider_application::ingest::BodyFormat;
use eider_application::ports::StoreError;
use eider_application::records::{Page, PageRequest, PageStart};
use eider_application::runtime::blocking;
use eider_application::runtime::timings::{Stage, timed};
use eider_domain::Schema;
use eider_formats::json::JsonRows;
use serde::Serialize;
use utoipa::ToSchema;

use super::explain::{self, EXPLAIN, Explained};
use crate::api::answer::answer;
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::{Parameters, page_request, record_query};
use crate::representation::accept::{FORMAT, Representation, UUID};
use crate::representation::output::{Output, compressed};
use crate::request::conditional::IfNoneMatch;
use crate::response::cache::{CacheKey, CachedResponse};
use crate::state::{ApiState, MIN_SEQ, within};
use crate::telemetry::shape::Shape;
use crate::telemetry::slow;

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "they are described, and read one by one")]
struct Paged {
    /// Records on the page, 100 if not given.
    #[param(nullable = false, minimum = 1)]
    limit: Option<u64>,
    /// Goes on behind an earlier page: its `page.next`, with the same filters and sort.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// The number of the page, from 1. Not together with `limit` and `cursor`.
    #[param(nullable = false, minimum = 1)]
    page: Option<u64>,
    /// Records on a page that has a number, 100 if not given. Not together with `limit` and `cursor`.
    #[param(nullable = false, minimum = 1)]
    size: Option<u64>,
    /// `exact` fills `total`.
    #[param(nullable = false, inline)]
    count: Option<Counting>,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is described, and read by its name")]
enum Counting {
    None,
    Exact,
}

const CONTROLS: [&str; 12] =
    ["fields", "sort", "filters", "limit", "cursor", "page", "size", "count", FORMAT, UUID, MIN_SEQ, EXPLAIN];

/// Name of the header with how many records match in all, for pages that are nothing but records.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// Rows up to which a page of plain text is encoded where it stands; more take long enough to hold up other requests.
const INLINE_ROWS: usize = 500;

/// Where a page stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct PagePlace {
    #[schema(minimum = 1)]
    limit: u64,
    has_more: bool,
    /// The cursor of the next page.
    next: Option<String>,
    /// How many records match, if they were counted.
    total: Option<u64>,
    #[serde(flatten)]
    #[schema(inline, value_type = PageNumber)]
    number: Option<PageNumber>,
}

/// Present when the page was asked for by number.
#[derive(Serialize, ToSchema)]
struct PageNumber {
    /// The number of the page, if it was asked for by number.
    #[schema(required = false)]
    page: u64,
    pages: Option<u64>,
}

impl PagePlace {
    fn of(page: &Page, limit: u64, start: &PageStart) -> Self {
        let number = match start {
            PageStart::Offset(offset) => Some(PageNumber {
                page: offset.offset / limit + 1,
                pages: page.total.map(|total| total.div_ceil(limit)),
            }),
            PageStart::Cursor(_) => None,
        };
        Self { limit, has_more: page.has_more, next: page.next.clone(), total: page.total, number }
    }
}

/// A page of the records that filters match.
#[utoipa::path(
    get,
    path = "/api/v1/records/{schema}",
    operation_id = "page",
    tag = "records",
    params(
        openapi::InSchema,
        openapi::Filters,
        openapi::Shown,
        Paged,
        openapi::Formatted,
        openapi::SeenFrom,
        Explained,
        IfNoneMatch
    ),
    responses(openapi::PageAnswer,)
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &CONTROLS, true)?;
    let representation = Representation::negotiate(&request, &parameters, BodyFormat::JsonArray)?;
    let page = async |schema: Arc<Schema>| {
        let query = record_query(&parameters, &schema, &state.settings())?;
        let asked = page_request(&parameters, query, &state.settings())?;
        if explain::is_asked(&parameters)? {
            return Ok(explain::answer(&state.services.query.explain_page(&schema, asked).await?));
        }
        asked.check(&schema)?;
        let text = asked.to_string();
        let cache_key = CacheKey { schema: &schema, query: &text, representation: Some(representation) };
        let make = make_page(&state, &request, &schema, asked, representation);
        answer(&state, &request, cache_key, make).await
    };
    state.with_schema_to_read(&name, &parameters, page).await
}

async fn make_page(
    state: &ApiState,
    request: &HttpRequest,
    schema: &Arc<Schema>,
    asked: PageRequest,
    representation: Representation,
) -> Result<CachedResponse, ApiError> {
    slow::note(request, Shape::of_query("page", schema, &asked.query, Some(asked.limit)));
    let (limit, start) = (asked.limit, asked.start.clone());
    let _reservation = state.admit_page(limit).await?;
    let page = within(state.settings().query_timeout, state.services.query.page(schema, asked)).await?;
    let next = page.next.clone().filter(|_| matches!(start, PageStart::Cursor(_)));
    Ok(encoded(page, limit, &start, representation).await?.with_next(next))
}

/// A page as it is written.
pub(super) async fn encoded(
    page: Page,
    limit: u64,
    start: &PageStart,
    representation: Representation,
) -> Result<CachedResponse, ApiError> {
    let (tail, total) = match representation.media_type.format {
        BodyFormat::JsonArray => (Some(PagePlace::of(&page, limit, start)), None),
        _ => (None, page.total),
    };
    let records = page.records.num_rows() as u64;
    let is_plain = representation.compression.is_none() && representation.media_type.is_text();
    let body = if is_plain && page.records.num_rows() <= INLINE_ROWS {
        timed(Stage::Encode, async { body(&page, tail.as_ref(), &representation) }).await
    } else {
        let body = blocking::run(move || body(&page, tail.as_ref(), &representation));
        timed(Stage::Encode, body).await.map_err(Error::from)?
    };
    let answer = CachedResponse::new(body.map_err(Error::from)?).with_records(records);
    Ok(match total {
        Some(total) => answer.with_header(TOTAL_COUNT, total),
        None => answer,
    })
}

/// The records, in JSON within a document that says where the page stands.
fn body(page: &Page, tail: Option<&PagePlace>, representation: &Representation) -> Result<Bytes, StoreError> {
    let Some(tail) = tail else { return Output::new(representation, &page.records.schema())?.whole(&page.records) };
    let mut body = Vec::with_capacity(256 + page.records.num_rows() * 512);
    body.extend_from_slice(b"{\"data\":[");
    JsonRows::new(&page.records.schema()).write_elements(&page.records, &mut body);
    body.extend_from_slice(b"],\"page\":");
    // Numbers and texts are always written.
    body.extend(serde_json::to_vec(tail).unwrap_or_default());
    body.push(b'}');
    compressed(body, representation.compression)
}
