//! `GET /schemas/{schema}/profile`: what the values of a schema are like.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::{DataProfile, FieldProfile, Figure, ProfileRequest};
use eider_domain::{Field, Schema};
use serde_json::{Map, Value as Json, json};

use crate::answers::{Answer, Question, answer};
use crate::error::ApiError;
use crate::openapi;
use crate::query_string::{Parameters, record_query};
use crate::shape::Shape;
use crate::slow;
use crate::state::{ApiState, MIN_SEQ, within};

/// The control that names fields; without it the profile is of every property.
const FIELDS: &str = "fields";

/// Figures of the values of matching records.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}/profile",
    operation_id = "profile",
    tag = "schemas",
    params(openapi::InSchema, openapi::Filters, openapi::Profiled, openapi::SeenFrom, openapi::IfNoneMatch),
    responses(
        (status = 200, description = "The figures.", body = openapi::DataProfile, headers(("ETag" = String, description = "The commit and the query."))),
        openapi::NotModified,
    )
)]
pub(super) async fn profile(
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
        let names: Vec<&str> = asked.fields.iter().map(Field::name).collect();
        let text = format!("profile {} {}", names.join(","), asked.filter);
        let question = Question { schema: &schema, query: &text, representation: None };
        let make = async {
            slow::note(&request, Shape::of_filter("profile", &schema, &asked.filter));
            let profile = within(state.settings().query_timeout, state.services.query.profile(&schema, &asked)).await?;
            Ok(Answer::new(document(&profile).to_string().into()))
        };
        answer(&state, &request, question, make).await
    };
    state.with_schema_to_read(&name, &parameters, profile).await
}

fn document(profile: &DataProfile) -> Json {
    let properties = profile.fields.iter().map(|field| field_document(field, profile.records));
    json!({"count": profile.records, "properties": properties.collect::<Vec<_>>()})
}

/// The figures that the field's type has.
fn field_document(profile: &FieldProfile, records: u64) -> Json {
    let FieldProfile { field, figures, top } = profile;
    let data_type = field.data_type();
    let mut document = Map::new();
    document.insert("name".into(), field.name().into());
    document.insert("type".into(), data_type.name().into());
    let mut quantiles = Vec::new();
    for (figure, value) in figures {
        let json = value.to_json(figure.data_type(data_type));
        let name = match figure {
            Figure::Count => {
                let nulls = records.saturating_sub(json.as_u64().unwrap_or_default());
                document.insert("count".into(), json);
                document.insert("nulls".into(), nulls.into());
                continue;
            }
            Figure::Distinct => "distinct",
            Figure::Min => "min",
            Figure::Max => "max",
            Figure::Mean => "mean",
            Figure::Quantile(share) => {
                quantiles.push(json!({"p": share, "value": json}));
                continue;
            }
            Figure::MinLength => "min_length",
            Figure::MaxLength => "max_length",
        };
        document.insert(name.into(), json);
    }
    if !quantiles.is_empty() {
        document.insert("quantiles".into(), quantiles.into());
    }
    if data_type.is_comparable() {
        let top = top.iter().map(|(value, count)| json!({"value": value.to_json(data_type), "count": count}));
        document.insert("top".into(), top.collect());
    }
    Json::Object(document)
}
