//! Who may ask for what: the verb of every route, and the two places where it is asked for.
//!
//! [`admit`] stands in front of everything and finds out who asks, [`authorize`] in front of each route and finds out
//! whether they may.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, web};
use eider_application::{ErrorCode, Principal, Unauthorized};
use eider_domain::{SchemaName, Verb};
use serde::Deserialize;
use tracing::Span;

use crate::error::ApiError;
use crate::site;
use crate::state::ApiState;
use crate::throttle::{self, Client};

/// Beside `Authorization: Bearer`, the header that a key may be sent in.
const API_KEY: &str = "x-api-key";
/// What is open to everybody, and not counted against any rate: health, the page that shows the API, and what problems mean.
const OPEN: [&str; 3] = ["/health/", "/docs", "/errors/"];
/// As open, but these paths alone: what leads to that page, and the icon that browsers ask for.
const OPEN_PATHS: [&str; 2] = ["/", "/favicon.ico"];
/// What describes the API: its routes to everybody, schemas to those who may see them.
const DESCRIPTIONS: [&str; 3] = ["/openapi.json", "/api/v1", "/api/v1/"];

/// The verb that each method of each route needs. Those that are open and the [`DESCRIPTIONS`] need none.
const ROUTES: &[(&str, &[(&str, Verb)])] = &[
    ("/metrics", &[("GET", Verb::MetricsRead)]),
    ("/monitoring/memory", &[("GET", Verb::MetricsRead)]),
    ("/monitoring/pool", &[("GET", Verb::MetricsRead)]),
    ("/api/v1/backup", &[("GET", Verb::Admin)]),
    ("/api/v1/backup/{id}", &[("GET", Verb::Admin)]),
    ("/api/v1/schemas", &[("GET", Verb::SchemasRead), ("POST", Verb::SchemasWrite)]),
    ("/api/v1/schemas/infer", &[("POST", Verb::SchemasWrite)]),
    (
        "/api/v1/schemas/{schema}",
        &[("GET", Verb::SchemasRead), ("PATCH", Verb::SchemasWrite), ("DELETE", Verb::SchemasWrite)],
    ),
    ("/api/v1/schemas/{schema}/versions", &[("GET", Verb::SchemasRead)]),
    ("/api/v1/schemas/{schema}/validations", &[("GET", Verb::RecordsRead), ("POST", Verb::RecordsRead)]),
    ("/api/v1/schemas/{schema}/validations/{id}", &[("GET", Verb::RecordsRead), ("DELETE", Verb::RecordsRead)]),
    ("/api/v1/schemas/{schema}/validations/{id}/issues", &[("GET", Verb::RecordsRead)]),
    ("/api/v1/schemas/{schema}/validations/{id}/apply", &[("POST", Verb::RecordsWrite)]),
    ("/api/v1/schemas/{schema}/advice", &[("GET", Verb::SchemasRead)]),
    ("/api/v1/schemas/{schema}/profile", &[("GET", Verb::RecordsRead)]),
    ("/api/v1/imports/{id}/failures", &[("GET", Verb::RecordsAppend)]),
    ("/api/v1/records", &[("POST", Verb::RecordsAppend)]),
    ("/api/v1/records/bulk", &[("POST", Verb::RecordsAppend)]),
    (
        "/api/v1/records/{schema}",
        &[
            ("GET", Verb::RecordsRead),
            ("QUERY", Verb::RecordsRead),
            ("POST", Verb::RecordsAppend),
            ("DELETE", Verb::RecordsWrite),
        ],
    ),
    ("/api/v1/records/{schema}/bulk", &[("POST", Verb::RecordsAppend)]),
    ("/api/v1/records/{schema}/query", &[("POST", Verb::RecordsRead)]),
    ("/api/v1/records/{schema}/stream", &[("GET", Verb::RecordsRead), ("POST", Verb::RecordsRead)]),
    ("/api/v1/records/{schema}/count", &[("GET", Verb::RecordsRead)]),
    (
        "/api/v1/records/{schema}/{id}",
        &[
            ("GET", Verb::RecordsRead),
            ("PUT", Verb::RecordsWrite),
            ("PATCH", Verb::RecordsWrite),
            ("DELETE", Verb::RecordsWrite),
        ],
    ),
];

/// The verb that a method of a route needs. What is not in the table is for admins; a method that a route does not
/// have needs nothing, since it is answered with 405.
fn needed(pattern: Option<&str>, method: &str) -> Option<Verb> {
    if pattern.is_some_and(|pattern| DESCRIPTIONS.contains(&pattern)) {
        return None;
    }
    let route = ROUTES.iter().find(|(path, _)| Some(*path) == pattern);
    let Some((_, methods)) = route else { return Some(Verb::Admin) };
    methods.iter().find(|(name, _)| *name == method).map(|(_, verb)| *verb)
}

