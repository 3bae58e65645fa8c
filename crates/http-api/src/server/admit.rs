//! Who is let in: requests that are not too long, of clients that are known and within their rate.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use eider_application::ErrorCode;
use eider_application::access::{Principal, Unauthorized};
use tracing::Span;

use super::site;
use crate::error::ApiError;
use crate::limits::throttle::{self, Client};
use crate::request::access::{Access, OpenPaths};
use crate::state::ApiState;

/// Beside `Authorization: Bearer`, the header that a key may be sent in.
const API_KEY: &str = "x-api-key";

/// The key that a request has, if it has one that is text.
///
/// # Errors
/// 400 when it has several that differ.
fn sent_key(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let bearers = headers.get_all(AUTHORIZATION).filter_map(|value| value.to_str().ok()?.split_once(' '));
    let bearers = bearers.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key.trim());
    let mut keys = bearers.chain(headers.get_all(API_KEY).filter_map(|value| value.to_str().ok()));
    let first = keys.next();
    if keys.any(|key| Some(key) != first) {
        let detail = "the request has two keys, which differ; send one, as `Authorization: Bearer` or `X-Api-Key`";
        return Err(ApiError::new(ErrorCode::MalformedRequest, detail));
    }
    Ok(first)
}

/// Lets a request in that is not too long, whose client is known, and that is within the client's rate.
pub(crate) async fn admit(
    state: web::Data<ApiState>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let max_url_bytes = state.settings().max_url_bytes;
    if request.uri().path_and_query().is_some_and(|url| url.as_str().len() as u64 > max_url_bytes) {
        let detail = format!("the path and the query are longer than {max_url_bytes} bytes; send a query as a body");
        return Ok(request.error_response(ApiError::new(ErrorCode::UriTooLong, detail)));
    }
    if let Err(error) = site::host(&request) {
        return Ok(request.error_response(error));
    }
    let access = OpenPaths::access_to(&request);
    if access == Some(Access::Open) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    if !state.services.keys.is_enforced()
        && let Err(error) = site::check(&request, &state.settings())
    {
        return Ok(request.error_response(error));
    }
    let address = Client::of_address(request.peer_addr());
    let principal = match identify(&state, &request, &address, access).await {
        Ok(principal) => principal,
        Err(error) => return Ok(request.error_response(error)),
    };
    if let Some(id) = principal.key_id() {
        Span::current().record("key.id", tracing::field::display(id));
    }
    let client = principal.key_id().map_or(address, Client::Key);
    request.extensions_mut().insert(principal);
    let Some(rate) = state.throttle.count(client) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let mut response = match rate.refused {
        Some(wait) => request.error_response(ApiError::rate_limited(wait)),
        None => next.call(request).await?.map_into_boxed_body(),
    };
    rate.write(response.headers_mut());
    Ok(response)
}

/// Who asks. A client that sent many wrong keys, or none, is not asked who it is for a while, unless it is one that was right
/// before; its answer is held back as long, so that it does not take the time of others with the next request.
async fn identify(
    state: &ApiState,
    request: &ServiceRequest,
    address: &Client,
    access: Option<Access>,
) -> Result<Principal, ApiError> {
    let keys = &state.services.keys;
    let sent = sent_key(request.headers())?;
    if sent.is_none() && keys.is_enforced() && access == Some(Access::KeyOptional) {
        return Ok(Principal::stranger());
    }
    if keys.is_enforced()
        && let Err(refused) = state.throttle.check_attempt(address, sent.unwrap_or_default())
    {
        tokio::time::sleep(throttle::PAUSE).await;
        return Err(refused);
    }
    let found = keys.authenticate(sent);
    match (&found, sent) {
        (Ok(principal), Some(key)) if principal.key_id().is_some() => state.throttle.succeeded(address, key),
        (Err(Unauthorized), _) => state.throttle.failed(address),
        (Ok(_), _) => {}
    }
    found.map_err(|Unauthorized| ApiError::unauthorized())
}
