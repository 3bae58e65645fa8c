//! `GET /openapi.json`: the description of the API, with the schemas that there are.

use actix_web::http::header::{CACHE_CONTROL, ETAG, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use eider_application::{Error, blocking};
use eider_domain::Verb;
use utoipa::OpenApi;

use super::{
    advice, aliases, backup, bulk, docs, errors, front, health, imports, infer, metrics, monitoring, pages, profile,
    query, records, schemas, stream, validations,
};
use crate::access;
use crate::answers::REVALIDATE;
use crate::conditional::is_known;
use crate::error::ApiError;
use crate::long_text::Lasting;
use crate::openapi::{self, Specification};
use crate::query_string::Parameters;
use crate::state::ApiState;

/// The headers that a key comes in: what is described depends on it.
const BY_KEY: &str = "authorization, x-api-key";

/// The control that names a version of OpenAPI.
const VERSION: &str = "version";

/// What every route says of itself.
#[derive(OpenApi)]
#[openapi(
    paths(
        self::describe,
        front::door,
        front::index,
        front::icon,
        docs::page,
        docs::asset,
        errors::problem_type,
        health::live,
        health::ready,
        metrics::metrics,
        monitoring::memory,
        monitoring::pool,
        backup::download,
        backup::receipt,
        schemas::list,
        schemas::create,
        infer::infer,
        schemas::describe,
        schemas::evolve,
        schemas::versions,
        schemas::remove,
        validations::list,
        validations::start,
        validations::describe,
        validations::cancel,
        validations::issues,
        validations::apply,
        profile::profile,
        advice::advice,
        imports::failures,
        aliases::create,
        aliases::bulk,
        pages::page,
        records::create,
        records::remove_matching,
        bulk::create,
        query::query,
        stream::records,
        stream::query,
        pages::count,
        records::get,
        records::replace,
        records::patch,
        records::remove,
    ),
    components(schemas(
        openapi::Count, openapi::Problem, openapi::StoredSchema, openapi::PagePlace, openapi::Explanation, openapi::Page
    )),
    tags(
        (name = "schemas", description = "What records are like."),
        (name = "quality", description = "Rules that what is stored should follow, and what does not."),
        (name = "records", description = "Records, one by one and in pages."),
        (name = "bulk", description = "Many records in one call."),
        (name = "queries", description = "Queries as JSON, and aggregations."),
        (name = "streams", description = "Every record, from one snapshot."),
        (name = "aliases", description = "Routes of the service that Eider replaces."),
        (name = "operation", description = "The state of the server, and this description."),
    )
)]
pub(super) struct Routes;

/// This description, with the schemas that there are.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "operation",
    params(openapi::DescribedAs, openapi::IfNoneMatch),
    responses(
        (status = 200, description = "An OpenAPI document.", body = Object,
            headers(("ETag" = String, description = "The version of the server and of the schemas."))),
        openapi::NotModified,
    )
)]
pub(super) async fn describe(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &[VERSION], false)?;
    let specification = parameters.choice(VERSION, &Specification::ALL)?;
    let settings = state.settings();
    let reader = access::principal(&request)?;
    let mut schemas = state.services.schemas.list().await?;
    schemas.retain(|schema| reader.may(Verb::SchemasRead, schema.name()));
    let tag = openapi::tag(specification, &schemas, &settings);
    if is_known(&request, &tag)? {
        let mut response = HttpResponse::NotModified();
        return Ok(response
            .insert_header((ETAG, tag))
            .insert_header((CACHE_CONTROL, REVALIDATE))
            .insert_header((VARY, BY_KEY))
            .finish());
    }
    let document = if let Some(document) = state.descriptions.of(&tag) {
        document
    } else {
        let make = move || openapi::document(specification, &Routes::openapi(), &schemas, &settings).to_string();
        let document = blocking::run(move || Bytes::from(make())).await.map_err(Error::from)?;
        state.descriptions.keep(&tag, &document);
        document
    };
    let mut response = HttpResponse::Ok();
    response
        .content_type("application/json")
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, REVALIDATE))
        .insert_header((VARY, BY_KEY));
    let mut response = response.body(document);
    response.extensions_mut().insert(Lasting);
    Ok(response)
}
