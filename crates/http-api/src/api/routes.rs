//! The routes: what answers which path and method, who may ask, and how it can fail.
//!
//! One row each. The router, the access check, `Allow`, the description of the API and the table of docs/reference/access.md are
//! made from the rows.

use std::sync::LazyLock;

use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::middleware::{Next, from_fn};
use actix_web::{HttpRequest, HttpResponse, Resource, web};
#[allow(clippy::enum_glob_use, reason = "the table names most of them")]
use eider_application::ErrorCode::*;
use eider_domain::Verb::{Admin, MetricsRead, RecordsAppend, RecordsRead, RecordsWrite, SchemasRead, SchemasWrite};

use super::problems::{
    BODY, EVERYWHERE, FILTERS, GROUPED, KEYS, NAMED_CALL, NEGOTIATED, PAGED, PUBLIC, READ, STORE, WRITE,
};
use super::route::Route;
use super::{backup, docs, imports, monitoring, records, schemas, validations};
use crate::error::ApiError;
use crate::request::access::Access::{KeyOptional, Needs, Open};
use crate::request::access::{self, OpenPaths};

/// The prefix of every versioned route.
pub(crate) const BASE: &str = "/api/v1";

/// A row: the action, what a client needs, and the groups of problems that it answers with. The description of the action
/// names its path and method.
macro_rules! route {
    ($group:ident::$action:ident, $access:expr, $problems:expr) => {
        Route::new::<$group::$action::__path_handle>($access, &$problems, |method| {
            web::method(method).to($group::$action::handle)
        })
    };
}

