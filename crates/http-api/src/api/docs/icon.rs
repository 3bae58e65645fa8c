//! `GET /favicon.ico`: the icon that browsers ask for.

use std::sync::LazyLock;

use actix_web::http::header::{CACHE_CONTROL, ETAG};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::conditional::{IfNoneMatch, is_known};

/// The head of an eider, in 16 and in 32 pixels.
const ICON: &[u8] = include_bytes!("icon/favicon.ico");

/// A week.
const ICON_KEPT: &str = "public, max-age=604800";

static ICON_TAG: LazyLock<String> =
    LazyLock::new(|| format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(ICON)[..16])));

/// The icon of the server.
#[utoipa::path(
    get,
    path = "/favicon.ico",
    operation_id = "favicon",
    tag = "operation",
    params(IfNoneMatch),
    responses(
        (status = 200, description = "The icon.", body = String, content_type = "image/vnd.microsoft.icon", headers(("ETag" = String, description = "What is in it."))),
        openapi::NotModified,
    )
)]
pub(crate) async fn handle(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let is_known = is_known(&request, &ICON_TAG)?;
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, ICON_TAG.as_str())).insert_header((CACHE_CONTROL, ICON_KEPT));
    if is_known {
        return Ok(response.finish());
    }
    Ok(response.content_type("image/vnd.microsoft.icon").body(ICON))
}
