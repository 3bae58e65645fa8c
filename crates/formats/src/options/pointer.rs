//! JSON Pointers (RFC 6901): where in a document something is.

use std::fmt;

/// Most steps of a pointer to records.
const MAX_STEPS: usize = 16;

/// A place in a JSON document, such as `/data/items`; the document itself is the empty text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPointer(Vec<String>);

impl JsonPointer {
    /// A pointer of at least one step.
    pub fn of(steps: Vec<String>) -> Self {
        Self(steps)
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let steps = match text.strip_prefix('/') {
            Some(steps) => steps.split('/'),
            None if text.is_empty() => return Ok(Self(Vec::new())),
            None => return Err("it takes a JSON Pointer, such as `/data`".to_owned()),
        };
        let steps: Vec<String> = steps.map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
        if steps.len() > MAX_STEPS {
            return Err(format!("it takes a JSON Pointer of at most {MAX_STEPS} steps"));
        }
        Ok(Self(steps))
    }

    /// The keys, and places in arrays, from the document to what is meant.
    pub fn steps(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| write!(f, "/{}", step.replace('~', "~0").replace('/', "~1")))
    }
}
