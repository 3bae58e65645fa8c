//! Query strings: `property.operator=value` filters beside controls without a dot.
//!
//! Names of properties may stand in double quotes wherever they are written here: [`names`].

pub(crate) mod bounds;
mod controls;
mod filters;
mod names;

use std::borrow::Cow;

use eider_application::ErrorCode;
use eider_domain::nearest;
use percent_encoding::percent_decode_str;

use crate::error::ApiError;

pub(crate) use controls::{page_request, record_query, stream_framing, stream_limit};
pub(crate) use names::{IGNORE, RENAME, name_rules, only_name};

/// Controls that may be given more than once, each time with another value.
const REPEATED: [&str; 2] = [RENAME, IGNORE];

/// The parameters of a request, each checked to be one that its route knows.
#[derive(Debug)]
pub(crate) struct Parameters<'q> {
    filters: Vec<(Cow<'q, str>, Cow<'q, str>)>,
    controls: Vec<(&'static str, Cow<'q, str>)>,
}

impl<'q> Parameters<'q> {
    /// Parses a query string. `controls` are the names without a dot that the route knows;
    /// `takes_filters` whether it knows filters.
    pub(crate) fn parse(query: &'q str, controls: &[&'static str], takes_filters: bool) -> Result<Self, ApiError> {
        let mut parameters = Self { filters: Vec::new(), controls: Vec::new() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (key, value) = (decode(key)?, decode(value)?);
            if takes_filters && (key.contains('.') || key.starts_with('"')) {
                parameters.filters.push((key, value));
                continue;
            }
            let Some(name) = controls.iter().copied().find(|name| *name == key) else {
                return Err(unknown(&key, controls, takes_filters));
            };
            if parameters.control(name).is_some() && !REPEATED.contains(&name) {
                return Err(ApiError::parameter(name, "it is given twice"));
            }
            parameters.controls.push((name, value));
        }
        Ok(parameters)
    }

    /// The value of a control, if it is given.
    pub(crate) fn control(&self, name: &str) -> Option<&str> {
        self.controls.iter().find(|(control, _)| *control == name).map(|(_, value)| value.as_ref())
    }

    /// Every value of a control that may be given more than once.
    pub(crate) fn each<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.controls.iter().filter(move |(control, _)| *control == name).map(|(_, value)| value.as_ref())
    }

    /// The meaning of a control that takes one of a few values; that of the first when it is not given.
    pub(crate) fn choice<T: Copy>(&self, name: &str, values: &[(&str, T)]) -> Result<T, ApiError> {
        let text = self.control(name).unwrap_or(values[0].0);
        let names = || values.iter().map(|(value, _)| *value).collect::<Vec<_>>().join(", ");
        let found = values.iter().find(|(value, _)| *value == text);
        found.map(|(_, value)| *value).ok_or_else(|| ApiError::parameter(name, format!("it takes {}", names())))
    }
}

fn decode(text: &str) -> Result<Cow<'_, str>, ApiError> {
    let not_utf8 = |_| ApiError::new(ErrorCode::MalformedRequest, "the query string is not UTF-8");
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Ok(Cow::Owned(percent_decode_str(&spaced).decode_utf8().map_err(not_utf8)?.into_owned()));
    }
    percent_decode_str(text).decode_utf8().map_err(not_utf8)
}

fn unknown(key: &str, controls: &[&'static str], takes_filters: bool) -> ApiError {
    let shown: String = key.chars().take(64).collect();
    let hint = match nearest(key, controls.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if controls.is_empty() && !takes_filters => "this route takes none".to_owned(),
        None if takes_filters => {
            let names = if controls.is_empty() { "none".to_owned() } else { controls.join(", ") };
            format!("filters are written `property.operator=value`; the other parameters are: {names}")
        }
        None => format!("the parameters are: {}", controls.join(", ")),
    };
    ApiError::new(ErrorCode::UnknownParameter, format!("there is no parameter `{shown}`; {hint}"))
}
