//! What `Content-Type` says of a body: its media type, and how it is to be read.

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;
use eider_application::ErrorCode;
use eider_application::ingest::{BodyFormat, OptionError, READ_OPTIONS, ReadOptions};

use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::representation::media_type::{available, format_of};

/// The parameter of text types that names an encoding.
const CHARSET: &str = "charset";
/// What stands before the names of options of CSV, whose media types have the rest of the name as a parameter.
const CSV: &str = "csv.";
/// Characters of a value that are shown.
const SHOWN: usize = 32;

/// A `Content-Type`, with names in lower case.
#[derive(Debug, PartialEq, Eq)]
struct ContentType {
    /// Without parameters; empty when there is none.
    essence: String,
    parameters: Vec<(String, String)>,
}

impl ContentType {
    fn parse(text: &str) -> Self {
        let mut parts = parts_of(text);
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let parameters = parts.filter_map(|parameter| parameter.split_once('='));
        let parameters =
            parameters.map(|(name, value)| (name.trim().to_ascii_lowercase(), unquoted(value.trim()))).collect();
        Self { essence, parameters }
    }

    /// # Errors
    /// 415 when it is no text.
    fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        let Some(value) = request.headers().get(CONTENT_TYPE) else { return Ok(Self::parse("")) };
        Ok(Self::parse(value.to_str().map_err(|_| unsupported("(not text)", "application/json"))?))
    }

    /// Refuses text that is not UTF-8. ASCII is.
    fn check_charset(&self) -> Result<(), ApiError> {
        let other = self.parameters.iter().find(|(name, value)| name == CHARSET && !is_utf8(value));
        other.map_or(Ok(()), |(_, value)| {
            let shown: String = value.to_ascii_lowercase().chars().take(SHOWN).collect();
            let detail = format!("the charset `{shown}` is not read here; send UTF-8");
            Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail))
        })
    }
}

/// The media type of the body in lower case, without its parameters; empty when none is given.
///
/// # Errors
/// 415 when it says that the text is not UTF-8.
pub(super) fn media_type(request: &HttpRequest) -> Result<String, ApiError> {
    let found = ContentType::of(request)?;
    found.check_charset()?;
    Ok(found.essence)
}

/// Names of the parameters that say how a body is to be read, beside those of a route.
pub(crate) fn with_reading(own: &[&'static str]) -> Vec<&'static str> {
    own.iter().copied().chain(READ_OPTIONS.iter().map(|option| option.name)).collect()
}

/// The format of a bulk body and how it is to be read: as `Content-Type` and the parameters of the request say.
///
/// # Errors
/// 415 for a format that is not read, 400 for an option that it does not have, or that both give differently.
pub(crate) fn reading(
    request: &HttpRequest,
    parameters: &Parameters<'_>,
) -> Result<(BodyFormat, ReadOptions), ApiError> {
    let found = ContentType::of(request)?;
    let format = format_of(&found.essence).ok_or_else(|| unsupported(&found.essence, &available().join(", ")))?;
    options_of(format, &found, parameters)
}

/// The same of the file of a form: as its own `Content-Type` says, or else what its name ends with.
///
/// # Errors
/// As [`reading`].
pub(crate) fn reading_of_file(
    content_type: &str,
    ending: Option<&str>,
    parameters: &Parameters<'_>,
) -> Result<(BodyFormat, ReadOptions), ApiError> {
    let found = ContentType::parse(content_type);
    let format = format_of(&found.essence).or_else(|| {
        let format = BodyFormat::of_ending(ending?)?;
        BodyFormat::read().any(|read| read == format).then_some(format)
    });
    let format = format.ok_or_else(|| {
        let detail = "neither the media type nor the name of the file says what it is";
        ApiError::new(ErrorCode::UnsupportedMediaType, format!("{detail}; send {}", available().join(", ")))
    })?;
    options_of(format, &found, parameters)
}

fn options_of(
    format: BodyFormat,
    found: &ContentType,
    parameters: &Parameters<'_>,
) -> Result<(BodyFormat, ReadOptions), ApiError> {
    let mut options = ReadOptions::default();
    if format.is_delimited() {
        of_media_type(found, &mut options)?;
    } else {
        found.check_charset()?;
    }
    for option in READ_OPTIONS {
        if let Some(text) = parameters.control(option.name) {
            options.set(option.name, text).map_err(|error| invalid(&error))?;
        }
    }
    format.check_options(&options).map_err(|error| invalid(&error))?;
    Ok((format, options))
}

/// Sets what the parameters of a media type say: `header` and `charset` (RFC 4180, section 3), and the other options of
/// CSV by the same rule. What they mean to others is passed over.
fn of_media_type(found: &ContentType, options: &mut ReadOptions) -> Result<(), ApiError> {
    for (name, value) in &found.parameters {
        let refuse = |error: OptionError| {
            let shown: String = value.chars().take(SHOWN).collect();
            let detail = format!("`{name}={shown}` of `Content-Type` is not read here: {}", error.detail);
            ApiError::new(ErrorCode::UnsupportedMediaType, detail)
        };
        let (option, value) = match name.as_str() {
            // What is said to be ASCII and is not is UTF-8 in most cases, and refused in the others.
            CHARSET if is_utf8(value) => ("csv.encoding".to_owned(), "utf-8".to_owned()),
            CHARSET => ("csv.encoding".to_owned(), value.clone()),
            "header" => ("csv.header".to_owned(), value.to_ascii_lowercase()),
            name => (format!("{CSV}{name}"), value.clone()),
        };
        if READ_OPTIONS.iter().any(|known| known.name == option) {
            options.set(&option, &value).map_err(refuse)?;
        }
    }
    Ok(())
}

fn invalid(error: &OptionError) -> ApiError {
    ApiError::parameter(&error.name, &error.detail)
}

fn is_utf8(charset: &str) -> bool {
    ["utf-8", "utf8", "us-ascii"].iter().any(|name| charset.eq_ignore_ascii_case(name))
}

/// The parts of a header between semicolons that are not in quotes (RFC 9110, section 5.6.6).
fn parts_of(text: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |character| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match character {
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            ';' => return !is_quoted,
            _ => {}
        }
        false
    })
}

/// A value without its quotes, and without what escapes within them.
fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut characters = inner.chars();
    let mut text = String::new();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

/// The refusal of a media type.
pub(super) fn unsupported(found: &str, accepted: &str) -> ApiError {
    let shown: String = found.chars().take(64).collect();
    let found =
        if shown.is_empty() { "there is no Content-Type".to_owned() } else { format!("`{shown}` is not read here") };
    ApiError::new(ErrorCode::UnsupportedMediaType, format!("{found}; send {accepted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_out_of_quotes() {
        for (text, essence, parameters) in [
            ("", "", &[][..]),
            ("Text/CSV", "text/csv", &[]),
            ("text/csv;", "text/csv", &[]),
            ("text/csv; Charset=UTF-8;HEADER=\"absent\"", "text/csv", &[("charset", "UTF-8"), ("header", "absent")]),
            ("text/csv; delimiter=\";\"; quote='", "text/csv", &[("delimiter", ";"), ("quote", "'")]),
            ("text/csv; quote=\"\\\"\"; x=\"\\\\;\"", "text/csv", &[("quote", "\""), ("x", "\\;")]),
            ("text/csv; charset", "text/csv", &[]),
            ("text/csv; a=\"b; c=d", "text/csv", &[("a", "\"b; c=d")]),
        ] {
            let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(ContentType::parse(text), ContentType { essence: essence.to_owned(), parameters }, "{text}");
        }
    }
}
