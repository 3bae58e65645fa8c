//! What both streams share: a stream that has been asked for, on its way to its client.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpRequest, HttpResponse};
use arrow_schema::SchemaRef;
use eider_application::ingest::BodyFormat;
use eider_application::ports::RecordStream;
use eider_application::records::{Cursors, StreamRequest};
use eider_application::runtime::blocking;
use eider_application::{Error, ErrorCode};
use eider_domain::{Aggregation, Field, RecordQuery, Schema, Verb};
use eider_formats::with_schema;

use super::explain;
use super::framed::FramedWriter;
use crate::api::records::delivery::{Delivery, DeliveryMetrics};
use crate::error::ApiError;
use crate::limits::admission::Admitted;
use crate::query_string::Parameters;
use crate::representation::accept::Representation;
use crate::representation::output::Output;
use crate::request::access;
use crate::response::cache::represented;
use crate::response::disposition;
use crate::state::{ApiState, within};
use crate::telemetry::request_id::request_id;
use crate::telemetry::shape::Shape;
use crate::telemetry::slow;

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "they are described, and read one by one")]
pub(super) struct Streamed {
    /// Goes on behind the record at a cursor.
    #[param(nullable = false)]
    resume: Option<String>,
    /// `framed`: NDJSON whose lines say what they are, with cursors between the records.
    #[param(nullable = false, inline)]
    profile: Option<Profile>,
    /// With `profile=framed`: a cursor behind every so many records.
    #[param(nullable = false, minimum = 1, maximum = 1_000_000)]
    checkpoint_rows: Option<u64>,
}

#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is described, and read by its name")]
enum Profile {
    Plain,
    Framed,
}

pub(super) fn representation(
    request: &HttpRequest,
    parameters: &Parameters<'_>,
    framing: Option<NonZeroUsize>,
) -> Result<Representation, ApiError> {
    match framing {
        Some(_) => Representation::ndjson(request, parameters),
        None => Representation::negotiate(request, parameters, BodyFormat::Ndjson),
    }
}

/// The only member of the last line of NDJSON that breaks off.
const BROKEN: &str = "$error";

/// A stream that has been asked for.
pub(super) struct Stream<'a> {
    pub(super) state: &'a ApiState,
    pub(super) request: &'a HttpRequest,
    pub(super) schema: &'a Arc<Schema>,
    pub(super) representation: Representation,
    /// How long its first batch may take.
    pub(super) at_most: Duration,
    /// It is not sent, but says how it would be found.
    pub(super) is_explained: bool,
}

impl Stream<'_> {
    pub(super) async fn records(
        self,
        query: RecordQuery,
        limit: Option<u64>,
        resume: Option<String>,
        framing: Option<NonZeroUsize>,
    ) -> Result<HttpResponse, ApiError> {
        let service = &self.state.services.query;
        if framing.is_none() {
            self.check_columns(query.projection.fields().iter().map(Field::name))?;
        }
        let framing = framing.map(|rows| (rows, Cursors::new(self.schema, &query), resume.clone()));
        let asked = StreamRequest { query, resume, limit, with_cursors: framing.is_some() };
        if self.is_explained {
            return Ok(explain::answer(&service.explain_stream(self.schema, asked).await?));
        }
        slow::note(self.request, Shape::of_query("stream", self.schema, &asked.query, asked.limit));
        let admitted = self.state.streams.admit(self.state.settings().stream_memory_bytes).await?;
        let records = within(self.at_most, service.stream(self.schema, asked)).await?;
        let (columns, representation) = (SchemaRef::clone(records.schema()), self.representation);
        // A definition says more than records do: it is for those to whom the schema is shown.
        let is_typed = !representation.media_type.is_text();
        let may_see = is_typed && access::check(self.request, Verb::SchemasRead, self.schema.name().as_str()).is_ok();
        let columns = if may_see { with_schema(&columns, self.schema) } else { columns };
        let output = blocking::run(move || match framing {
            None => Output::new(&representation, &columns),
            Some((rows, cursors, resumed)) => {
                Output::of(Box::new(FramedWriter::new(&columns, cursors, rows, resumed)), &representation)
            }
        });
        Ok(self.deliver(records, output.await.flatten().map_err(Error::from)?, admitted))
    }

    pub(super) async fn groups(self, aggregation: &Aggregation, limit: Option<u64>) -> Result<HttpResponse, ApiError> {
        let service = &self.state.services.query;
        self.check_columns(aggregation.fields().iter().map(Field::name))?;
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

    /// Refuses columns whose lines could be taken for the one that says why a stream breaks off.
    fn check_columns(&self, mut names: impl Iterator<Item = impl AsRef<str>>) -> Result<(), ApiError> {
        let is_alone = names.next().is_some_and(|name| name.as_ref() == BROKEN) && names.next().is_none();
        if is_alone && self.representation.media_type.format == BodyFormat::Ndjson {
            let detail =
                format!("a line with `{BROKEN}` alone says why a stream breaks off; show another field beside it");
            return Err(ApiError::new(ErrorCode::InvalidParameter, detail));
        }
        Ok(())
    }

    fn deliver(self, records: RecordStream, output: Output, admitted: Admitted) -> HttpResponse {
        let idle = self.state.settings().stream_idle;
        let (request_id, metrics) = (request_id(self.request), self.state.stream_metrics.clone());
        let sent = self.state.record_metrics.sent(self.representation.media_type.format);
        let (shape, slow) = (slow::shape_of(self.request), self.state.slow_operations.clone());
        let counted = DeliveryMetrics { metrics, sent, shape, slow };
        let delivery = Delivery { records, output, admitted, idle, request_id, counted };
        let disposition = disposition::of_records(self.schema.name().as_str(), self.representation.media_type);
        represented(HttpResponse::Ok(), &self.representation)
            .insert_header((CONTENT_DISPOSITION, disposition))
            .streaming(delivery.start())
    }
}
