//! JSON objects being read: every member is known, and every error says where it is.

use eider_application::ErrorCode;
use eider_domain::nearest;
use serde_json::{Map, Value as Json};

use crate::error::ApiError;

/// An object of a document. A member that is null counts as one that is not there.
#[derive(Debug)]
pub(super) struct Members<'j> {
    object: &'j Map<String, Json>,
    pointer: String,
}

impl<'j> Members<'j> {
    /// The object at a pointer, which may have no members but the `known`.
    pub(super) fn of(json: &'j Json, pointer: &str, known: &[&str]) -> Result<Self, ApiError> {
        let Json::Object(object) = json else {
            return Err(ApiError::body(pointer, format!("expected an object, with {}", known.join(", "))));
        };
        if let Some(name) = object.keys().find(|name| !known.contains(&name.as_str())) {
            let shown: String = name.chars().take(64).collect();
            let hint = nearest(name, known.iter().copied()).map_or_else(
                || format!("the members are {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let detail = format!("there is no member `{shown}`; {hint}");
            return Err(ApiError::new(ErrorCode::UnknownParameter, detail).at(pointer));
        }
        Ok(Self { object, pointer: pointer.to_owned() })
    }

    /// Where a member is.
    pub(super) fn pointer(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }

    pub(super) fn get(&self, name: &str) -> Option<&'j Json> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'j str>, ApiError> {
        self.get(name).map(|value| text(value, &self.pointer(name))).transpose()
    }

    pub(super) fn required_text(&self, name: &str) -> Result<&'j str, ApiError> {
        self.text(name)?.ok_or_else(|| ApiError::body(&self.pointer, format!("`{name}` is missing")))
    }

    /// A whole number from 1 that the engine's signed 64 bits hold.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_u64().filter(|number| (1..=i64::MAX as u64).contains(number));
        number.map(Some).ok_or_else(|| ApiError::body(&self.pointer(name), "expected a whole number from 1"))
    }

    /// Refuses members for a reason.
    pub(super) fn refuse(&self, names: &[&str], reason: &str) -> Result<(), ApiError> {
        let present = names.iter().find(|name| self.get(name).is_some());
        present.map_or(Ok(()), |name| Err(ApiError::body(&self.pointer(name), reason)))
    }
}

pub(super) fn text<'j>(value: &'j Json, pointer: &str) -> Result<&'j str, ApiError> {
    value.as_str().ok_or_else(|| ApiError::body(pointer, "expected a text"))
}

/// The elements of a list, each with where it is; none when there is no list.
pub(super) fn list<'j>(
    value: Option<&'j Json>,
    pointer: &str,
) -> Result<impl Iterator<Item = (&'j Json, String)> + use<'j>, ApiError> {
    let elements = match value {
        None => &[],
        Some(Json::Array(elements)) => elements.as_slice(),
        Some(_) => return Err(ApiError::body(pointer, "expected a list")),
    };
    let pointer = pointer.to_owned();
    Ok(elements.iter().enumerate().map(move |(index, element)| (element, format!("{pointer}/{index}"))))
}
