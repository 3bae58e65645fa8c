//! `GET /records/{schema}` and `/count`: a page of records, and how many there are.

use std::sync::Arc;

use actix_web::http::header::HeaderName;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use eider_application::timings::{Stage, timed};
use eider_application::{BodyFormat, Error, Page, PageRequest, PageStart, StoreError, blocking};
use eider_domain::Schema;
use serde_json::{Value as Json, json};

use super::explain::{self, EXPLAIN};
use crate::accept::{FORMAT, Representation};
use crate::answers::{Answer, Question, answer};
use crate::encode::JsonRows;
use crate::error::ApiError;
use crate::openapi;
use crate::output::{Output, compressed};
use crate::query_string::{Parameters, page_request, record_query};
use crate::shape::Shape;
use crate::slow;
use crate::state::{ApiState, MIN_SEQ, within};

const CONTROLS: [&str; 11] =
    ["fields", "sort", "filters", "limit", "cursor", "page", "size", "count", FORMAT, MIN_SEQ, EXPLAIN];

/// Name of the header with how many records match in all, for pages that are nothing but records.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// Rows up to which a page of plain text is encoded where it stands; more take long enough to hold up other requests.
const INLINE_ROWS: usize = 500;

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
        openapi::Paged,
        openapi::Formatted,
        openapi::SeenFrom,
        openapi::Explained,
        openapi::IfNoneMatch
    ),
    responses(openapi::PageAnswer,)
)]
pub(super) async fn page(
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
        let question = Question { schema: &schema, query: &text, representation: Some(representation) };
        let make = make_page(&state, &request, &schema, asked, representation);
        answer(&state, &request, question, make).await
    };
    state.with_schema_to_read(&name, &parameters, page).await
}

async fn make_page(
    state: &ApiState,
    request: &HttpRequest,
    schema: &Arc<Schema>,
    asked: PageRequest,
    representation: Representation,
) -> Result<Answer, ApiError> {
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
) -> Result<Answer, ApiError> {
    let (tail, total) = match representation.media_type.format {
        BodyFormat::JsonArray => (Some(page_document(&page, limit, start)), None),
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
    let answer = Answer::new(body.map_err(Error::from)?).with_records(records);
    Ok(match total {
        Some(total) => answer.with_header(TOTAL_COUNT, total),
        None => answer,
    })
}

/// How many records filters match.
#[utoipa::path(
    get,
    path = "/api/v1/records/{schema}/count",
    operation_id = "count",
    tag = "records",
    params(openapi::InSchema, openapi::Filters, openapi::SeenFrom, openapi::Explained, openapi::IfNoneMatch),
    responses(
        (status = 200, description = "The number; with `explain` how it is found.", body = openapi::CountOrExplanation, headers(("ETag" = String, description = "The commit and the query."))),
        openapi::NotModified,
    )
)]
pub(super) async fn count(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &["filters", MIN_SEQ, EXPLAIN], true)?;
    let count = async |schema: Arc<Schema>| {
        let filter = record_query(&parameters, &schema, &state.settings())?.filter;
        if explain::is_asked(&parameters)? {
            return Ok(explain::answer(&state.services.query.explain_count(&schema, filter).await?));
        }
        let text = format!("count {filter}");
        let question = Question { schema: &schema, query: &text, representation: None };
        let make = async {
            slow::note(&request, Shape::of_filter("count", &schema, &filter));
            let count = within(state.settings().query_timeout, state.services.query.count(&schema, &filter)).await?;
            Ok(Answer::new(json!({"count": count}).to_string().into()))
        };
        answer(&state, &request, question, make).await
    };
    state.with_schema_to_read(&name, &parameters, count).await
}

/// The records, in JSON within a document that says where the page stands.
fn body(page: &Page, tail: Option<&Json>, representation: &Representation) -> Result<Bytes, StoreError> {
    let Some(tail) = tail else { return Output::new(representation, &page.records.schema())?.whole(&page.records) };
    let mut body = Vec::with_capacity(256 + page.records.num_rows() * 512);
    body.extend_from_slice(b"{\"data\":[");
    JsonRows::new(&page.records.schema()).write_elements(&page.records, &mut body);
    body.extend_from_slice(b"],\"page\":");
    body.extend_from_slice(tail.to_string().as_bytes());
    body.push(b'}');
    compressed(body, representation.compression)
}

fn page_document(page: &Page, limit: u64, start: &PageStart) -> Json {
    let mut document = json!({"limit": limit, "has_more": page.has_more, "next": page.next, "total": page.total});
    if let PageStart::Offset(offset) = start {
        document["page"] = (offset.offset / limit + 1).into();
        document["pages"] = page.total.map(|total| total.div_ceil(limit)).into();
    }
    document
}
