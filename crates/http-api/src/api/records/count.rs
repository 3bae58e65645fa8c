//! `GET /records/{schema}/count`.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use eider_domain::Schema;
use serde::Serialize;
use utoipa::ToSchema;

use super::explain::{self, EXPLAIN, Explained};
use crate::api::answer::answer;
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::{Parameters, record_query};
use crate::request::conditional::IfNoneMatch;
use crate::response::cache::{CacheKey, CachedResponse};
use crate::state::{ApiState, MIN_SEQ, within};
use crate::telemetry::shape::Shape;
use crate::telemetry::slow;

#[derive(Serialize, ToSchema)]
pub(crate) struct Count {
    count: u64,
}

/// How many records filters match.
#[utoipa::path(
    get,
    path = "/api/v1/records/{schema}/count",
    operation_id = "count",
    tag = "records",
    params(openapi::InSchema, openapi::Filters, openapi::SeenFrom, Explained, IfNoneMatch),
    responses(
        (status = 200, description = "The number; with `explain` how it is found.", body = openapi::CountOrExplanation, headers(("ETag" = String, description = "The commit and the query."))),
        openapi::NotModified,
    )
)]
pub(crate) async fn handle(
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
        let cache_key = CacheKey { schema: &schema, query: &text, representation: None };
        let make = async {
            slow::note(&request, Shape::of_filter("count", &schema, &filter));
            let count = within(state.settings().query_timeout, state.services.query.count(&schema, &filter)).await?;
            CachedResponse::json(&Count { count })
        };
        answer(&state, &request, cache_key, make).await
    };
    state.with_schema_to_read(&name, &parameters, count).await
}
