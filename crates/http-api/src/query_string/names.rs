//! Names of properties in query strings: as they are, or in double quotes where the text around them could be misread.

use std::borrow::Cow;

use eider_application::ErrorCode;
use eider_domain::{Field, Misquoted, NameRules, Schema, UnknownField, leading_name, spelled};

use super::Parameters;
use crate::error::ApiError;

/// Name of the control that says what a name in a body stands for: `from:to`.
pub(crate) const RENAME: &str = "rename";
/// Name of the control that has values under a name in a body passed over.
pub(crate) const IGNORE: &str = "ignore";

/// The field of a name. One that is suggested instead is written as a query string has it.
pub(super) fn field(schema: &Schema, name: &str) -> Result<Field, ApiError> {
    schema.field(name).map_err(|UnknownField { name, suggestion }| {
        let suggestion = suggestion.map(|name| spelled(&name).into_owned());
        UnknownField { name, suggestion }.into()
    })
}

/// The names in a list between commas, each with what `sign` takes off in front of it.
pub(super) fn listed<'t, S>(
    control: &str,
    text: &'t str,
    sign: impl Fn(&'t str) -> (S, &'t str),
) -> Result<Vec<(S, Cow<'t, str>)>, ApiError> {
    let mut names = Vec::new();
    let mut next = Some(text);
    while let Some(text) = next {
        let (sign, text) = sign(text);
        let (name, rest) = leading_name(text, ',').map_err(|error| ApiError::parameter(control, error))?;
        names.push((sign, name));
        next = rest.strip_prefix(',');
    }
    Ok(names)
}

/// The property and the operator of a filter. Without quotes the operator is what follows the last dot.
pub(super) fn filtered(key: &str) -> Result<(Cow<'_, str>, &str), ApiError> {
    if !key.starts_with('"') {
        let (property, operator) = key.rsplit_once('.').unwrap_or((key, ""));
        return Ok((property.into(), operator));
    }
    let (property, operator) = leading_name(key, '.').map_err(|error| misquoted(key, error))?;
    Ok((property, operator.strip_prefix('.').unwrap_or_default()))
}

/// A value that is one name.
pub(crate) fn only_name<'t>(control: &str, text: &'t str) -> Result<Cow<'t, str>, ApiError> {
    // No text goes on behind its end.
    match leading_name(text, '\0') {
        Ok((name, "")) => Ok(name),
        Ok(_) => Err(ApiError::parameter(control, Misquoted)),
        Err(error) => Err(ApiError::parameter(control, error)),
    }
}

/// What `rename` and `ignore` say of the names in a body.
pub(crate) fn name_rules(parameters: &Parameters<'_>) -> Result<NameRules, ApiError> {
    let rename = |text| {
        let (from, rest) = leading_name(text, ':').map_err(|error| ApiError::parameter(RENAME, error))?;
        let Some(to) = rest.strip_prefix(':') else {
            return Err(ApiError::parameter(RENAME, "it takes `from:to`, a name with a `:` in double quotes"));
        };
        Ok((from.into_owned(), only_name(RENAME, to)?.into_owned()))
    };
    let ignore = |text| Ok(only_name(IGNORE, text)?.into_owned());
    Ok(NameRules {
        renames: parameters.each(RENAME).map(rename).collect::<Result<_, ApiError>>()?,
        ignores: parameters.each(IGNORE).map(ignore).collect::<Result<_, ApiError>>()?,
    })
}

fn misquoted(key: &str, error: Misquoted) -> ApiError {
    let shown: String = key.chars().take(64).collect();
    ApiError::new(ErrorCode::InvalidParameter, format!("the filter `{shown}` is not valid: {error}"))
}
