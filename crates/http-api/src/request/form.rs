//! Forms with one file (`multipart/form-data`, RFC 7578), read as they arrive.

use std::cell::Cell;
use std::fmt::Write as _;
use std::rc::Rc;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use async_stream::stream;
use eider_application::ingest::BodyError;
use eider_application::{Error, ErrorCode};
use futures::{StreamExt, TryStreamExt};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::body::Pieces;
use super::content_type::media_type;
use crate::error::ApiError;

/// The media type of forms with files.
const FORM: &str = "multipart/form-data";
/// Most fields in front of the file.
const MAX_FIELDS: usize = 64;
/// Longest value of a field, in bytes.
const MAX_FIELD_BYTES: usize = 4 << 10;

/// A form as far as its file.
pub(crate) struct Form {
    /// The query of the request, and the fields in front of the file as if they stood in it.
    pub(crate) query: String,
    /// The `Content-Type` of the file; empty when it has none.
    pub(crate) content_type: String,
    /// What its name ends with, behind the last point, in lower case.
    pub(crate) ending: Option<String>,
    /// The bytes of the file as they arrive; they end with an error when something stands behind the file.
    pub(crate) pieces: Pieces,
}

/// Whether the body of a request is a form.
pub(crate) fn is_form(request: &HttpRequest) -> bool {
    media_type(request).is_ok_and(|essence| essence == FORM)
}

/// Reads the fields of a form, which say how its file is to be stored, as far as the file.
///
/// # Errors
/// 400 when it is no form, has too many fields or no file; what `pieces` yields.
pub(crate) async fn open(request: &HttpRequest, pieces: Pieces) -> Result<Form, ApiError> {
    let failure = Rc::new(Cell::new(None));
    let noted = Rc::clone(&failure);
    let pieces = pieces.map_err(move |error| {
        noted.set(Some(error));
        PayloadError::Incomplete(None)
    });
    let mut parts = Multipart::new(request.headers(), pieces);
    let mut query = request.query_string().to_owned();
    for _ in 0..=MAX_FIELDS {
        let part = parts.next().await.ok_or_else(|| refused("the form has no file"))?;
        let part = part.map_err(|error| broken(&error, failure.take()))?;
        let ending = part.content_disposition().and_then(|disposition| disposition.get_filename()).map(ending_of);
        if let Some(ending) = ending {
            let content_type = part.content_type().map(ToString::to_string).unwrap_or_default();
            return Ok(Form { query, content_type, ending, pieces: file(part, parts, failure) });
        }
        let name = part.name().unwrap_or_default().to_owned();
        let value = value_of(part, &name).await.map_err(|error| match error {
            FieldError::Refused(error) => error,
            FieldError::Broken(error) => broken(&error, failure.take()),
        })?;
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let separator = if query.is_empty() { "" } else { "&" };
        let _ = write!(query, "{separator}{}={}", encoded(&name), encoded(&value));
    }
    Err(refused(&format!("the form has more than {MAX_FIELDS} fields in front of its file")))
}

/// Why a field cannot be read.
enum FieldError {
    Refused(ApiError),
    Broken(MultipartError),
}

async fn value_of(mut field: Field, name: &str) -> Result<String, FieldError> {
    let mut value = Vec::new();
    while let Some(piece) = field.try_next().await.map_err(FieldError::Broken)? {
        if value.len() + piece.len() > MAX_FIELD_BYTES {
            let detail =
                format!("it has more than {MAX_FIELD_BYTES} bytes; a file has a name, and stands behind the fields");
            return Err(FieldError::Refused(ApiError::parameter(&shown(name), detail)));
        }
        value.extend_from_slice(&piece);
    }
    String::from_utf8(value).map_err(|_| FieldError::Refused(ApiError::parameter(&shown(name), "it is not UTF-8")))
}

/// The bytes of the file. Nothing but the end of the form may stand behind it: what a field there says would come too
/// late.
fn file(mut file: Field, mut parts: Multipart, failure: Rc<Cell<Option<BodyError>>>) -> Pieces {
    Box::pin(stream! {
        while let Some(piece) = file.next().await {
            match piece {
                Ok(piece) => yield Ok(piece),
                Err(_) => {
                    yield Err(failure.take().unwrap_or(BodyError::Unreadable));
                    return;
                }
            }
        }
        drop(file);
        match parts.next().await {
            None => {}
            Some(Ok(_)) => yield Err(BodyError::BehindFile),
            Some(Err(_)) => yield Err(failure.take().unwrap_or(BodyError::Unreadable)),
        }
    })
}

/// What a name of a file ends with, behind the last point.
fn ending_of(name: &str) -> Option<String> {
    name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase())
}

fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

fn refused(detail: &str) -> ApiError {
    ApiError::new(ErrorCode::MalformedRequest, detail)
}

/// A form that breaks off, or is none.
fn broken(error: &MultipartError, failure: Option<BodyError>) -> ApiError {
    if let Some(failure) = failure {
        return Error::from(failure).into();
    }
    let detail: String = error.to_string().chars().take(200).collect();
    refused(&format!("the form cannot be read: {detail}"))
}
