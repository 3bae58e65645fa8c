//! The parameters of requests, as they are described; in sets that routes have together.
#![expect(dead_code, reason = "the types are described, not made")]

use serde_json::Value as Json;
use utoipa::{IntoParams, ToSchema};

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct InSchema {
    /// The name of a schema, in any case.
    #[param(pattern = "^[A-Za-z][A-Za-z0-9_]{0,62}$")]
    schema: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filters {
    /// Conditions, joined by AND, each a parameter of its own: `property.operator=value`; a property may stand in double
    /// quotes, its own doubled. The operators are `eq`, `ne`,
    /// `gt`, `gte`, `lt`, `lte`, `in` (values between commas, or a JSON array), `like`, `ilike` (`%` any characters,
    /// `_` one), `is_null`, `is_not_null` (`true` or `false`).
    #[param(style = Form, explode, value_type = Option<Object>)]
    filter: Json,
    /// The same in the predecessor's spelling: `[{"field": …, "operator": …, "value": …}]`.
    #[param(nullable = false)]
    filters: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Shown {
    /// Only these fields, in this order: `id,carrier`, in double quotes where a name has a comma: `"a,b"`.
    #[param(nullable = false, min_length = 1)]
    fields: Option<String>,
    /// Keys of the order, `-` for descending: `-time_hour,flight`; or `[{"field": …, "order": "asc"}]`.
    #[param(nullable = false, min_length = 1)]
    sort: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Formatted {
    /// The format of the answer, whatever `Accept` says.
    #[param(nullable = false, inline)]
    format: Option<Format>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Format {
    Ndjson,
    Jsonl,
    Json,
    Csv,
    Arrow,
    Parquet,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SeenFrom {
    /// The read waits until this commit of the schema is visible.
    #[param(nullable = false, minimum = 0)]
    min_seq: Option<u64>,
}
