//! `GET /records/{schema}/stream`: every matching record, from one snapshot, in constant memory.

use actix_web::{HttpRequest, HttpResponse, web};
use arrow_schema::SchemaRef;
use eider_application::{BodyFormat, Error, blocking};

use super::represented;
use crate::accept::{FORMAT, Representation};
use crate::delivery::Delivery;
use crate::error::ApiError;
use crate::middleware::request_id;
use crate::output::Output;
use crate::query_string::{Parameters, record_query, stream_limit};
use crate::state::{ApiState, MIN_SEQ};

const CONTROLS: [&str; 6] = ["fields", "sort", "filters", "limit", FORMAT, MIN_SEQ];

pub(super) async fn records(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &CONTROLS, true)?;
    let representation = Representation::negotiate(&request, &parameters, BodyFormat::Ndjson)?;
    let schema = state.schema_to_read(&name, &parameters).await?;
    let query = record_query(&parameters, &schema, &state.settings)?;
    let limit = stream_limit(&parameters)?;

    let permit = state.streams.admit().await?;
    let records = state.services.query.stream(&schema, query, limit).await?;
    let columns = SchemaRef::clone(records.schema());
    let output = blocking::run(move || Output::new(&representation, &columns)).await.flatten().map_err(Error::from)?;
    let delivery =
        Delivery { records, output, permit, idle: state.settings.stream_idle, request_id: request_id(&request) };
    Ok(represented(HttpResponse::Ok(), &representation).streaming(delivery.start()))
}
