//! `GET /records/{schema}` and `/count`: a page of records, and how many there are.

use actix_web::http::header::LINK;
use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::{Error, Page, PageStart, blocking};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};

use crate::encode::RecordEncoder;
use crate::error::ApiError;
use crate::query_string::{Parameters, page_request, record_query};
use crate::state::{ApiState, MIN_SEQ};

const CONTROLS: [&str; 9] = ["fields", "sort", "filters", "limit", "cursor", "page", "size", "count", MIN_SEQ];

/// Rows up to which a page is encoded where it stands; more take long enough to hold up other requests.
const INLINE_ROWS: usize = 500;

pub(super) async fn page(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &CONTROLS, true)?;
    let schema = state.schema_to_read(&name, &parameters).await?;
    let query = record_query(&parameters, &schema, &state.settings)?;
    let asked = page_request(&parameters, query, &state.settings)?;
    let (limit, start) = (asked.limit, asked.start.clone());
    let page = state.services.query.page(&schema, asked).await?;

    let mut response = HttpResponse::Ok();
    if let Some(next) = &page.next
        && matches!(start, PageStart::Cursor(_))
    {
        response.insert_header((LINK, format!("<{}>; rel=\"next\"", next_url(&request, next))));
    }
    let tail = page_document(&page, limit, &start);
    let rows = page.records.num_rows();
    let body = if rows <= INLINE_ROWS {
        body(&page, &tail)
    } else {
        blocking::run(move || body(&page, &tail)).await.map_err(Error::from)?
    };
    Ok(response.content_type("application/json").body(body))
}

pub(super) async fn count(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &["filters", MIN_SEQ], true)?;
    let schema = state.schema_to_read(&name, &parameters).await?;
    let query = record_query(&parameters, &schema, &state.settings)?;
    let count = state.services.query.count(&schema, &query.filter).await?;
    Ok(HttpResponse::Ok().json(json!({"count": count})))
}

fn body(page: &Page, tail: &Json) -> Vec<u8> {
    let mut body = Vec::with_capacity(256 + page.records.num_rows() * 512);
    body.extend_from_slice(b"{\"data\":[");
    RecordEncoder::new(&page.records.schema()).write_elements(&page.records, &mut body);
    body.extend_from_slice(b"],\"page\":");
    body.extend_from_slice(tail.to_string().as_bytes());
    body.push(b'}');
    body
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
