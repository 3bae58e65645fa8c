//! `/records/{schema}/stream`: every matching record, or those behind a cursor, from one snapshot, in constant memory; or
//! every group of an aggregation.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpRequest, HttpResponse, web};
use arrow_schema::SchemaRef;
use eider_application::{BodyFormat, Cursors, Error, RecordStream, StreamRequest, blocking};
use eider_domain::{Aggregation, RecordQuery, Schema};

use super::explain::{self, EXPLAIN};
use super::represented;
use crate::accept::{FORMAT, Representation};
use crate::admission::Admitted;
use crate::body;
use crate::delivery::{Delivery, Ledger};
use crate::disposition;
use crate::encode::FramedEncoder;
use crate::error::ApiError;
use crate::middleware::request_id;
use crate::openapi;
use crate::output::Output;
use crate::query_body::{Asked, QueryBody};
use crate::query_string::{Parameters, record_query, stream_framing, stream_limit};
use crate::shape::Shape;
use crate::slow;
use crate::state::{ApiState, MIN_SEQ, within};

const CONTROLS: [&str; 10] =
    ["fields", "sort", "filters", "limit", "resume", "profile", "checkpoint_rows", FORMAT, MIN_SEQ, EXPLAIN];
/// Those beside a query body, which says the others.
const BODY_CONTROLS: [&str; 6] = ["resume", "profile", "checkpoint_rows", FORMAT, MIN_SEQ, EXPLAIN];

/// Every record that filters match, from one snapshot.
#[utoipa::path(
    get,
    path = "/api/v1/records/{schema}/stream",
    operation_id = "stream",
    tag = "streams",
    params(
        openapi::InSchema,
        openapi::Filters,
        openapi::Shown,
        openapi::StreamLimit,
        openapi::Streamed,
        openapi::Formatted,
        openapi::SeenFrom,
        openapi::Explained
    ),
    responses(openapi::StreamAnswer,)
)]
pub(super) async fn records(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &CONTROLS, true)?;
    let framing = stream_framing(&parameters)?;
    let representation = representation(&request, &parameters, framing)?;
    let (limit, resume) = (stream_limit(&parameters)?, parameters.control("resume").map(str::to_owned));
    let (at_most, is_explained) = (state.settings().query_timeout, explain::is_asked(&parameters)?);
    let stream = async |schema: Arc<Schema>| {
        let query = record_query(&parameters, &schema, &state.settings())?;
        Stream { state: &state, request: &request, schema: &schema, representation, at_most, is_explained }
            .records(query, limit, resume.clone(), framing)
            .await
    };
    state.with_schema_to_read(&name, &parameters, stream).await
}

/// Every record or group, for a query as JSON.
#[utoipa::path(
    post,
    path = "/api/v1/records/{schema}/stream",
    operation_id = "stream_query",
    tag = "streams",
    params(openapi::InSchema, openapi::Streamed, openapi::Formatted, openapi::SeenFrom, openapi::Explained),
    request_body(content = openapi::Query),
    responses(
        openapi::StreamAnswer,
    )
)]
pub(super) async fn query(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &BODY_CONTROLS, false)?;
    let framing = stream_framing(&parameters)?;
    let representation = representation(&request, &parameters, framing)?;
    let document = body::json(&request, payload, &state).await?;
    let (resume, is_explained) = (parameters.control("resume").map(str::to_owned), explain::is_asked(&parameters)?);
    let stream = async |schema: Arc<Schema>| {
        let body = QueryBody::of(&document, &schema, &state).await?;
        body.check_stream()?;
        let at_most = body.timeout.unwrap_or(state.settings().query_timeout);
        let stream =
            Stream { state: &state, request: &request, schema: &schema, representation, at_most, is_explained };
        match body.asked {
            Asked::Records(query) => stream.records(query, body.limit, resume.clone(), framing).await,
            Asked::Groups(_) if framing.is_some() || resume.is_some() => {
                let detail = "groups have no cursors; their stream is neither framed nor resumed";
                Err(ApiError::parameter("profile", detail))
            }
            Asked::Groups(aggregation) => stream.groups(&aggregation, body.limit).await,
        }
    };
    state.with_schema_to_read(&name, &parameters, stream).await
}

