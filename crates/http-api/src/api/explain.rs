//! `explain=true`: how a page, a stream or a count is answered, instead of the answer.

use actix_web::HttpResponse;
use eider_application::{Access, Advice, Explanation, ReadPlan, Sorting};
use serde_json::{Value as Json, json};

use crate::error::ApiError;
use crate::query_string::Parameters;

/// The control that asks for it.
pub(super) const EXPLAIN: &str = "explain";

/// Whether a request asks how it is answered.
pub(super) fn is_asked(parameters: &Parameters<'_>) -> Result<bool, ApiError> {
    parameters.choice(EXPLAIN, &[("false", false), ("true", true)])
}

pub(super) fn answer(explanation: &Explanation) -> HttpResponse {
    let Explanation { plan, elapsed, total, advice } = explanation;
    let mut document = json!({"plan": plan_document(plan)});
    document["plan"]["elapsed_ms"] = (elapsed.as_secs_f64() * 1e3).into();
    if let Some(total) = total {
        document["total"] = plan_document(total);
    }
    document["advice"] = advice.iter().map(advice_document).collect();
    HttpResponse::Ok().json(document)
}

fn plan_document(plan: &ReadPlan) -> Json {
    let (access, index) = match &plan.access {
        Access::Nothing => ("none", None),
        Access::Index { property } => ("index", Some(property)),
        Access::PartialScan => ("partial_scan", None),
        Access::FullScan => ("full_scan", None),
    };
    let sort = match plan.sorting {
        Sorting::Nothing => "none",
        Sorting::TopK => "top_k",
        Sorting::Full => "full",
    };
    json!({
        "access": access,
        "index": index,
        "records": plan.records,
        "scanned": plan.scanned,
        "returned": plan.returned,
        "sort": sort,
    })
}

fn advice_document(advice: &Advice) -> Json {
    json!({"code": advice.code.as_str(), "property": advice.property, "detail": advice.detail})
}
