//! Who may ask for what: what a route needs, and the two places where it is asked for.
//!
//! [`admit`] stands in front of everything and finds out who asks, [`authorize`] in front of each route and finds out
//! whether they may.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ResourceDef, ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, web};
use eider_application::{ErrorCode, Principal, Unauthorized};
use eider_domain::{SchemaName, Verb};
use serde::Deserialize;
use tracing::Span;

use crate::error::ApiError;
use crate::limits::throttle::{self, Client};
use crate::server::site;
use crate::state::ApiState;

/// Beside `Authorization: Bearer`, the header that a key may be sent in.
const API_KEY: &str = "x-api-key";

/// What a client needs to call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: everybody is answered, and no rate counts it.
    Open,
    /// No key, or one that is valid: who sends none is a stranger, and sees what strangers may.
    KeyOptional,
    /// A key with this verb, on the schema in the path if there is one.
    Needs(Verb),
}

/// The paths whose routes need no key, to be told before a request is routed.
pub(crate) struct OpenPaths {
    open: ResourceDef,
    key_optional: ResourceDef,
}

impl OpenPaths {
    /// Those of the patterns of all paths.
    pub(crate) fn of(patterns: impl Iterator<Item = (String, Access)>) -> Self {
        let (mut open, mut key_optional) = (Vec::new(), Vec::new());
        for (pattern, access) in patterns {
            match access {
                Access::Open => open.push(pattern),
                Access::KeyOptional => key_optional.push(pattern),
                Access::Needs(_) => {}
            }
        }
        Self { open: ResourceDef::new(open), key_optional: ResourceDef::new(key_optional) }
    }

    /// What the path of a request needs, if it is one of these.
    fn access_to(request: &ServiceRequest) -> Option<Access> {
        let paths = request.app_data::<Self>()?;
        match request.path() {
            path if paths.open.is_match(path) => Some(Access::Open),
            path if paths.key_optional.is_match(path) => Some(Access::KeyOptional),
            _ => None,
        }
    }
}

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

/// The parameter of paths that names a schema.
#[derive(Deserialize)]
struct Named {
    schema: String,
}

/// Lets a request through to its route if its client has what the route needs. A schema in a body is checked by [`check`]
/// once it is read.
pub(crate) async fn authorize(
    access: Access,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if let Err(error) = permit(access, &request) {
        return Ok(request.error_response(error));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

fn permit(access: Access, request: &ServiceRequest) -> Result<(), ApiError> {
    let Access::Needs(verb) = access else { return Ok(()) };
    let principal = principal(request.request())?;
    match request.match_info().load::<Named>() {
        Ok(Named { schema }) => check(request.request(), verb, &schema),
        Err(_) if principal.has(verb) => Ok(()),
        Err(_) => Err(ApiError::new(ErrorCode::Forbidden, format!("the key lacks `{verb}`"))),
    }
}

/// Who makes a request.
///
/// # Errors
/// 403 when nobody asked; every route is behind [`admit`].
pub(crate) fn principal(request: &HttpRequest) -> Result<Principal, ApiError> {
    let principal = request.extensions().get::<Principal>().cloned();
    principal.ok_or_else(|| ApiError::new(ErrorCode::Forbidden, "the request has no client"))
}

/// Whether the client of a request may do something to the schema of a name. A text that cannot be a name is left to
/// who looks for the schema.
///
/// # Errors
/// 403 with what the key lacks, whether there is such a schema or not.
pub(crate) fn check(request: &HttpRequest, verb: Verb, schema: &str) -> Result<(), ApiError> {
    let principal = principal(request)?;
    let is_allowed = match SchemaName::parse(schema) {
        Ok(name) => principal.may(verb, &name),
        Err(_) => principal.has(verb),
    };
    if is_allowed {
        return Ok(());
    }
    let shown: String = schema.chars().take(eider_domain::MAX_NAME_CHARS).collect();
    Err(ApiError::new(ErrorCode::Forbidden, format!("the key lacks `{verb}` on the schema `{shown}`")))
}
