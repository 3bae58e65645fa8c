//! `GET /openapi.json`: the description of the API, with the schemas that there are.

use actix_web::http::header::{CACHE_CONTROL, ETAG, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use eider_application::Error;
use eider_application::runtime::blocking;
use eider_domain::Verb;

use crate::api::openapi::{self, Specification};
use crate::api::routes::ROUTES;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::access;
use crate::request::conditional::{IfNoneMatch, is_known};
use crate::response::cache::REVALIDATE;
use crate::response::kept::Lasting;
use crate::state::ApiState;

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "they are described, and read one by one")]
struct DescribedAs {
    /// The version of OpenAPI, 3.2 if not given; 3.1 does not know the method QUERY.
    #[param(nullable = false, inline)]
    version: Option<OpenApiVersion>,
}

#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is described, and read by its name")]
enum OpenApiVersion {
    #[schema(rename = "3.2")]
    V3_2,
    #[schema(rename = "3.1")]
    V3_1,
}

/// The headers that a key comes in: what is described depends on it.
const BY_KEY: &str = "authorization, x-api-key";

/// The control that names a version of OpenAPI.
const VERSION: &str = "version";

/// This description, with the schemas that there are.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "operation",
    params(DescribedAs, IfNoneMatch),
    responses(
        (status = 200, description = "An OpenAPI document.", body = Object,
            headers(("ETag" = String, description = "The version of the server and of the schemas."))),
        openapi::NotModified,
    )
)]
pub(crate) async fn handle(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
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
        let make = move || openapi::document(specification, &ROUTES, &schemas, &settings).to_string();
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
