//! `GET /api/v1`: every path of the API.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use eider_application::Error;
use eider_application::runtime::blocking;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

use super::door::FrontDoor;
use crate::api::BASE;
use crate::api::routes::ROUTES;
use crate::error::ApiError;
use crate::query_string::Parameters;

/// What there is, made when it is first asked for: it is the same as long as the server runs.
static INDEX: OnceLock<Bytes> = OnceLock::new();

/// What the server is, and every path of the API.
#[derive(Serialize, ToSchema)]
struct ApiIndex {
    #[serde(flatten)]
    #[schema(inline)]
    server: FrontDoor,
    /// Ordered by path.
    resources: Vec<ApiResource>,
}

/// A path, and what its methods do.
#[derive(Serialize, ToSchema)]
struct ApiResource {
    /// A template (RFC 6570).
    path: &'static str,
    /// A sentence for each method.
    #[schema(value_type = BTreeMap<String, String>)]
    methods: Map<String, Json>,
}

/// Every path of the API, with what its methods do.
#[utoipa::path(
    get,
    path = "/api/v1",
    operation_id = "index",
    tag = "operation",
    responses(
        (status = 200, description = "What there is, to everybody the same.", body = ApiIndex),
    )
)]
pub(crate) async fn handle(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let index = match INDEX.get() {
        Some(index) => index,
        None => blocking::run(|| INDEX.get_or_init(make_index)).await.map_err(Error::from)?,
    };
    Ok(HttpResponse::Ok().content_type("application/json").body(index.clone()))
}

fn make_index() -> Bytes {
    let index = ApiIndex { server: FrontDoor::new(), resources: resources() };
    // Texts are always written.
    serde_json::to_vec(&index).unwrap_or_default().into()
}

/// The paths below the base, with the sentence that the description of each of their methods begins with.
fn resources() -> Vec<ApiResource> {
    let mut resources: BTreeMap<&'static str, Map<String, Json>> = BTreeMap::new();
    for route in ROUTES.iter().filter(|route| route.path.strip_prefix(BASE).is_some_and(|rest| rest.starts_with('/'))) {
        let summary = route.operation.summary.clone().unwrap_or_default();
        resources.entry(&route.path).or_default().insert(route.method.to_string(), summary.into());
    }
    resources.into_iter().map(|(path, methods)| ApiResource { path, methods }).collect()
}
