//! `DELETE /records/{schema}`: the records that filters match.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::ErrorCode;
use eider_domain::Schema;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::{Parameters, record_query};
use crate::request::conditional;
use crate::state::ApiState;
use crate::telemetry::shape::Shape;
use crate::telemetry::slow;

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "they are described, and read one by one")]
struct Removal {
    /// Nothing is deleted when more records match.
    #[param(minimum = 0)]
    max_affected: u64,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Deletion {
    deleted: u64,
    commit_seq: u64,
}

/// Deletes the records that filters match, if they are no more than `max_affected`.
#[utoipa::path(
    delete,
    path = "/api/v1/records/{schema}",
    operation_id = "remove_records",
    tag = "records",
    params(openapi::InSchema, openapi::Filters, Removal),
    responses(
        (status = 200, description = "How many there were.", body = Deletion),
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &["filters", "max_affected"], true)?;
    conditional::without_tag(&request)?;
    let delete = async |schema: Arc<Schema>| {
        let filter = record_query(&parameters, &schema, &state.settings())?.filter;
        if filter.is_everything() {
            let detail = "a deletion needs at least one filter; to remove everything, delete the schema";
            return Err(ApiError::new(ErrorCode::InvalidParameter, detail));
        }
        let max_affected = parameters.control("max_affected").and_then(|text| text.parse().ok());
        let max_affected = max_affected
            .ok_or_else(|| ApiError::parameter("max_affected", "it takes the most records that may be deleted"))?;
        slow::note(&request, Shape::of_filter("delete", &schema, &filter));
        Ok(state.services.ingest.delete_matching(&schema, &filter, max_affected).await?)
    };
    let receipt = state.with_schema(&name, delete).await?;
    Ok(HttpResponse::Ok().json(Deletion { deleted: receipt.rows, commit_seq: receipt.commit_seq }))
}
