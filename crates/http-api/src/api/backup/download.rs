//! `GET /backup`: a copy of everything.

use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use eider_application::{Backup, Error, StoreError, StoreErrorKind};
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::Instrument;

use crate::api::records::delivery::SLICE_BYTES;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::state::ApiState;

/// The header that has the id of a backup.
const ID: &str = "Eider-Backup-Id";

/// A copy of everything, as of one moment.
#[utoipa::path(
    get,
    path = "/api/v1/backup",
    operation_id = "backup",
    tag = "operation",
    responses(
        (status = 200, description = "The file of the store. A body that ends before its length has broken off.",
            body = Vec<u8>, content_type = "application/octet-stream",
            headers(("Eider-Backup-Id" = String, description = "What to ask its receipt by."))),
    )
)]
pub(crate) async fn handle(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let (id, backup) = state.services.backup.begin().await?;
    let bytes = backup.bytes;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(send(backup, sender, state.settings().stream_idle).in_current_span());
    let body = stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|slice| (slice, receiver)));
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"eider.duckdb\""))
        .insert_header((ID, id))
        .body(SizedStream::new(bytes, body.boxed_local())))
}

/// Hands a copy over until it has ended, fails, or its client is gone or takes nothing for too long. The store is free
/// of the copy then, also while the socket of the client is full and nobody asks the body for more.
async fn send(backup: Backup, sender: mpsc::Sender<Result<Bytes, StoreError>>, idle: Duration) {
    let mut pieces = backup.pieces;
    let gone = sender.clone();
    let all = async {
        while let Some(piece) = pieces.next().await {
            let mut piece = match piece {
                Ok(piece) => piece,
                Err(error) => {
                    // It is logged as any failure of the store; the client sees the connection break.
                    drop(ApiError::from(Error::Store(error)));
                    let broken = StoreError::new(StoreErrorKind::Cancelled, "the backup broke off");
                    // A client that is gone needs no end.
                    let _ = sender.send(Err(broken)).await;
                    return;
                }
            };
            while !piece.is_empty() {
                let slice = piece.split_to(piece.len().min(SLICE_BYTES));
                match timeout(idle, sender.send(Ok(slice))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return,
                    Err(_) => {
                        tracing::warn!("the client of a backup takes nothing; it breaks off");
                        return;
                    }
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = gone.closed() => {}
        () = all => {}
    }
}
