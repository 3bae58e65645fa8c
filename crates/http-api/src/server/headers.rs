//! Headers that tell browsers what they may do with an answer.

use std::io;

use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Uri;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use crate::response::cache::REVALIDATE;
use crate::state::ApiState;

/// What a browser may do with an answer: show it. The page that shows the API has a policy of its own.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
pub(super) const NOT_KEPT: &str = "no-store";
/// A year.
const TRANSPORT: &str = "max-age=31536000";

/// Stands for any origin.
const ANY_ORIGIN: &str = "*";
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY"];
/// What scripts may see of an answer.
const EXPOSED: [&str; 19] = [
    "accept-ranges",
    "allow",
    "content-disposition",
    "eider-backup-id",
    "eider-commit-seq",
    "eider-warnings",
    "etag",
    "idempotent-replayed",
    "link",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "server-timing",
    "traceparent",
    "www-authenticate",
    "x-request-id",
    "x-response-time",
    "x-total-count",
];
/// How long a browser may remember what it was allowed, in seconds.
const MAX_AGE: usize = 3600;

/// Gives an answer the headers that it does not have yet.
pub(crate) async fn harden(
    state: web::Data<ApiState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let is_secure = state.settings().tls.is_some();
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    for (name, value) in of_every_answer(is_secure) {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    set_cache_control(headers);
    Ok(response)
}

/// What every answer has, unless it says otherwise itself.
pub(super) fn of_every_answer(is_secure: bool) -> impl Iterator<Item = (HeaderName, &'static str)> {
    let headers = [
        // Answers are made when they are asked for; no part of one can be had.
        (ACCEPT_RANGES, "none"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    headers.into_iter().chain(is_secure.then_some((STRICT_TRANSPORT_SECURITY, TRANSPORT)))
}

fn set_cache_control(headers: &mut HeaderMap) {
    if !headers.contains_key(CACHE_CONTROL) {
        let value = if headers.contains_key(ETAG) { REVALIDATE } else { NOT_KEPT };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(value));
    }
}

/// Checks the origins from which scripts of other sites may ask: `https://example.org`, or `*`.
///
/// # Errors
/// `InvalidInput` for what is neither.
pub fn check_origins(origins: &[String]) -> io::Result<()> {
    let is_origin = |text: &str| {
        let uri = text.parse::<Uri>().ok();
        let is_whole = |uri: Uri| uri.scheme().is_some() && uri.authority().is_some() && uri.path() == "/";
        !text.ends_with('/') && uri.is_some_and(is_whole)
    };
    match origins.iter().find(|origin| *origin != ANY_ORIGIN && !is_origin(origin)) {
        None => Ok(()),
        Some(origin) => {
            let detail = format!("{origin:?} is not an origin such as \"https://example.org\", nor \"*\"");
            Err(io::Error::new(io::ErrorKind::InvalidInput, detail))
        }
    }
}

/// Lets scripts of these origins ask. Keys are sent by the scripts themselves, never by the browser.
pub(crate) fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default().allowed_methods(METHODS).allow_any_header().expose_headers(EXPOSED).max_age(MAX_AGE);
    if origins.iter().any(|origin| origin == ANY_ORIGIN) {
        return cors.allow_any_origin().send_wildcard();
    }
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_an_authority() {
        for (text, is_valid) in [
            ("https://example.org", true),
            ("http://localhost:3000", true),
            ("*", true),
            ("example.org", false),
            ("https://example.org/", false),
            ("https://example.org/app", false),
            ("", false),
        ] {
            assert_eq!(check_origins(&[text.to_owned()]).is_ok(), is_valid, "{text:?}");
        }
    }
}
