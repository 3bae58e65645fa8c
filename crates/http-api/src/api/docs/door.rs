//! `GET /`: where a newcomer begins.

use actix_web::http::header::{LOCATION, VARY};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::BASE;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::representation::accept;

/// Where a browser is sent.
const PAGE: &str = "/docs";

/// What the server is, and where to go from here.
#[derive(Serialize, ToSchema)]
pub(super) struct FrontDoor {
    name: &'static str,
    /// Of the server.
    version: &'static str,
    links: Links,
}

/// Paths at which to go on.
#[derive(Serialize, ToSchema)]
struct Links {
    /// Every path of the API.
    api: &'static str,
    /// A page to read and try the API.
    documentation: &'static str,
    /// The description of the API.
    openapi: &'static str,
    /// Whether the server can work.
    health: &'static str,
    /// Metrics for Prometheus.
    metrics: &'static str,
}

impl FrontDoor {
    pub(super) fn new() -> Self {
        let links = Links {
            api: BASE,
            documentation: PAGE,
            openapi: "/openapi.json",
            health: "/health/ready",
            metrics: "/metrics",
        };
        Self { name: "eider", version: env!("CARGO_PKG_VERSION"), links }
    }
}

/// What the server is, and where to go from here; a browser is sent to the page.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "front_door",
    tag = "operation",
    responses(
        (status = 200, description = "The server.", body = FrontDoor),
        (status = 303, description = "`Accept` prefers HTML: the page is elsewhere.", headers(("Location" = String, description = "Where the page is."))),
    )
)]
pub(crate) async fn handle(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    if accept::prefers_html(&request) {
        return Ok(HttpResponse::SeeOther().insert_header((LOCATION, PAGE)).insert_header((VARY, "accept")).finish());
    }
    Ok(HttpResponse::Ok().insert_header((VARY, "accept")).json(FrontDoor::new()))
}
