//! `GET /records/{schema}` and `/count`: a page of records, and how many there are.

use actix_web::http::header::LINK;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use eider_application::{BodyFormat, Error, Page, PageStart, StoreError, blocking};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};

use super::explain::{self, EXPLAIN};
use super::represented;
use crate::accept::{FORMAT, Representation};
use crate::encode::JsonRows;
use crate::error::ApiError;
use crate::output::{Output, compressed};
use crate::query_string::{Parameters, page_request, record_query};
use crate::state::{ApiState, MIN_SEQ};

const CONTROLS: [&str; 11] =
    ["fields", "sort", "filters", "limit", "cursor", "page", "size", "count", FORMAT, MIN_SEQ, EXPLAIN];

/// Name of the header with how many records match in all, for pages that are nothing but records.
const TOTAL_COUNT: &str = "x-total-count";

/// Rows up to which a page of plain text is encoded where it stands; more take long enough to hold up other requests.
const INLINE_ROWS: usize = 500;

pub(super) async fn page(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &CONTROLS, true)?;
    let representation = Representation::negotiate(&request, &parameters, BodyFormat::JsonArray)?;
    let schema = state.schema_to_read(&name, &parameters).await?;
    let query = record_query(&parameters, &schema, &state.settings)?;
    let asked = page_request(&parameters, query, &state.settings)?;
    if explain::is_asked(&parameters)? {
        return Ok(explain::answer(&state.services.query.explain_page(&schema, asked).await?));
    }
    let (limit, start) = (asked.limit, asked.start.clone());
    let page = state.services.query.page(&schema, asked).await?;

    let mut response = represented(HttpResponse::Ok(), &representation);
    if let Some(next) = &page.next
        && matches!(start, PageStart::Cursor(_))
    {
        response.insert_header((LINK, format!("<{}>; rel=\"next\"", next_url(&request, next))));
    }
    let mut tail = None;
    if representation.media_type.format == BodyFormat::JsonArray {
        tail = Some(page_document(&page, limit, &start));
    } else if let Some(total) = page.total {
        response.insert_header((TOTAL_COUNT, total));
    }
    let is_plain = representation.compression.is_none() && representation.media_type.is_text();
    let body = if is_plain && page.records.num_rows() <= INLINE_ROWS {
        body(&page, tail.as_ref(), &representation)
    } else {
        blocking::run(move || body(&page, tail.as_ref(), &representation)).await.map_err(Error::from)?
    };
    Ok(response.body(body.map_err(Error::from)?))
}

pub(super) async fn count(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &["filters", MIN_SEQ, EXPLAIN], true)?;
    let schema = state.schema_to_read(&name, &parameters).await?;
    let query = record_query(&parameters, &schema, &state.settings)?;
    if explain::is_asked(&parameters)? {
        return Ok(explain::answer(&state.services.query.explain_count(&schema, query.filter).await?));
    }
    let count = state.services.query.count(&schema, &query.filter).await?;
    Ok(HttpResponse::Ok().json(json!({"count": count})))
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

/// The request's own path and query with the cursor put in.
fn next_url(request: &HttpRequest, cursor: &str) -> String {
    let kept = request.query_string().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let cursor = utf8_percent_encode(cursor, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = kept.map(str::to_owned).chain([format!("cursor={cursor}")]).collect();
    format!("{}?{}", request.path(), pairs.join("&"))
}