fn is_open(path: &str) -> bool {
    OPEN_PATHS.contains(&path) || OPEN.iter().any(|open| path.starts_with(open))
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
    if is_open(request.path()) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    if !state.services.keys.is_enforced()
        && let Err(error) = site::check(&request, &state.settings())
    {
        return Ok(request.error_response(error));
    }
    let address = Client::of_address(request.peer_addr());
    let principal = match identify(&state, &request, &address).await {
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
async fn identify(state: &ApiState, request: &ServiceRequest, address: &Client) -> Result<Principal, ApiError> {
    let keys = &state.services.keys;
    let sent = sent_key(request.headers())?;
    if sent.is_none() && keys.is_enforced() && DESCRIPTIONS.contains(&request.path()) {
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

/// Lets a request through to its route if its client has the verb that the route needs, on the schema in the path if
/// there is one. A schema in a body is checked by [`check`] once it is read.
pub(crate) async fn authorize(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if let Err(error) = permit(&request) {
        return Ok(request.error_response(error));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

fn permit(request: &ServiceRequest) -> Result<(), ApiError> {
    if is_open(request.path()) {
        return Ok(());
    }
    let principal = principal(request.request())?;
    let Some(verb) = needed(request.match_pattern().as_deref(), request.method().as_str()) else { return Ok(()) };
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    use eider_domain::Grant;

    use super::*;

    /// The paths and methods of `routes.rs`, in the order in which they stand there.
    fn declared() -> Vec<(String, Vec<String>)> {
        let source = include_str!("routes.rs");
        let (before, scoped) = source.split_once("web::scope(BASE)").unwrap();
        let routes_of = |source: &str, base: &str| -> Vec<(String, Vec<String>)> {
            let texts = |part: &str| part.split('"').skip(1).step_by(2).take(2).map(str::to_owned).collect::<Vec<_>>();
            let route = |part| match texts(part).as_slice() {
                [path, methods] if path.is_empty() || path.starts_with('/') => {
                    Some((format!("{base}{path}"), methods.split(", ").map(str::to_owned).collect()))
                }
                _ => None,
            };
            source.split(".service(resource(").skip(1).filter_map(route).collect()
        };
        [routes_of(before, ""), routes_of(scoped, "/api/v1")].concat()
    }

    #[test]
    fn every_route_says_which_verb_it_needs() {
        let declared = declared();
        assert!(declared.len() > 10, "the search finds the routes: {declared:?}");
        let has_none = |path: &str| is_open(path) || DESCRIPTIONS.contains(&path);
        for (path, methods) in declared.iter().filter(|(path, _)| !has_none(path)) {
            let Some((_, verbs)) = ROUTES.iter().find(|(route, _)| route == path) else { panic!("{path} has no verb") };
            let listed: BTreeSet<&str> = verbs.iter().map(|(method, _)| *method).collect();
            assert_eq!(listed, methods.iter().map(String::as_str).collect(), "{path}");
        }
        for (path, _) in ROUTES {
            assert!(declared.iter().any(|(route, _)| route == path), "there is no route {path}");
        }
    }

    /// The table of docs/security.md: each route and method with the verb that it needs, and the verbs of a key that will do.
    fn table() -> String {
        let names = Verb::ALL.map(|verb| format!("`{verb}`")).join(" | ");
        let mut table =
            format!("| route | method | needs | {names} |\n|---|---|---{}|\n", "|---".repeat(Verb::ALL.len()));
        for (path, methods) in declared() {
            for method in methods {
                let needed = if is_open(&path) { None } else { needed(Some(&path), &method) };
                let shown = match needed {
                    Some(verb) => format!("`{verb}`"),
                    None if is_open(&path) => "nothing".to_owned(),
                    None => "no key, or one that is valid".to_owned(),
                };
                let does = |own: Verb| needed.is_none_or(|verb| Grant::new([own], Vec::new()).has(verb));
                let marks = Verb::ALL.map(|own| if does(own) { "yes" } else { "" }).join(" | ");
                let _ = writeln!(table, "| `{path}` | `{method}` | {shown} | {marks} |");
            }
        }
        table
    }

    #[test]
    fn the_document_says_who_may_do_what() {
        let document = include_str!("../../../docs/security.md");
        assert!(document.contains(&table()), "the table of docs/security.md should be:\n{}", table());
    }

    #[test]
    fn what_is_not_in_the_table_is_for_admins() {
        assert_eq!(needed(Some("/api/v2/everything"), "GET"), Some(Verb::Admin));
        assert_eq!(needed(None, "GET"), Some(Verb::Admin));
        assert_eq!(needed(Some("/metrics"), "POST"), None, "405 follows");
        assert_eq!(needed(Some("/openapi.json"), "GET"), None);
    }
}
