//! `GET /schemas/{schema}/advice`: which properties to index, by what was asked for.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::{IndexAdvice, IndexCandidate, SeenReads};
use eider_domain::Schema;
use serde_json::{Value as Json, json};

use crate::error::ApiError;
use crate::openapi;
use crate::query_string::Parameters;
use crate::shape::Shape;
use crate::slow;
use crate::state::{ApiState, within};

/// Shapes that are shown, those first whose reads took longest.
const SHOWN_SHAPES: usize = 100;

/// Which properties to index, and which indexes nobody uses, by the filters of the reads since the server started.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{schema}/advice",
    operation_id = "advice",
    tag = "schemas",
    params(openapi::InSchema),
    responses(
        (status = 200, description = "The advice, and the reads that it follows from.", body = openapi::IndexAdvice),
    )
)]
pub(super) async fn advice(
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
    Ok(HttpResponse::Ok().json(document(&advice)))
}

fn document(advice: &IndexAdvice) -> Json {
    let shapes = advice.shapes.iter().take(SHOWN_SHAPES).map(|(shape, seen)| {
        let mut document = reads_document(seen);
        document["filter"] = shape.to_string().into();
        document
    });
    let unused = advice.unused.iter().map(|index| json!({"property": index.property, "unique": index.is_unique}));
    json!({
        "observed_seconds": advice.observed.as_secs_f64(),
        "records": advice.records,
        "candidates": advice.candidates.iter().map(candidate_document).collect::<Vec<_>>(),
        "unused": unused.collect::<Vec<_>>(),
        "shapes": shapes.collect::<Vec<_>>(),
        "other_reads": advice.others,
    })
}

fn candidate_document(candidate: &IndexCandidate) -> Json {
    let IndexCandidate { property, seen, records_a_value, is_worthwhile, write_nanos, disk_bytes } = candidate;
    let mut document = reads_document(seen);
    document["property"] = property.as_str().into();
    document["records_a_value"] = (*records_a_value).into();
    document["is_worthwhile"] = (*is_worthwhile).into();
    document["write_ns_a_record"] = (*write_nanos).into();
    document["disk_bytes"] = (*disk_bytes).into();
    document
}

fn reads_document(seen: &SeenReads) -> Json {
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    let mean = |sum: u64, count: u64| sum as f64 / count as f64;
    json!({
        "reads": seen.reads,
        "elapsed_ms": seen.elapsed.as_secs_f64() * 1e3,
        "slowest_ms": seen.slowest.as_secs_f64() * 1e3,
        "matched_mean": (seen.counted > 0).then(|| mean(seen.matched, seen.counted)),
    })
}
