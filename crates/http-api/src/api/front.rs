//! `GET /` and `GET /api/v1`: where a newcomer begins; and the icon that browsers ask for.

use std::sync::{LazyLock, OnceLock};

use actix_web::http::header::{CACHE_CONTROL, ETAG, LOCATION, VARY};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use eider_application::{Error, blocking};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::routes::{BASE, ROUTES};
use crate::accept;
use crate::conditional::is_known;
use crate::error::ApiError;
use crate::openapi;
use crate::query_string::Parameters;

/// Where a browser is sent.
const PAGE: &str = "/docs";
/// The head of an eider, in 16 and in 32 pixels.
const ICON: &[u8] = include_bytes!("front/favicon.ico");
/// A week.
const ICON_KEPT: &str = "public, max-age=604800";

static ICON_TAG: LazyLock<String> =
    LazyLock::new(|| format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(ICON)[..16])));

/// What there is, made when it is first asked for: it is the same as long as the server runs.
static INDEX: OnceLock<Bytes> = OnceLock::new();

/// What the server is, and where to go from here; a browser is sent to the page.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "front_door",
    tag = "operation",
    responses(
        (status = 200, description = "The server.", body = openapi::FrontDoor),
        (status = 303, description = "`Accept` prefers HTML: the page is elsewhere.", headers(("Location" = String, description = "Where the page is."))),
    )
)]
pub(super) async fn door(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    if accept::prefers_html(&request) {
        return Ok(HttpResponse::SeeOther().insert_header((LOCATION, PAGE)).insert_header((VARY, "accept")).finish());
    }
    Ok(HttpResponse::Ok().insert_header((VARY, "accept")).json(server()))
}

/// Every path of the API, with what its methods do.
#[utoipa::path(
    get,
    path = "/api/v1",
    operation_id = "index",
    tag = "operation",
    responses(
        (status = 200, description = "What there is, to everybody the same.", body = openapi::ApiIndex),
    )
)]
pub(super) async fn index(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let index = match INDEX.get() {
        Some(index) => index,
        None => blocking::run(|| INDEX.get_or_init(make_index)).await.map_err(Error::from)?,
    };
    Ok(HttpResponse::Ok().content_type("application/json").body(index.clone()))
}

/// The icon of the server.
#[utoipa::path(
    get,
    path = "/favicon.ico",
    operation_id = "favicon",
    tag = "operation",
    params(openapi::IfNoneMatch),
    responses(
        (status = 200, description = "The icon.", body = String, content_type = "image/vnd.microsoft.icon", headers(("ETag" = String, description = "What is in it."))),
        openapi::NotModified,
    )
)]
pub(super) async fn icon(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let is_known = is_known(&request, &ICON_TAG)?;
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, ICON_TAG.as_str())).insert_header((CACHE_CONTROL, ICON_KEPT));
    if is_known {
        return Ok(response.finish());
    }
    Ok(response.content_type("image/vnd.microsoft.icon").body(ICON))
}

fn server() -> Json {
    json!({
        "name": "eider",
        "version": env!("CARGO_PKG_VERSION"),
        "links": {
            "api": BASE,
            "documentation": PAGE,
            "openapi": "/openapi.json",
            "health": "/health/ready",
            "metrics": "/metrics",
        },
    })
}

fn make_index() -> Bytes {
    let mut index = server();
    index["resources"] = openapi::resources(&ROUTES, BASE);
    Bytes::from(index.to_string())
}
