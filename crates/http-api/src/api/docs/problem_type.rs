//! `GET /errors/{code}`: what the `type` of problems leads to.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::http::header::{CACHE_CONTROL, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::ErrorCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{ApiError, status_of, type_of};
use crate::query_string::Parameters;
use crate::representation::accept;

/// The page that explains every code: a heading for each, below it the status, then what it means.
const PAGE: &str = include_str!("../../../../../docs/reference/errors.md");
/// It is the same as long as the server is.
const KEPT: &str = "public, max-age=3600";

/// What each code means, in a paragraph.
static MEANINGS: LazyLock<HashMap<&str, String>> = LazyLock::new(|| {
    let sections = PAGE.split("\n### ").skip(1).filter_map(|section| section.split_once("\n\n"));
    sections.map(|(code, text)| (code, meaning(text))).collect()
});

/// What the problems of a code have in common.
#[derive(Serialize, ToSchema)]
struct ProblemType {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    /// For a person; may change its wording.
    meaning: &'static str,
    /// Whether the same request may succeed later without being changed.
    retryable: bool,
}

/// What a problem of a code is, for programs and for persons.
#[utoipa::path(
    get,
    path = "/errors/{code}",
    operation_id = "problem_type",
    tag = "operation",
    params(("code" = String, Path, description = "The code of a problem, the end of its `type`.")),
    responses(
        (status = 200, description = "What it is; a page where `Accept` prefers HTML.", content(
            (ProblemType = "application/json"), (String = "text/html"))),
    )
)]
pub(crate) async fn handle(request: HttpRequest, code: web::Path<String>) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let code = ErrorCode::ALL.iter().copied().find(|known| known.name() == *code);
    let code = code.ok_or_else(|| ApiError::new(ErrorCode::RouteNotFound, "no problem has this code"))?;
    let mut response = HttpResponse::Ok();
    response.insert_header((VARY, "accept")).insert_header((CACHE_CONTROL, KEPT));
    if accept::prefers_html(&request) {
        return Ok(response.content_type("text/html; charset=utf-8").body(page(code)));
    }
    Ok(response.json(ProblemType {
        r#type: type_of(code),
        title: code.title(),
        status: status_of(code).as_u16(),
        code: code.name(),
        meaning: meaning_of(code),
        retryable: code.is_retryable(),
    }))
}

fn meaning_of(code: ErrorCode) -> &'static str {
    MEANINGS.get(code.name()).map_or(code.title(), String::as_str)
}

/// The first paragraph of a section, on one line, without the status that it begins with and without links.
fn meaning(section: &str) -> String {
    let paragraph = section.split("\n\n").next().unwrap_or_default();
    let text = paragraph.split_once(". ").map_or(paragraph, |(_, text)| text).replace('\n', " ");
    let mut parts = text.trim().split('[');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let link = part.split_once("](").and_then(|(shown, rest)| Some((shown, rest.split_once(')')?.1)));
        match link {
            Some((shown, rest)) => plain.extend([shown, rest]),
            None => plain.extend(["[", part]),
        }
    }
    plain
}

fn page(code: ErrorCode) -> String {
    let status = status_of(code);
    let retrying = if code.is_retryable() {
        "The same request may succeed later."
    } else {
        "The same request is not expected to succeed later."
    };
    let (title, meaning) = (html(code.title()), html(meaning_of(code)));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{code}</title>\n</head>\n\
         <body>\n<h1><code>{code}</code></h1>\n<p>{title}.</p>\n<p>HTTP status: {status}</p>\n<p>{meaning}</p>\n\
         <p>{retrying}</p>\n<p><a href=\"/docs\">The API</a></p>\n</body>\n</html>\n"
    )
}

/// Text as HTML; what is between backticks is code.
fn html(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let parts = escaped.split('`').enumerate();
    parts.map(|(place, part)| if place % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_for_persons_is_read_as_text() {
        let section = "414. The path is\nlonger. Send a [body](api.md#query-body) [sic].\n\n| a | table |";
        assert_eq!(meaning(section), "The path is longer. Send a body [sic].");
        assert_eq!(html("`a<b` & c"), "<code>a&lt;b</code> &amp; c");
    }
}
