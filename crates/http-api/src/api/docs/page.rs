//! `GET /docs`: a page to read and try the API, with nothing from outside: Swagger UI out of the binary.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};

use crate::response::cache::REVALIDATE;

/// What the page may load and do: its own files, styles that it writes, images that it draws.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = include_str!("page/index.html");

/// A page to read and try the API.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "docs",
    tag = "operation",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
)]
pub(crate) async fn handle() -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, REVALIDATE)).insert_header((CONTENT_SECURITY_POLICY, POLICY));
    response.content_type("text/html; charset=utf-8").body(PAGE)
}
