//! `GET /records/{schema}/stream`: every matching record, or those behind a cursor, from one snapshot, in constant
//! memory.

use actix_web::{HttpRequest, HttpResponse, web};
use arrow_schema::SchemaRef;
use eider_application::{BodyFormat, Cursors, Error, StreamRequest, blocking};

use super::explain::{self, EXPLAIN};
use super::represented;
use crate::accept::{FORMAT, Representation};
use crate::delivery::Delivery;
use crate::encode::FramedEncoder;
use crate::error::ApiError;
use crate::middleware::request_id;
use crate::output::Output;
use crate::query_string::{Parameters, record_query, stream_framing, stream_limit};
use crate::state::{ApiState, MIN_SEQ};

const CONTROLS: [&str; 10] =
    ["fields", "sort", "filters", "limit", "resume", "profile", "checkpoint_rows", FORMAT, MIN_SEQ, EXPLAIN];

pub(super) async fn records(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &CONTROLS, true)?;
    let framing = stream_framing(&parameters)?;
    let representation = match framing {
        Some(_) => Representation::ndjson(&request, &parameters)?,
        None => Representation::negotiate(&request, &parameters, BodyFormat::Ndjson)?,
    };
    let schema = state.schema_to_read(&name, &parameters).await?;
    let query = record_query(&parameters, &schema, &state.settings)?;
    let limit = stream_limit(&parameters)?;
    let resume = parameters.control("resume").map(str::to_owned);
    if explain::is_asked(&parameters)? {
        let asked = StreamRequest { query, resume, limit, with_cursors: framing.is_some() };
        return Ok(explain::answer(&state.services.query.explain_stream(&schema, asked).await?));
    }
    let framing = framing.map(|checkpoint_rows| (checkpoint_rows, Cursors::new(&schema, &query), resume.clone()));

    let permit = state.streams.admit().await?;
    let asked = StreamRequest { query, resume, limit, with_cursors: framing.is_some() };
    let records = state.services.query.stream(&schema, asked).await?;
    let columns = SchemaRef::clone(records.schema());
    let output = blocking::run(move || match framing {
        None => Output::new(&representation, &columns),
        Some((checkpoint_rows, cursors, resumed)) => {
            Output::of(Box::new(FramedEncoder::new(&columns, cursors, checkpoint_rows, resumed)), &representation)
        }
    });
    let output = output.await.flatten().map_err(Error::from)?;
    let delivery =
        Delivery { records, output, permit, idle: state.settings.stream_idle, request_id: request_id(&request) };
    Ok(represented(HttpResponse::Ok(), &representation).streaming(delivery.start()))
}
