//! `DELETE /records/{schema}/{id}`.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use eider_domain::Schema;

use super::one::{COMMIT_SEQ, OfRecord, addressed};
use crate::api::openapi;
use crate::error::ApiError;
use crate::request::conditional::{IfMatch, UnlessMatch};
use crate::state::ApiState;
use crate::telemetry::shape::Shape;
use crate::telemetry::slow;

/// Deletes a record.
#[utoipa::path(
    delete,
    path = "/api/v1/records/{schema}/{id}",
    operation_id = "remove_record",
    tag = "records",
    params(openapi::InSchema, OfRecord, IfMatch, UnlessMatch),
    responses(
        (status = 204, description = "It is gone.", headers(("Eider-Commit-Seq" = String, description = "The commit that removed it."))),
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (name, id, preconditions) = addressed(&state, &request, path).await?;
    let delete = async |schema: Arc<Schema>| {
        slow::note(&request, Shape::new("change", &schema));
        Ok(state.services.ingest.delete(&schema, id, &preconditions).await?)
    };
    let commit_seq = state.with_schema(&name, delete).await?;
    Ok(HttpResponse::NoContent().insert_header((COMMIT_SEQ, commit_seq.to_string())).finish())
}
