//! `GET /backup`: a copy of everything, or the rest of one that broke off.

use std::ops::Range;
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_RANGE, ETAG, EntityTag, Header, IfRange, Range as RangeHeader,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use bytes::Bytes;
use eider_application::Error;
use eider_application::ports::{BackupPieces, StoreError, StoreErrorKind};
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

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "they are described, and read one by one")]
struct Rest {
    /// Bytes to get of the copy that `If-Range` names; ignored without it.
    #[param(rename = "Range", nullable = false, example = "bytes=1048576-")]
    range: Option<String>,
    /// The `ETag` of a copy that broke off.
    #[param(rename = "If-Range", nullable = false)]
    if_range: Option<String>,
}

/// A copy of everything, as of one moment. With `Range` and `If-Range`, the rest of a copy that broke off, as long as it can
/// be had; else a new copy, whole.
#[utoipa::path(
    get,
    path = "/api/v1/backup",
    operation_id = "backup",
    tag = "operation",
    responses(
        (status = 200, description = "The file of the store. A body that ends before its length has broken off.",
            body = Vec<u8>, content_type = "application/octet-stream",
            headers(
                ("Eider-Backup-Id" = String, description = "What to ask its receipt by."),
                ("ETag" = String, description = "What to ask the rest by, in `If-Range`."))),
        (status = 206, description = "Bytes of a copy that was begun before.",
            body = Vec<u8>, content_type = "application/octet-stream",
            headers(("Content-Range" = String, description = "Which bytes, and how many there are in all."))),
    ),
    params(Rest)
)]
pub(crate) async fn handle(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let (service, idle) = (&state.services.backup, state.settings().stream_idle);
    if let Some((id, range, all)) = rest(&request, |id| service.bytes_of(id))?
        && let Some(pieces) = service.part(&id, range.clone()).await?
    {
        let content_range = format!("bytes {}-{}/{all}", range.start, range.end - 1);
        let mut response = HttpResponse::PartialContent();
        response.insert_header((CONTENT_RANGE, content_range));
        return Ok(answer(response, &id, range.end - range.start, pieces, idle));
    }
    let (id, backup) = service.begin().await?;
    Ok(answer(HttpResponse::Ok(), &id, backup.bytes, backup.pieces, idle))
}

/// The one range that a request asks for, of a copy that it names by its tag: its id, the bytes, and how many it has. Whoever
/// asks for a range and does not say of which copy, or for several, gets a whole one: parts of two copies are no copy.
///
/// # Errors
/// 416 when the copy has no such bytes.
fn rest(
    request: &HttpRequest,
    bytes_of: impl Fn(&str) -> Option<u64>,
) -> Result<Option<(String, Range<u64>, u64)>, ApiError> {
    let (Ok(IfRange::EntityTag(tag)), Ok(RangeHeader::Bytes(ranges))) =
        (IfRange::parse(request), RangeHeader::parse(request))
    else {
        return Ok(None);
    };
    let ([wanted], false) = (&ranges[..], tag.weak) else {
        return Ok(None);
    };
    let Some(all) = bytes_of(tag.tag()) else {
        return Ok(None);
    };
    let (first, last) = wanted.to_satisfiable_range(all).ok_or_else(|| ApiError::range_not_satisfiable(all))?;
    Ok(Some((tag.tag().to_owned(), first..last + 1, all)))
}

fn answer(
    mut response: HttpResponseBuilder,
    id: &str,
    bytes: u64,
    pieces: BackupPieces,
    idle: Duration,
) -> HttpResponse {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(send(pieces, sender, idle).in_current_span());
    let body = stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|slice| (slice, receiver)));
    response
        .content_type("application/octet-stream")
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"eider.duckdb\""))
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((ETAG, EntityTag::new_strong(id.to_owned())))
        .insert_header((ID, id))
        .body(SizedStream::new(bytes, body.boxed_local()))
}

/// Hands a copy over until it has ended, fails, or its client is gone or takes nothing for too long. The store is free
/// of the copy then, also while the socket of the client is full and nobody asks the body for more.
async fn send(mut pieces: BackupPieces, sender: mpsc::Sender<Result<Bytes, StoreError>>, idle: Duration) {
    let gone = sender.clone();
    let all = async move {
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
