//! Which representation of a stream a client wants.

use actix_web::HttpRequest;
use actix_web::http::header::{Accept, Header};
use eider_application::ErrorCode;

use crate::error::ApiError;

/// Chooses the media type of a stream: the one that `Accept` names, or NDJSON.
///
/// # Errors
/// 406 when `Accept` excludes what can be produced.
pub(crate) fn stream_media_type(request: &HttpRequest) -> Result<&'static str, ApiError> {
    if !request.headers().contains_key("accept") {
        return Ok("application/x-ndjson");
    }
    let accept = Accept::parse(request)
        .map_err(|_| ApiError::new(ErrorCode::MalformedRequest, "the header `Accept` cannot be read"))?;
    for wanted in accept.ranked() {
        match wanted.essence_str() {
            "application/jsonl" => return Ok("application/jsonl"),
            "application/x-ndjson" | "application/*" | "*/*" => return Ok("application/x-ndjson"),
            _ => {}
        }
    }
    Err(ApiError::new(ErrorCode::NotAcceptable, "a stream is produced as application/x-ndjson or application/jsonl"))
}
