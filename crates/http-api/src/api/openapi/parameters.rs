//! The parameters of requests, as they are described; in sets that routes have together.
#![expect(dead_code, reason = "the types are described, not made")]

use eider_application::ingest::READ_OPTIONS;
use serde_json::Value as Json;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct InSchema {
    /// The name of a schema, in any case.
    #[param(pattern = "^[A-Za-z][A-Za-z0-9_]{0,62}$")]
    schema: String,
}

/// How a body is to be read: the table of the options.
pub(crate) struct ReadingOptions;

impl IntoParams for ReadingOptions {
    fn into_params(_parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let described = READ_OPTIONS.iter().map(|option| {
            ParameterBuilder::new()
                .name(option.name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(option.meaning))
                .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
                .build()
        });
        described.collect()
    }
}

/// A form with one file. Any parameter of the query may be a field in front of the file.
#[derive(ToSchema)]
pub(crate) struct FileForm {
    /// The records, in a format that the file's own media type or the end of its name says.
    #[schema(value_type = String, format = Binary)]
    file: String,
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
    /// In Arrow and Parquet: UUIDs as sixteen bytes, whose type says what they are, or as text.
    #[param(nullable = false, inline)]
    uuid: Option<UuidForm>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum UuidForm {
    Bytes,
    Text,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Format {
    Ndjson,
    Jsonl,
    Json,
    Csv,
    Tsv,
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
