//! Conditional requests (RFC 9110, section 13): what a request asks of what it is about.

use actix_web::HttpRequest;
use actix_web::http::header::{EntityTag, HeaderName, IF_MATCH, IF_NONE_MATCH, from_comma_delimited};
use eider_application::ErrorCode;
use eider_application::records::{Preconditions, Tags};

use crate::error::ApiError;
use crate::representation::inflate::Compression;

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "they are described, and read one by one")]
pub(crate) struct IfNoneMatch {
    /// The `ETag` of an answer that the client has: 304 if it is the one it would get.
    #[param(rename = "If-None-Match", nullable = false)]
    if_none_match: Option<String>,
}

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "they are described, and read one by one")]
pub(crate) struct UnlessMatch {
    /// The `ETag` that what is changed must not have, or `*`: 412 if it has it.
    #[param(rename = "If-None-Match", nullable = false)]
    if_none_match: Option<String>,
}

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "they are described, and read one by one")]
pub(crate) struct IfMatch {
    /// The `ETag` that what is changed must have, or `*`: 412 if it has another.
    #[param(rename = "If-Match", nullable = false)]
    if_match: Option<String>,
}

/// What `If-Match` and `If-None-Match` ask of something that is to be changed. A weak tag in `If-Match` is that of nothing.
///
/// # Errors
/// 400 where a header is there and names no tag.
pub(crate) fn preconditions(request: &HttpRequest) -> Result<Preconditions, ApiError> {
    let tags = |named: Named, is_meant: fn(&EntityTag) -> bool| match named {
        Named::Any => Tags::Any,
        Named::Tags(tags) => {
            Tags::OneOf(tags.iter().filter(|tag| is_meant(tag)).map(|tag| tag.tag().to_owned()).collect())
        }
    };
    Ok(Preconditions {
        if_match: named(request, &IF_MATCH)?.map(|named| tags(named, |tag| !tag.weak)),
        if_none_match: named(request, &IF_NONE_MATCH)?.map(|named| tags(named, |_| true)),
    })
}

/// Whether the client has what a request reads, which has this tag, so that the answer is 304.
///
/// # Errors
/// 412 when `If-Match` asks for another, 400 when it names no tag. An `If-None-Match` that names none is passed over: the
/// client gets what it asks for.
pub(crate) fn is_known(request: &HttpRequest, current: &str) -> Result<bool, ApiError> {
    let current: EntityTag =
        current.parse().map_err(|_| ApiError::new(ErrorCode::Internal, "the tag of what is read is not one"))?;
    match named(request, &IF_MATCH)? {
        Some(Named::Tags(tags)) if !tags.iter().any(|tag| tag.strong_eq(&current)) => return Err(stale()),
        _ => {}
    }
    Ok(match named(request, &IF_NONE_MATCH) {
        Ok(Some(Named::Any)) => true,
        Ok(Some(Named::Tags(tags))) => tags.iter().any(|tag| tag.weak_eq(&current)),
        Ok(None) | Err(_) => false,
    })
}

/// Refuses a request that makes or removes what has no tag of its own, a new record or all that match, and asks for one:
/// `If-Match: *` alone can be fulfilled.
///
/// # Errors
/// 412; 400 as [`preconditions`].
pub(crate) fn without_tag(request: &HttpRequest) -> Result<(), ApiError> {
    match named(request, &IF_MATCH)? {
        None | Some(Named::Any) => Ok(()),
        Some(Named::Tags(_)) => Err(stale()),
    }
}

/// The tag of an answer that was compressed for its client, which is another one than it would be as it is; `None` when the
/// tag is weak and stands for both.
pub(crate) fn tag_of_compressed(tag: &str, compression: Compression) -> Option<String> {
    let opaque = tag.strip_prefix('"')?.strip_suffix('"')?;
    Some(format!("\"{opaque}.{}\"", compression.name()))
}

/// The tag that the answer has as it is: what is known, or to be changed, is the same however it was compressed.
fn tag_of_plain(mut tag: EntityTag) -> EntityTag {
    let compressions = [Compression::Gzip, Compression::Zstd].map(Compression::name);
    let plain =
        compressions.into_iter().find_map(|name| tag.tag().strip_suffix(name)?.strip_suffix('.').map(str::to_owned));
    if let Some(plain) = plain {
        tag.set_tag(plain);
    }
    tag
}

/// What a header names.
enum Named {
    /// `*`: whatever there is.
    Any,
    /// These tags, at least one.
    Tags(Vec<EntityTag>),
}

fn named(request: &HttpRequest, header: &HeaderName) -> Result<Option<Named>, ApiError> {
    let Some(first) = request.headers().get(header) else { return Ok(None) };
    if first.to_str().is_ok_and(|text| text.trim() == "*") {
        return Ok(Some(Named::Any));
    }
    match from_comma_delimited(request.headers().get_all(header)) {
        Ok(tags) if !tags.is_empty() => Ok(Some(Named::Tags(tags.into_iter().map(tag_of_plain).collect()))),
        Ok(_) | Err(_) => {
            let name = if *header == IF_MATCH { "If-Match" } else { "If-None-Match" };
            let detail = format!("`{name}` takes tags in quotes, as `ETag` has them, or `*`");
            Err(ApiError::new(ErrorCode::MalformedRequest, detail))
        }
    }
}

fn stale() -> ApiError {
    ApiError::new(ErrorCode::StaleVersion, "`If-Match` names another tag than that of what the request is about")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_again_in_that_of_what_was_compressed() {
        let plain = |text: &str| tag_of_plain(text.parse().unwrap()).to_string();
        for compression in [Compression::Gzip, Compression::Zstd] {
            let tag = tag_of_compressed("\"3-qnNGSHiLES0\"", compression).unwrap();
            assert_ne!(tag, "\"3-qnNGSHiLES0\"");
            assert_eq!(
                (plain(&tag), plain(&format!("W/{tag}"))),
                ("\"3-qnNGSHiLES0\"".into(), "W/\"3-qnNGSHiLES0\"".into())
            );
            assert_eq!(tag_of_compressed("W/\"3\"", compression), None);
        }
        for other in ["\"gzip\"", "\"3.br\"", "\"3zstd\"", "\"0.1.0\""] {
            assert_eq!(plain(other), other);
        }
    }
}
