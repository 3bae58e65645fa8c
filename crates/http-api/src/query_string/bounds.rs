//! How much one condition of a query may ask for.

use eider_application::ErrorCode;
use eider_domain::{OperandKind, Operator};
use serde_json::Value as Json;

use crate::HttpSettings;
use crate::error::ApiError;

/// Limits of the value of a condition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    max_list_values: usize,
    max_pattern_chars: usize,
}

impl Bounds {
    pub(crate) fn new(settings: &HttpSettings) -> Self {
        Self { max_list_values: settings.max_list_values, max_pattern_chars: settings.max_pattern_chars }
    }

    /// Checks a value of a document.
    ///
    /// # Errors
    /// 400 `query_too_complex` for a list or a pattern that is too long.
    pub(crate) fn check(self, operator: Operator, value: &Json) -> Result<(), ApiError> {
        match value {
            Json::Array(values) => self.check_list(values.len()),
            Json::String(text) => self.check_text(operator, text),
            _ => Ok(()),
        }
    }

    /// Checks a value of a query string.
    ///
    /// # Errors
    /// As [`Bounds::check`].
    pub(crate) fn check_text(self, operator: Operator, text: &str) -> Result<(), ApiError> {
        match operator.operand() {
            // At most as many as there are commas, and one.
            OperandKind::List => self.check_list(text.bytes().filter(|byte| *byte == b',').count() + 1),
            OperandKind::Pattern if text.chars().count() > self.max_pattern_chars => {
                Err(too_complex(format!("a pattern has at most {} characters", self.max_pattern_chars)))
            }
            OperandKind::Nothing | OperandKind::Value | OperandKind::Pattern => Ok(()),
        }
    }

    fn check_list(self, values: usize) -> Result<(), ApiError> {
        if values <= self.max_list_values {
            return Ok(());
        }
        Err(too_complex(format!("a list has at most {} values, this one has {values}", self.max_list_values)))
    }
}

fn too_complex(detail: String) -> ApiError {
    ApiError::new(ErrorCode::QueryTooComplex, detail)
}
