//! `POST /records/{schema}/query`, and the method QUERY on `/records/{schema}`: a page of records or of groups for a body.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::ingest::BodyFormat;
use eider_application::records::{Groups, Page, PageRequest, PageStart};
use eider_domain::Schema;

use super::explain::{self, EXPLAIN, Explained};
use super::page;
use crate::api::answer::answer;
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::representation::accept::{FORMAT, Representation, UUID};
use crate::request::body;
use crate::request::conditional::IfNoneMatch;
use crate::request::query_body::{Asked, QueryBody};
use crate::response::cache::CacheKey;
use crate::state::{ApiState, MIN_SEQ, within};
use crate::telemetry::shape::Shape;
use crate::telemetry::slow;

/// A page of records or of groups, for a query as JSON.
#[utoipa::path(
    post,
    path = "/api/v1/records/{schema}/query",
    operation_id = "query_by_post",
    tag = "queries",
    params(openapi::InSchema, openapi::Formatted, openapi::SeenFrom, Explained, IfNoneMatch),
    request_body(content = openapi::Query),
    responses(
        openapi::PageAnswer,
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &[FORMAT, UUID, MIN_SEQ, EXPLAIN], false)?;
    let representation = Representation::negotiate(&request, &parameters, BodyFormat::JsonArray)?;
    let document = body::json(&request, payload, &state).await?;
    let page = async |schema: Arc<Schema>| {
        let schema = &schema;
        let body = QueryBody::of(&document, schema, &state).await?;
        let (limit, at_most) =
            (body.page_limit(&state.settings())?, body.timeout.unwrap_or(state.settings().query_timeout));
        let service = &state.services.query;
        let (start, counts_total) = (PageStart::Cursor(body.cursor), body.counts_total);
        let is_explained = explain::is_asked(&parameters)?;
        match body.asked {
            Asked::Groups(aggregation) if is_explained => {
                Ok(explain::answer(&service.explain_groups(schema, aggregation).await?))
            }
            Asked::Records(query) => {
                let asked = PageRequest { query, limit, start: start.clone(), counts_total };
                asked.check(schema)?;
                if is_explained {
                    return Ok(explain::answer(&service.explain_page(schema, asked).await?));
                }
                let text = document.identity(|| format!("body {asked}"));
                let make = async {
                    slow::note(&request, Shape::of_query("page", schema, &asked.query, Some(limit)));
                    let _reservation = state.admit_page(limit).await?;
                    let page = within(at_most, service.page(schema, asked)).await?;
                    page::encoded(page, limit, &start, representation).await
                };
                let cache_key = CacheKey { schema, query: &text, representation: Some(representation) };
                answer(&state, &request, cache_key, make).await
            }
            Asked::Groups(aggregation) => {
                let text = document.identity(|| format!("groups {}", document.json));
                let make = async {
                    slow::note(&request, Shape::of_groups(schema, &aggregation, Some(limit)));
                    let _reservation = state.admit_page(limit).await?;
                    let Groups { groups, has_more } =
                        within(at_most, service.aggregate(schema, &aggregation, limit)).await?;
                    let page = Page { records: groups, has_more, next: None, total: None };
                    page::encoded(page, limit, &start, representation).await
                };
                let cache_key = CacheKey { schema, query: &text, representation: Some(representation) };
                answer(&state, &request, cache_key, make).await
            }
        }
    };
    state.with_schema_to_read(&name, &parameters, page).await
}
