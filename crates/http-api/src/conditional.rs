//! Conditional requests (RFC 9110, section 13): what a request asks of what it is about.

use actix_web::HttpRequest;
use actix_web::http::header::{EntityTag, Header, IF_MATCH, IF_NONE_MATCH, IfMatch, IfNoneMatch};
use eider_application::{ErrorCode, Preconditions, Tags};

use crate::error::ApiError;

/// What `If-Match` and `If-None-Match` ask of something that is to be changed. A weak tag in `If-Match` is that of nothing.
///
/// # Errors
/// 400 where a header is there and names no tag.
pub(crate) fn preconditions(request: &HttpRequest) -> Result<Preconditions, ApiError> {
    let if_match = match if_match(request)? {
        None => None,
        Some(IfMatch::Any) => Some(Tags::Any),
        Some(IfMatch::Items(tags)) => {
            let strong = tags.into_iter().filter(|tag| !tag.weak);
            Some(Tags::OneOf(strong.map(|tag| tag.tag().to_owned()).collect()))
        }
    };
    let if_none_match = match if_none_match(request)? {
        None => None,
        Some(IfNoneMatch::Any) => Some(Tags::Any),
        Some(IfNoneMatch::Items(tags)) => Some(Tags::OneOf(tags.into_iter().map(|tag| tag.tag().to_owned()).collect())),
    };
    Ok(Preconditions { if_match, if_none_match })
}

/// Whether the client has what a request reads, which has this tag, so that the answer is 304.
///
/// # Errors
/// 412 when `If-Match` asks for another, 400 when it names no tag. An `If-None-Match` that names none is passed over: the
/// client gets what it asks for.
pub(crate) fn is_known(request: &HttpRequest, current: &str) -> Result<bool, ApiError> {
    let current: EntityTag =
        current.parse().map_err(|_| ApiError::new(ErrorCode::Internal, "the tag of what is read is not one"))?;
    match if_match(request)? {
        Some(IfMatch::Items(tags)) if !tags.iter().any(|tag| tag.strong_eq(&current)) => return Err(stale()),
        _ => {}
    }
    Ok(match if_none_match(request) {
        Ok(Some(IfNoneMatch::Any)) => true,
        Ok(Some(IfNoneMatch::Items(tags))) => tags.iter().any(|tag| tag.weak_eq(&current)),
        Ok(None) | Err(_) => false,
    })
}

/// Refuses a request that makes or removes what has no tag of its own, a new record or all that match, and asks for one:
/// `If-Match: *` alone can be fulfilled.
///
/// # Errors
/// 412; 400 as [`preconditions`].
pub(crate) fn without_tag(request: &HttpRequest) -> Result<(), ApiError> {
    match if_match(request)? {
        None | Some(IfMatch::Any) => Ok(()),
        Some(IfMatch::Items(_)) => Err(stale()),
    }
}

fn stale() -> ApiError {
    ApiError::new(ErrorCode::StaleVersion, "`If-Match` names another tag than that of what the request is about")
}

fn if_match(request: &HttpRequest) -> Result<Option<IfMatch>, ApiError> {
    if !request.headers().contains_key(IF_MATCH) {
        return Ok(None);
    }
    match IfMatch::parse(request) {
        Ok(IfMatch::Items(tags)) if tags.is_empty() => Err(no_tag("If-Match")),
        parsed => parsed.map(Some).map_err(|_| no_tag("If-Match")),
    }
}

fn if_none_match(request: &HttpRequest) -> Result<Option<IfNoneMatch>, ApiError> {
    if !request.headers().contains_key(IF_NONE_MATCH) {
        return Ok(None);
    }
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Items(tags)) if tags.is_empty() => Err(no_tag("If-None-Match")),
        parsed => parsed.map(Some).map_err(|_| no_tag("If-None-Match")),
    }
}

fn no_tag(header: &str) -> ApiError {
    let detail = format!("`{header}` takes tags in quotes, as `ETag` has them, or `*`");
    ApiError::new(ErrorCode::MalformedRequest, detail)
}
