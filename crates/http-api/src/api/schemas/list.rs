//! `GET /schemas`.

use actix_web::{HttpRequest, HttpResponse, web};
use eider_domain::{Schema, Verb};
use serde::Serialize;
use utoipa::ToSchema;

use super::stored::StoredSchema;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::request::access;
use crate::state::{ApiState, within};

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "they are described, and read one by one")]
struct Counted {
    /// Says how many records each schema has.
    #[param(nullable = false)]
    statistics: Option<bool>,
}

/// The control that asks for what the schemas of a list hold.
const STATISTICS: &str = "statistics";

#[derive(Serialize, ToSchema)]
pub(crate) struct SchemaList {
    data: Vec<ListedSchema>,
}

/// A schema among others.
#[derive(Serialize, ToSchema)]
struct ListedSchema {
    #[serde(flatten)]
    #[schema(inline)]
    schema: StoredSchema,
    /// Present with `statistics`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    record_count: Option<u64>,
}

impl ListedSchema {
    fn new(schema: &Schema, record_count: Option<u64>) -> Self {
        Self { schema: schema.into(), record_count }
    }
}

/// Every schema, ordered by name.
#[utoipa::path(
    get,
    path = "/api/v1/schemas",
    operation_id = "list_schemas",
    tag = "schemas",
    params(Counted),
    responses(
        (status = 200, description = "The schemas.", body = SchemaList),
    )
)]
pub(crate) async fn handle(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &[STATISTICS], false)?;
    let is_counted = parameters.choice(STATISTICS, &[("false", false), ("true", true)])?;
    let reader = access::principal(&request)?;
    let mut schemas = state.services.schemas.list().await?;
    schemas.retain(|schema| reader.may(Verb::SchemasRead, schema.name()));
    let data = if is_counted {
        let counts = state.services.schemas.record_counts(&schemas);
        let counts = within(state.settings().query_timeout, counts).await?;
        // A schema without a count was removed meanwhile.
        let counted = schemas.iter().zip(counts).filter_map(|(schema, count)| Some((schema, count?)));
        counted.map(|(schema, count)| ListedSchema::new(schema, Some(count))).collect()
    } else {
        schemas.iter().map(|schema| ListedSchema::new(schema, None)).collect()
    };
    Ok(HttpResponse::Ok().json(SchemaList { data }))
}