/// Every route. A path that names something stands before one that matches anything in its place.
pub(crate) static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    vec![
        // The server and its documents.
        route!(docs::door, Open, [PUBLIC]),
        route!(docs::icon, Open, [PUBLIC]),
        route!(monitoring::live, Open, [&[UriTooLong]]),
        route!(monitoring::ready, Open, [STORE, &[UriTooLong, Overloaded]]),
        route!(monitoring::metrics, Needs(MetricsRead), [STORE]),
        route!(monitoring::memory, Needs(MetricsRead), [STORE]),
        route!(monitoring::pool, Needs(MetricsRead), [STORE]),
        route!(docs::openapi, KeyOptional, [EVERYWHERE]),
        route!(docs::page, Open, [&[UriTooLong, Overloaded]]),
        route!(docs::asset, Open, [&[UriTooLong, Overloaded]]),
        route!(docs::problem_type, Open, [PUBLIC, &[RouteNotFound]]),
        route!(docs::index, KeyOptional, [EVERYWHERE]),
        // Schemas.
        route!(schemas::list, Needs(SchemasRead), [EVERYWHERE]),
        route!(
            schemas::create,
            Needs(SchemasWrite),
            [EVERYWHERE, BODY, &[SchemaInvalid, SchemaExists, WriteConflict, StorageFull]]
        ),
        route!(schemas::infer, Needs(SchemasWrite), [EVERYWHERE, BODY, &[SchemaInvalid, StorageFull]]),
        route!(schemas::describe, Needs(SchemasRead), [EVERYWHERE, &[SchemaNotFound, SchemaChanged, StaleVersion]]),
        route!(
            schemas::remove,
            Needs(SchemasWrite),
            [EVERYWHERE, &[SchemaNotFound, StaleVersion, WriteConflict, StorageFull]]
        ),
        route!(
            schemas::evolve,
            Needs(SchemasWrite),
            [
                EVERYWHERE,
                BODY,
                &[
                    SchemaNotFound,
                    SchemaInvalid,
                    SchemaContradicted,
                    SchemaChanged,
                    StaleVersion,
                    WriteConflict,
                    StorageFull
                ]
            ]
        ),
        route!(schemas::versions, Needs(SchemasRead), [EVERYWHERE, &[SchemaNotFound]]),
        route!(schemas::advice, Needs(SchemasRead), [EVERYWHERE, &[SchemaNotFound, SchemaChanged]]),
        route!(schemas::profile, Needs(RecordsRead), [EVERYWHERE, READ, FILTERS]),
        // Rules checked against what is stored.
        route!(validations::list, Needs(RecordsRead), [EVERYWHERE, &[SchemaNotFound]]),
        route!(
            validations::start,
            Needs(RecordsRead),
            [EVERYWHERE, BODY, &[SchemaNotFound, SchemaChanged, RulesInvalid, StorageFull]]
        ),
        route!(validations::describe, Needs(RecordsRead), [EVERYWHERE, &[SchemaNotFound, ValidationNotFound]]),
        route!(validations::cancel, Needs(RecordsRead), [EVERYWHERE, &[SchemaNotFound, ValidationNotFound]]),
        route!(
            validations::issues,
            Needs(RecordsRead),
            [EVERYWHERE, &[SchemaNotFound, ValidationNotFound, ValidationUnfinished]]
        ),
        route!(
            validations::apply,
            Needs(RecordsWrite),
            [
                EVERYWHERE,
                BODY,
                WRITE,
                &[SchemaNotFound, ValidationNotFound, ValidationUnfinished, RulesInvalid, UniqueViolation]
            ]
        ),
        // Copies of everything, and reports of bulk calls.
        route!(backup::download, Needs(Admin), [EVERYWHERE, &[StorageFull, RangeNotSatisfiable]]),
        route!(backup::receipt, Needs(Admin), [EVERYWHERE, &[BackupNotFound]]),
        route!(imports::failures, Needs(RecordsAppend), [EVERYWHERE, &[ReportNotFound]]),
        // Records.
        route!(
            records::create_named,
            Needs(RecordsAppend),
            [EVERYWHERE, BODY, WRITE, KEYS, NAMED_CALL, &[SchemaNotFound, StaleVersion]]
        ),
        route!(
            records::bulk_named,
            Needs(RecordsAppend),
            [EVERYWHERE, BODY, WRITE, NAMED_CALL, &[SchemaNotFound, StaleVersion, TooManyRecords]]
        ),
        route!(records::page, Needs(RecordsRead), [EVERYWHERE, READ, FILTERS, NEGOTIATED, PAGED]),
        route!(
            records::create,
            Needs(RecordsAppend),
            [EVERYWHERE, BODY, WRITE, KEYS, NAMED_CALL, &[SchemaNotFound, StaleVersion]]
        ),
        route!(
            records::remove_matching,
            Needs(RecordsWrite),
            [
                EVERYWHERE,
                FILTERS,
                &[SchemaNotFound, SchemaChanged, StaleVersion, TooManyAffected, WriteConflict, StorageFull]
            ]
        ),
        // The method QUERY (safe, with a body), which descriptions cannot name.
        route!(records::query, Needs(RecordsRead), [EVERYWHERE, READ, BODY, FILTERS, NEGOTIATED, PAGED, GROUPED])
            .served_as("query", b"QUERY", "/api/v1/records/{schema}"),
        route!(
            records::bulk,
            Needs(RecordsAppend),
            [EVERYWHERE, BODY, WRITE, NAMED_CALL, &[SchemaNotFound, StaleVersion, TooManyRecords]]
        ),
        route!(records::query, Needs(RecordsRead), [EVERYWHERE, READ, BODY, FILTERS, NEGOTIATED, PAGED, GROUPED]),
        route!(records::stream, Needs(RecordsRead), [EVERYWHERE, READ, FILTERS, NEGOTIATED, PAGED]),
        route!(
            records::stream_query,
            Needs(RecordsRead),
            [EVERYWHERE, READ, BODY, FILTERS, NEGOTIATED, PAGED, GROUPED]
        ),
        route!(records::count, Needs(RecordsRead), [EVERYWHERE, READ, FILTERS]),
        route!(records::get, Needs(RecordsRead), [EVERYWHERE, READ, &[RecordNotFound]]),
        route!(
            records::replace,
            Needs(RecordsWrite),
            [EVERYWHERE, BODY, WRITE, KEYS, &[SchemaNotFound, RecordNotFound, StaleVersion]]
        ),
        route!(
            records::remove,
            Needs(RecordsWrite),
            [EVERYWHERE, &[SchemaNotFound, SchemaChanged, RecordNotFound, StaleVersion, WriteConflict, StorageFull]]
        ),
        route!(
            records::patch,
            Needs(RecordsWrite),
            [EVERYWHERE, BODY, WRITE, KEYS, &[SchemaNotFound, RecordNotFound, StaleVersion]]
        ),
    ]
});

/// Adds every route of the API.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    let patterns = ROUTES.iter().flat_map(|route| patterns(&route.path).map(|pattern| (pattern, route.access)));
    config.app_data(OpenPaths::of(patterns));
    for (path, routes) in by_path(&ROUTES) {
        config.service(resource(path, &routes));
    }
    config.default_service(web::to(not_found));
}

