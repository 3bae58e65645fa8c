//! Who may ask for what: what a route needs, and whether a client has it.
//!
//! `server::admit` stands in front of everything and finds out who asks, [`authorize`] in front of each route and finds out
//! whether they may.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ResourceDef, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest};
use eider_application::ErrorCode;
use eider_application::access::Principal;
use eider_domain::{SchemaName, Verb};
use serde::Deserialize;

use crate::error::ApiError;

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
    pub(crate) fn access_to(request: &ServiceRequest) -> Option<Access> {
        let paths = request.app_data::<Self>()?;
        match request.path() {
            path if paths.open.is_match(path) => Some(Access::Open),
            path if paths.key_optional.is_match(path) => Some(Access::KeyOptional),
            _ => None,
        }
    }
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
/// 403 when nobody asked; every route is behind `server::admit`.
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
    let shown: String = schema.chars().take(eider_domain::MAX_SCHEMA_NAME_CHARS).collect();
    Err(ApiError::new(ErrorCode::Forbidden, format!("the key lacks `{verb}` on the schema `{shown}`")))
}
