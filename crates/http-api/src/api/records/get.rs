//! `GET /records/{schema}/{id}`.

use std::sync::Arc;

use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, web};
use eider_domain::Schema;

use super::one::{OfRecord, document, etag, parse_id};
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::conditional::{IfNoneMatch, is_known};
use crate::state::{ApiState, MIN_SEQ};

/// A record.
#[utoipa::path(
    get,
    path = "/api/v1/records/{schema}/{id}",
    operation_id = "record",
    tag = "records",
    params(openapi::InSchema, OfRecord, openapi::SeenFrom, IfNoneMatch),
    responses(
        (status = 200, description = "The record.", body = openapi::Record, headers(("ETag" = String, description = "The tag of the record as it is now."))),
        openapi::NotModified,
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &[MIN_SEQ], false)?;
    let (name, id) = path.into_inner();
    let read = async |schema: Arc<Schema>| {
        let record = state.services.query.get(&schema, parse_id(&id)?).await?;
        Ok((etag(&schema, &record), record))
    };
    let (etag, record) = state.with_schema_to_read(&name, &parameters, read).await?;
    if is_known(&request, &etag)? {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, etag)).finish());
    }
    Ok(HttpResponse::Ok().insert_header((ETAG, etag)).content_type("application/json").body(document(&state, &record)))
}
