//! `GET /schemas/{schema}/advice`: which properties to index, by what was asked for.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::ports::{IndexEstimate, ReadShape};
use eider_application::records::SeenReads;
use eider_domain::Schema;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::openapi;
use crate::error::ApiError;
use crate::query_string::Parameters;
use crate::state::{ApiState, within};
use crate::telemetry::shape::Shape;
use crate::telemetry::slow;

/// Shapes that are shown, those first whose reads took longest.
const SHOWN_SHAPES: usize = 100;

/// What the reads of a schema say about its indexes.
#[derive(Serialize, ToSchema)]
pub(crate) struct IndexAdvice {
    /// For how long reads have been noted: since the server started.
    observed_seconds: f64,
    records: u64,
    /// What could be indexed, those first whose reads took longest.
    candidates: Vec<IndexCandidate>,
    /// Indexes that no read could have used.
    unused: Vec<UnusedIndex>,
    /// What was asked for, those first that took longest.
    shapes: Vec<SeenShape>,
    /// Reads whose shape is not told apart, since there were too many.
    other_reads: u64,
}

impl From<&eider_application::quality::IndexAdvice> for IndexAdvice {
    fn from(advice: &eider_application::quality::IndexAdvice) -> Self {
        Self {
            observed_seconds: advice.observed.as_secs_f64(),
            records: advice.records,
            candidates: advice.candidates.iter().map(IndexCandidate::from).collect(),
            unused: advice.unused.iter().map(UnusedIndex::from).collect(),
            shapes: advice.shapes.iter().take(SHOWN_SHAPES).map(SeenShape::from).collect(),
            other_reads: advice.others,
        }
    }
}

/// How often something was read, and how long it took.
#[derive(Serialize, ToSchema)]
struct Seen {
    reads: u64,
    elapsed_ms: f64,
    slowest_ms: f64,
    /// How many records a read matched on average, of those of which it is known.
    matched_mean: Option<f64>,
}

impl From<&SeenReads> for Seen {
    fn from(seen: &SeenReads) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a mean")]
        let mean = |sum: u64, count: u64| sum as f64 / count as f64;
        Self {
            reads: seen.reads,
            elapsed_ms: seen.elapsed.as_secs_f64() * 1e3,
            slowest_ms: seen.slowest.as_secs_f64() * 1e3,
            matched_mean: (seen.counted > 0).then(|| mean(seen.matched, seen.counted)),
        }
    }
}

/// A property without an index that reads would use one on.
#[derive(Serialize, ToSchema)]
struct IndexCandidate {
    #[serde(flatten)]
    #[schema(inline)]
    seen: Seen,
    property: String,
    /// About how many records have the same value, on average.
    records_a_value: u64,
    /// Whether an index would be used: the records are many, and those of a value few.
    is_worthwhile: bool,
    /// About what it would add to a bulk call for each record.
    write_ns_a_record: u64,
    /// About what it would take on disk.
    disk_bytes: u64,
}

impl From<&eider_application::quality::IndexCandidate> for IndexCandidate {
    fn from(candidate: &eider_application::quality::IndexCandidate) -> Self {
        let IndexEstimate { records_a_value, is_worthwhile, write_nanos, disk_bytes } = candidate.estimate;
        Self {
            seen: (&candidate.seen).into(),
            property: candidate.property.clone(),
            records_a_value,
            is_worthwhile,
            write_ns_a_record: write_nanos,
            disk_bytes,
        }
    }
}

/// An index that no read could have used.
#[derive(Serialize, ToSchema)]
struct UnusedIndex {
    property: String,
    unique: bool,
}

impl From<&eider_application::quality::UnusedIndex> for UnusedIndex {
    fn from(index: &eider_application::quality::UnusedIndex) -> Self {
        Self { property: index.property.clone(), unique: index.is_unique }
    }
}

/// Reads of one shape.
#[derive(Serialize, ToSchema)]
struct SeenShape {
    #[serde(flatten)]
    #[schema(inline)]
    seen: Seen,
    /// Properties and operators: `carrier.eq and dep_delay.gt`.
    filter: String,
}

impl From<&(ReadShape, SeenReads)> for SeenShape {
    fn from((shape, seen): &(ReadShape, SeenReads)) -> Self {
        Self { seen: seen.into(), filter: shape.to_string() }
    }
}

/// Which properties to index, and which indexes nobody uses, by the filters of the reads since the server started.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}/advice",
    operation_id = "advice",
    tag = "schemas",
    params(openapi::InSchema),
    responses(
        (status = 200, description = "The advice, and the reads that it follows from.", body = IndexAdvice),
    )
)]
pub(crate) async fn handle(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    Parameters::parse(request.query_string(), &[], false)?;
    let make = async |schema: Arc<Schema>| {
        slow::note(&request, Shape::new("advice", &schema));
        within(state.settings().query_timeout, state.services.query.advise(&schema)).await
    };
    let advice = state.with_schema(&name, make).await?;
    Ok(HttpResponse::Ok().json(IndexAdvice::from(&advice)))
}