/// The paths in the order in which the table first names them, each with its routes.
fn by_path(routes: &'static [Route]) -> Vec<(&'static str, Vec<&'static Route>)> {
    let mut paths: Vec<(&str, Vec<&Route>)> = Vec::new();
    for route in routes {
        match paths.iter_mut().find(|(path, _)| *path == route.path) {
            Some((_, routes)) => routes.push(route),
            None => paths.push((&route.path, vec![route])),
        }
    }
    paths
}

/// What the router takes for a path. That of the base may end with a slash.
fn patterns(path: &str) -> impl Iterator<Item = String> + use<> {
    let with_slash = (path == BASE).then(|| format!("{path}/"));
    [path.to_owned()].into_iter().chain(with_slash)
}

/// A path whose other methods are answered with a problem that names those it has.
fn resource(path: &str, routes: &[&'static Route]) -> Resource {
    let allow = allow(routes);
    let other = move |request: HttpRequest| {
        let answer = other_method(&request, &allow);
        async { answer }
    };
    let served = |route: &&'static Route| {
        let access = route.access;
        let authorize = move |request: ServiceRequest, next: Next<BoxBody>| access::authorize(access, request, next);
        (route.handler)(route.method.clone()).wrap(from_fn(authorize))
    };
    let resource = web::resource(patterns(path).collect::<Vec<_>>());
    routes.iter().map(served).fold(resource, Resource::route).default_service(web::to(other))
}

/// The methods that a path has, in alphabetical order. `HEAD` comes with `GET`.
fn allow(routes: &[&Route]) -> String {
    let mut methods: Vec<&str> = routes.iter().map(|route| route.method.as_str()).collect();
    methods.sort_unstable();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    methods.join(", ")
}

/// The answer to a method that a path does not have, and to `OPTIONS`.
fn other_method(request: &HttpRequest, allow: &str) -> Result<HttpResponse, ApiError> {
    if request.method() == Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header((ALLOW, allow)).finish());
    }
    Err(ApiError::method_not_allowed(allow.to_owned()))
}

async fn not_found(request: HttpRequest) -> Result<String, ApiError> {
    let shown: String = request.path().chars().take(128).collect();
    let error = ApiError::new(RouteNotFound, format!("there is nothing at `{shown}`; the API is below {BASE}"));
    Err(if request.path().len() > 1 && request.path().ends_with('/') {
        error.and("no path has a slash at its end")
    } else {
        error
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use actix_web::dev::ResourceDef;
    use eider_domain::{Grant, Verb};

    use super::*;

    #[test]
    fn no_path_is_hidden_by_one_before_it() {
        let paths: Vec<&str> = by_path(&ROUTES).into_iter().map(|(path, _)| path).collect();
        for (place, path) in paths.iter().enumerate() {
            let earlier = paths[..place].iter().find(|earlier| ResourceDef::new(**earlier).is_match(path));
            assert_eq!(earlier, None, "{path}");
        }
    }

    #[test]
    fn a_path_is_open_with_all_of_its_methods_or_with_none() {
        for (path, routes) in by_path(&ROUTES) {
            let guarded = routes.iter().filter(|route| matches!(route.access, Needs(_))).count();
            assert!([0, routes.len()].contains(&guarded), "{path}");
        }
    }

    /// The table of docs/reference/access.md: each route and method with the verb that it needs, and the verbs of a key that will do.
    fn table() -> String {
        let names = Verb::ALL.map(|verb| format!("`{verb}`")).join(" | ");
        let mut table =
            format!("| route | method | needs | {names} |\n|---|---|---{}|\n", "|---".repeat(Verb::ALL.len()));
        for route in by_path(&ROUTES).into_iter().flat_map(|(_, routes)| routes) {
            let (shown, needed) = match route.access {
                Open => ("nothing".to_owned(), None),
                KeyOptional => ("no key, or one that is valid".to_owned(), None),
                Needs(verb) => (format!("`{verb}`"), Some(verb)),
            };
            let does = |own: Verb| needed.is_none_or(|verb| Grant::new([own], Vec::new()).has(verb));
            let marks = Verb::ALL.map(|own| if does(own) { "yes" } else { "" }).join(" | ");
            let _ = writeln!(table, "| `{}` | `{}` | {shown} | {marks} |", route.path, route.method);
        }
        table
    }

    #[test]
    fn the_document_says_who_may_do_what() {
        let document = include_str!("../../../../docs/reference/access.md");
        assert!(document.contains(&table()), "the table of docs/reference/access.md should be:\n{}", table());
    }
}
