//! Answers that are lines of JSON and no records: compressed as their client likes, a piece as it comes.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, VARY};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use eider_application::Error;
use eider_application::ingest::BodyFormat;
use eider_application::ports::StoreError;
use eider_application::runtime::blocking;
use futures::{Stream, TryStreamExt, stream};

use crate::error::ApiError;
use crate::representation::accept;
use crate::representation::media_type::MediaType;
use crate::representation::output::Pieces;

/// NDJSON of these pieces. Nobody but the client may keep it.
///
/// # Errors
/// `Internal` when there is no memory to compress it with.
pub(crate) fn ndjson(
    request: &HttpRequest,
    lines: impl Stream<Item = Result<Bytes, StoreError>> + 'static,
) -> Result<HttpResponse, ApiError> {
    let compression = accept::compression_of_text(request);
    let mut response = HttpResponse::Ok();
    response
        .content_type(MediaType::of(BodyFormat::Ndjson).content_type())
        .insert_header((CACHE_CONTROL, "private"))
        .insert_header((VARY, "accept-encoding"));
    let Some(compression) = compression else {
        return Ok(response.streaming(lines));
    };
    response.insert_header((CONTENT_ENCODING, compression.name()));
    let pieces = Pieces::new(compression).map_err(Error::from)?;
    let state = Some((Box::pin(lines), pieces));
    Ok(response.streaming(stream::try_unfold(state, async |state| {
        let Some((mut lines, mut pieces)) = state else { return Ok(None) };
        let Some(plain) = lines.try_next().await? else {
            return Ok(Some((pieces.end()?, None)));
        };
        let (piece, pieces) =
            blocking::run(move || pieces.piece(&plain).map(|piece| (piece, pieces))).await.flatten()?;
        Ok::<_, StoreError>(Some((piece, Some((lines, pieces)))))
    })))
}
