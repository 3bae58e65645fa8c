//! Which path and method is answered by what.

mod advice;
mod aliases;
mod backup;
mod bulk;
mod docs;
mod errors;
mod explain;
mod front;
mod health;
mod imports;
mod infer;
mod metrics;
mod monitoring;
mod openapi;
mod pages;
mod profile;
mod query;
mod records;
mod schemas;
mod stream;
mod validations;

use actix_web::dev::HttpServiceFactory;
use actix_web::guard::{self, GuardContext};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, CONTENT_ENCODING, VARY};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Resource, Route, web};
use eider_application::ErrorCode;

use crate::accept::{self, Representation};
use crate::access;
use crate::error::ApiError;

/// The prefix of every versioned route.
pub(crate) const BASE: &str = "/api/v1";

/// Adds every route of the API.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/", "GET", [web::get().to(front::door)]))
        .service(resource("/favicon.ico", "GET", [web::get().to(front::icon)]))
        .service(resource("/health/live", "GET", [web::get().to(health::live)]))
        .service(resource("/health/ready", "GET", [web::get().to(health::ready)]))
        .service(resource("/metrics", "GET", [web::get().to(metrics::metrics)]))
        .service(resource("/monitoring/memory", "GET", [web::get().to(monitoring::memory)]))
        .service(resource("/monitoring/pool", "GET", [web::get().to(monitoring::pool)]))
        .service(resource("/openapi.json", "GET", [web::get().to(openapi::describe)]))
        .service(resource("/docs", "GET", [web::get().to(docs::page)]))
        .service(resource("/docs/{file}", "GET", [web::get().to(docs::asset)]))
        .service(resource("/errors/{code}", "GET", [web::get().to(errors::problem_type)]))
        .service(
            web::scope(BASE)
                .service(resource("", "GET", [web::get().to(front::index)]))
                .service(resource(
                    "/schemas",
                    "GET, POST",
                    [web::get().to(schemas::list), web::post().to(schemas::create)],
                ))
                .service(resource("/schemas/infer", "POST", [web::post().to(infer::infer)]))
                .service(resource(
                    "/schemas/{schema}",
                    "GET, PATCH, DELETE",
                    [
                        web::get().to(schemas::describe),
                        web::patch().to(schemas::evolve),
                        web::delete().to(schemas::remove),
                    ],
                ))
                .service(resource("/schemas/{schema}/versions", "GET", [web::get().to(schemas::versions)]))
                .service(resource(
                    "/schemas/{schema}/validations",
                    "GET, POST",
                    [web::get().to(validations::list), web::post().to(validations::start)],
                ))
                .service(resource(
                    "/schemas/{schema}/validations/{id}",
                    "GET, DELETE",
                    [web::get().to(validations::describe), web::delete().to(validations::cancel)],
                ))
                .service(resource(
                    "/schemas/{schema}/validations/{id}/issues",
                    "GET",
                    [web::get().to(validations::issues)],
                ))
                .service(resource(
                    "/schemas/{schema}/validations/{id}/apply",
                    "POST",
                    [web::post().to(validations::apply)],
                ))
                .service(resource("/schemas/{schema}/advice", "GET", [web::get().to(advice::advice)]))
                .service(resource("/schemas/{schema}/profile", "GET", [web::get().to(profile::profile)]))
                .service(resource("/backup", "GET", [web::get().to(backup::download)]))
                .service(resource("/backup/{id}", "GET", [web::get().to(backup::receipt)]))
                .service(resource("/imports/{id}/failures", "GET", [web::get().to(imports::failures)]))
                .service(resource("/records", "POST", [web::post().to(aliases::create)]))
                .service(resource("/records/bulk", "POST", [web::post().to(aliases::bulk)]))
                .service(resource(
                    "/records/{schema}",
                    "DELETE, GET, POST, QUERY",
                    [
                        web::get().to(pages::page),
                        web::route().guard(guard::fn_guard(is_query)).to(query::query),
                        web::post().to(records::create),
                        web::delete().to(records::remove_matching),
                    ],
                ))
                .service(resource("/records/{schema}/bulk", "POST", [web::post().to(bulk::create)]))
                .service(resource("/records/{schema}/query", "POST", [web::post().to(query::query)]))
                .service(resource(
                    "/records/{schema}/stream",
                    "GET, POST",
                    [web::get().to(stream::records), web::post().to(stream::query)],
                ))
                .service(resource("/records/{schema}/count", "GET", [web::get().to(pages::count)]))
                .service(resource(
                    "/records/{schema}/{id}",
                    "DELETE, GET, PATCH, PUT",
                    [
                        web::get().to(records::get),
                        web::put().to(records::replace),
                        web::patch().to(records::patch),
                        web::delete().to(records::remove),
                    ],
                )),
        )
        .default_service(web::to(not_found));
}

/// A path whose other methods are answered with a problem that names those it has, for clients with the verb that
/// [`access`] says. The path of a scope itself may end with a slash.
fn resource<const N: usize>(path: &str, allow: &'static str, routes: [Route; N]) -> impl HttpServiceFactory {
    let paths = if path.is_empty() { vec!["", "/"] } else { vec![path] };
    let resource = routes.into_iter().fold(web::resource(paths), Resource::route);
    resource
        .default_service(web::to(move |request: HttpRequest| async move { other_method(&request, allow) }))
        .wrap(from_fn(access::authorize))
}

/// The answer to a method that a path does not have, and to `OPTIONS`. `HEAD` comes with `GET`.
fn other_method(request: &HttpRequest, methods: &'static str) -> Result<HttpResponse, ApiError> {
    let is_read = methods.split(", ").any(|method| method == "GET");
    let allow = format!("{methods}{}, OPTIONS", if is_read { ", HEAD" } else { "" });
    if request.method() == Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header((ALLOW, allow)).finish());
    }
    Err(ApiError::method_not_allowed(allow))
}

/// An answer with the headers that its representation has.
pub(crate) fn represented(mut response: HttpResponseBuilder, representation: &Representation) -> HttpResponseBuilder {
    response.content_type(representation.media_type.content_type()).insert_header((VARY, accept::VARY));
    if let Some(compression) = representation.compression {
        response.insert_header((CONTENT_ENCODING, compression.name()));
    }
    response
}

/// Whether the method is QUERY (RFC 9110 lets methods be added; the method is safe and has a body).
fn is_query(context: &GuardContext<'_>) -> bool {
    context.head().method.as_str() == "QUERY"
}

async fn not_found(request: HttpRequest) -> Result<String, ApiError> {
    let shown: String = request.path().chars().take(128).collect();
    let error =
        ApiError::new(ErrorCode::RouteNotFound, format!("there is nothing at `{shown}`; the API is below {BASE}"));
    Err(if request.path().len() > 1 && request.path().ends_with('/') {
        error.and("no path has a slash at its end")
    } else {
        error
    })
}
