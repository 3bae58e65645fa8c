//! `GET /schemas/{schema}/profile`: what the values of a schema are like.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::ports::{FieldProfile, ProfileRequest, Statistic};
use eider_domain::{Field, Schema, spelled};
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::definition::PropertyType;
use crate::api::answer::answer;
use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::{Parameters, record_query};
use crate::request::conditional::IfNoneMatch;
use crate::response::cache::{CacheKey, CachedResponse};
use crate::state::{ApiState, MIN_SEQ, within};
use crate::telemetry::shape::Shape;
use crate::telemetry::slow;

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "they are described, and read one by one")]
struct Profiled {
    /// Only these fields, in this order: `carrier,created_at`. Every property if not given.
    #[param(nullable = false, min_length = 1)]
    fields: Option<String>,
}

/// The control that names fields; without it the profile is of every property.
const FIELDS: &str = "fields";

/// What the values of matching records are like.
#[derive(Serialize, ToSchema)]
pub(crate) struct DataProfile {
    /// Records that match.
    count: u64,
    properties: Vec<PropertyProfile>,
}

/// What the values of a property are like. A statistic that its type does not have is left out; one that its values do not
/// have is null.
#[derive(Serialize, ToSchema)]
struct PropertyProfile {
    name: String,
    r#type: PropertyType,
    /// Records that have a value.
    #[schema(value_type = u64)]
    count: Json,
    nulls: u64,
    /// How many different values there are; of many an estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, nullable = false)]
    distinct: Option<Json>,
    /// The least value; of a text at most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Json>,
    /// The greatest value; of a text at most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    mean: Option<Json>,
    /// Characters of the shortest text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    min_length: Option<Json>,
    /// Characters of the longest text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    max_length: Option<Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quantiles: Vec<Quantile>,
    /// The most frequent values.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    top: Option<Vec<Frequency>>,
}

/// About the value that a share of all values does not exceed.
#[derive(Serialize, ToSchema)]
struct Quantile {
    /// The share, from 0 to 1.
    p: f64,
    value: Json,
}

/// A value and how many records have it.
#[derive(Serialize, ToSchema)]
struct Frequency {
    value: Json,
    count: u64,
}

impl From<&eider_application::ports::DataProfile> for DataProfile {
    fn from(profile: &eider_application::ports::DataProfile) -> Self {
        let properties = profile.fields.iter().map(|field| PropertyProfile::new(field, profile.records));
        Self { count: profile.records, properties: properties.collect() }
    }
}

impl PropertyProfile {
    fn new(profile: &FieldProfile, records: u64) -> Self {
        let FieldProfile { field, statistics, top } = profile;
        let data_type = field.data_type();
        let statistic = |wanted: Statistic| {
            let (statistic, value) = statistics.iter().find(|(statistic, _)| *statistic == wanted)?;
            Some(value.to_json(statistic.data_type(data_type)))
        };
        let quantiles = statistics.iter().filter_map(|(statistic, value)| match statistic {
            Statistic::Quantile(p) => Some(Quantile { p: *p, value: value.to_json(statistic.data_type(data_type)) }),
            _ => None,
        });
        let top = top.iter().map(|(value, count)| Frequency { value: value.to_json(data_type), count: *count });
        let count = statistic(Statistic::Count).unwrap_or_default();
        Self {
            name: field.name().to_owned(),
            r#type: PropertyType(data_type.name()),
            nulls: records.saturating_sub(count.as_u64().unwrap_or_default()),
            count,
            distinct: statistic(Statistic::Distinct),
            min: statistic(Statistic::Min),
            max: statistic(Statistic::Max),
            mean: statistic(Statistic::Mean),
            min_length: statistic(Statistic::MinLength),
            max_length: statistic(Statistic::MaxLength),
            quantiles: quantiles.collect(),
            top: data_type.is_comparable().then(|| top.collect()),
        }
    }
}

/// Statistics of the values of matching records.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}/profile",
    operation_id = "profile",
    tag = "schemas",
    params(openapi::InSchema, openapi::Filters, Profiled, openapi::SeenFrom, IfNoneMatch),
    responses(
        (status = 200, description = "The statistics.", body = DataProfile, headers(("ETag" = String, description = "The commit and the query."))),
        openapi::NotModified,
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &[FIELDS, "filters", MIN_SEQ], true)?;
    let profile = async |schema: Arc<Schema>| {
        let query = record_query(&parameters, &schema, &state.settings())?;
        let is_chosen = parameters.control(FIELDS).is_some();
        let is_asked = |field: &&Field| is_chosen || matches!(field, Field::Property { .. });
        let fields = query.projection.fields().iter().filter(is_asked);
        let asked = ProfileRequest { fields: fields.cloned().collect(), filter: query.filter };
        let names: Vec<_> = asked.fields.iter().map(|field| spelled(field.name())).collect();
        let text = format!("profile {} {}", names.join(","), asked.filter);
        let cache_key = CacheKey { schema: &schema, query: &text, representation: None };
        let make = async {
            slow::note(&request, Shape::of_filter("profile", &schema, &asked.filter));
            let profile = within(state.settings().query_timeout, state.services.query.profile(&schema, &asked)).await?;
            CachedResponse::json(&DataProfile::from(&profile))
        };
        answer(&state, &request, cache_key, make).await
    };
    state.with_schema_to_read(&name, &parameters, profile).await
}
