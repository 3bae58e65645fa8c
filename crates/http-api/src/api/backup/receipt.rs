//! `GET /backup/{id}`: what a copy holds that was sent to its end.

use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::ErrorCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::state::ApiState;

/// What a backup holds.
#[derive(Serialize, ToSchema)]
struct BackupReceipt {
    id: String,
    #[schema(format = DateTime)]
    taken_at: String,
    bytes: u64,
    sha256: String,
    /// How long no write could begin.
    writes_held_ms: u64,
    schemas: Vec<BackedUpSchema>,
}

/// How far a schema is in a backup.
#[derive(Serialize, ToSchema)]
struct BackedUpSchema {
    name: String,
    /// Its last commit in the copy.
    commit_seq: u64,
}

impl From<eider_application::backup::BackupReceipt> for BackupReceipt {
    fn from(receipt: eider_application::backup::BackupReceipt) -> Self {
        let schemas = receipt.schemas.into_iter();
        Self {
            id: receipt.id,
            taken_at: receipt.taken_at,
            bytes: receipt.bytes,
            sha256: receipt.sha256,
            writes_held_ms: receipt.writes_held_ms,
            schemas: schemas
                .map(|schema| BackedUpSchema { name: schema.name, commit_seq: schema.commit_seq })
                .collect(),
        }
    }
}

/// What a copy holds that was sent to its end.
#[utoipa::path(
    get,
    path = "/api/v1/backup/{id}",
    operation_id = "backup_receipt",
    tag = "operation",
    params(("id" = String, Path, description = "From `Eider-Backup-Id`.")),
    responses((status = 200, description = "The receipt.", body = BackupReceipt))
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let receipt = state.services.backup.receipt(&id);
    let receipt = receipt.ok_or_else(|| {
        ApiError::new(ErrorCode::BackupNotFound, "no backup of this id was sent to its end, or many were since")
    })?;
    Ok(HttpResponse::Ok().json(BackupReceipt::from(receipt)))
}