fn representation(
    request: &HttpRequest,
    parameters: &Parameters<'_>,
    framing: Option<NonZeroUsize>,
) -> Result<Representation, ApiError> {
    match framing {
        Some(_) => Representation::ndjson(request, parameters),
        None => Representation::negotiate(request, parameters, BodyFormat::Ndjson),
    }
}

/// A stream that has been asked for.
struct Stream<'a> {
    state: &'a ApiState,
    request: &'a HttpRequest,
    schema: &'a Arc<Schema>,
    representation: Representation,
    /// How long its first batch may take.
    at_most: Duration,
    /// It is not sent, but says how it would be found.
    is_explained: bool,
}

impl Stream<'_> {
    async fn records(
        self,
        query: RecordQuery,
        limit: Option<u64>,
        resume: Option<String>,
        framing: Option<NonZeroUsize>,
    ) -> Result<HttpResponse, ApiError> {
        let service = &self.state.services.query;
        let framing = framing.map(|rows| (rows, Cursors::new(self.schema, &query), resume.clone()));
        let asked = StreamRequest { query, resume, limit, with_cursors: framing.is_some() };
        if self.is_explained {
            return Ok(explain::answer(&service.explain_stream(self.schema, asked).await?));
        }
        slow::note(self.request, Shape::of_query("stream", self.schema, &asked.query, asked.limit));
        let admitted = self.state.streams.admit(self.state.settings().stream_memory_bytes).await?;
        let records = within(self.at_most, service.stream(self.schema, asked)).await?;
        let (columns, representation) = (SchemaRef::clone(records.schema()), self.representation);
        let output = blocking::run(move || match framing {
            None => Output::new(&representation, &columns),
            Some((rows, cursors, resumed)) => {
                Output::of(Box::new(FramedEncoder::new(&columns, cursors, rows, resumed)), &representation)
            }
        });
        Ok(self.deliver(records, output.await.flatten().map_err(Error::from)?, admitted))
    }

    async fn groups(self, aggregation: &Aggregation, limit: Option<u64>) -> Result<HttpResponse, ApiError> {
        let service = &self.state.services.query;
        if self.is_explained {
            return Ok(explain::answer(&service.explain_groups(self.schema, aggregation.clone()).await?));
        }
        slow::note(self.request, Shape::of_groups(self.schema, aggregation, limit));
        let admitted = self.state.streams.admit(self.state.settings().stream_memory_bytes).await?;
        let groups = within(self.at_most, service.stream_groups(self.schema, aggregation, limit)).await?;
        let (columns, representation) = (SchemaRef::clone(groups.schema()), self.representation);
        let output = blocking::run(move || Output::new(&representation, &columns));
        Ok(self.deliver(groups, output.await.flatten().map_err(Error::from)?, admitted))
    }

    fn deliver(self, records: RecordStream, output: Output, admitted: Admitted) -> HttpResponse {
        let idle = self.state.settings().stream_idle;
        let (request_id, metrics) = (request_id(self.request), self.state.stream_metrics.clone());
        let sent = self.state.record_metrics.sent(self.representation.media_type.format);
        let (shape, slow) = (slow::shape_of(self.request), self.state.slow_operations.clone());
        let ledger = Ledger { metrics, sent, shape, slow };
        let delivery = Delivery { records, output, admitted, idle, request_id, ledger };
        let disposition = disposition::of_records(self.schema.name().as_str(), self.representation.media_type);
        represented(HttpResponse::Ok(), &self.representation)
            .insert_header((CONTENT_DISPOSITION, disposition))
            .streaming(delivery.start())
    }
}
