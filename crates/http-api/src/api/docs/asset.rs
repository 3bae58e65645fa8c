//! `GET /docs/{file}`: what the page loads.

use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::sync::OnceLock;

use actix_web::http::header::{CACHE_CONTROL, ETAG};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use eider_application::runtime::blocking;
use eider_application::{Error, ErrorCode};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

use crate::error::{ApiError, Problem};
use crate::request::conditional::is_known;
use crate::response::kept::Lasting;

const START: &str = include_str!("page/start.js");

/// The files of the archive that the page loads, with their media types.
const FILES: [(&str, &str); 3] = [
    ("swagger-ui.css", "text/css; charset=utf-8"),
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ("favicon-32x32.png", "image/png"),
];

/// The files by name, unpacked when the first is asked for; about 1.7 MB.
static UNPACKED: OnceLock<HashMap<&'static str, Bytes>> = OnceLock::new();

/// A file that the page loads.
#[utoipa::path(
    get,
    path = "/docs/{file}",
    operation_id = "docs_asset",
    tag = "operation",
    params(("file" = String, Path, description = "Its name.")),
    responses(
        (status = 200, description = "The file.", content(
            (String = "text/css"), (String = "text/javascript"), (String = "image/png"))),
        (status = 304, description = "The client has it."),
        (status = 404, description = "There is no such file.", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(request: HttpRequest, file: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let known = FILES.into_iter().chain([("start.js", FILES[1].1)]).find(|(name, _)| *name == *file);
    let (name, content_type) =
        known.ok_or_else(|| ApiError::new(ErrorCode::RouteNotFound, "the page of the API has no such file"))?;
    let tag = format!("\"{}\"", env!("CARGO_PKG_VERSION"));
    let is_known = is_known(&request, &tag)?;
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, "public, max-age=3600"));
    if is_known {
        return Ok(response.finish());
    }
    response.content_type(content_type);
    let body = match name {
        "start.js" => Bytes::from_static(START.as_bytes()),
        _ => unpacked(name).await?,
    };
    let mut response = response.body(body);
    response.extensions_mut().insert(Lasting);
    Ok(response)
}

async fn unpacked(name: &str) -> Result<Bytes, ApiError> {
    let files = match UNPACKED.get() {
        Some(files) => files,
        None => blocking::run(|| UNPACKED.get_or_init(unpack)).await.map_err(Error::from)?,
    };
    files.get(name).cloned().ok_or_else(|| ApiError::new(ErrorCode::Internal, "a file of the page cannot be unpacked"))
}

/// The files that can be read; a test says that all can.
fn unpack() -> HashMap<&'static str, Bytes> {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED)) else { return HashMap::new() };
    let mut read = |(name, _): (&'static str, &str)| {
        let suffix = format!("/dist/{name}");
        let paths = archive.file_names().filter_map(Result::ok);
        let path = paths.into_iter().find(|path| path.ends_with(&suffix) && !path.contains("flavors"))?.into_owned();
        let mut content = Vec::new();
        archive.by_name(&path).ok()?.read_to_end(&mut content).ok()?;
        Some((name, Bytes::from(content)))
    };
    FILES.into_iter().filter_map(&mut read).collect()
}
