//! Rules as their author writes them. The domain reads them and says what is wrong with them.
#![expect(dead_code, reason = "the domain reads them")]

use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::api::schemas::definition::Severity;

/// The rules of a validation.
#[derive(ToSchema)]
pub(crate) struct RuleList {
    /// Without them they are those of the schema.
    #[schema(min_items = 1, max_items = 100)]
    rules: Option<Vec<QualityRule>>,
}

/// What values of a property must be like. Which members a rule takes depends on its kind.
#[derive(ToSchema)]
pub(crate) struct QualityRule {
    rule: RuleKind,
    /// A property of the schema; of `freshness` also `created_at` and `updated_at`.
    #[schema(nullable = false)]
    property: Option<String>,
    /// Of `duplicate`, in place of `property`.
    #[schema(nullable = false, min_items = 1, max_items = 16)]
    properties: Option<Vec<String>>,
    /// What the rule is called; made of its kind and its property if not given.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,100}$")]
    name: Option<String>,
    severity: Option<Severity>,
    /// Of `values`: those allowed.
    #[schema(nullable = false, min_items = 1, max_items = 1000)]
    values: Option<Vec<Json>>,
    /// Of `standardize`: white space around the text goes.
    #[schema(nullable = false)]
    trim: Option<bool>,
    /// Of `standardize`: white space becomes a single space wherever it is.
    #[schema(nullable = false)]
    collapse: Option<bool>,
    /// Of `standardize`.
    #[schema(nullable = false)]
    case: Option<RuleCase>,
    /// Of `standardize`: other spellings, and what they become.
    #[schema(nullable = false, value_type = Option<Object>)]
    spellings: Option<Json>,
    /// Of `length`: fewest characters.
    #[schema(nullable = false, minimum = 0)]
    min: Option<u64>,
    /// Of `length`: most characters.
    #[schema(nullable = false, minimum = 0)]
    max: Option<u64>,
    /// Of `characters`: characters, and ranges of them.
    #[schema(nullable = false, example = "A-Z0-9")]
    allowed: Option<String>,
    /// Of `pattern`: matches anywhere; the syntax of Rust's `regex`, as in constraints.
    #[schema(nullable = false)]
    pattern: Option<String>,
    /// Of `range`.
    #[schema(nullable = false)]
    minimum: Option<Json>,
    /// Of `range`.
    #[schema(nullable = false)]
    maximum: Option<Json>,
    /// Of `freshness`: a whole number and one of `s`, `m`, `h`, `d`, `w`.
    #[schema(nullable = false, pattern = "^[0-9]+[smhdw]$")]
    max_age: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum RuleKind {
    Required,
    Values,
    Standardize,
    Length,
    Characters,
    Pattern,
    Range,
    Duplicate,
    Freshness,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum RuleCase {
    Lower,
    Upper,
}
