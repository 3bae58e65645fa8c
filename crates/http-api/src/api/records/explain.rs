//! `explain=true`: how a page, a stream or a count is answered, instead of the answer.

use actix_web::HttpResponse;
use eider_application::ports::ReadPlan;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::query_string::Parameters;

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "they are described, and read one by one")]
pub(super) struct Explained {
    /// Answers how the read is answered, instead of its records.
    #[param(nullable = false)]
    explain: Option<bool>,
}

/// The control that asks for it.
pub(super) const EXPLAIN: &str = "explain";

/// How a read is answered.
#[derive(Serialize, ToSchema)]
pub(crate) struct Explanation {
    plan: Plan,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    total: Option<Plan>,
    advice: Vec<Advice>,
}

#[derive(Serialize, ToSchema)]
struct Plan {
    access: Access,
    /// The property whose index was used.
    index: Option<String>,
    records: u64,
    scanned: u64,
    returned: u64,
    sort: Sorting,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    elapsed_ms: Option<f64>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Access {
    None,
    Index,
    PartialScan,
    FullScan,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Sorting {
    None,
    TopK,
    Full,
}

#[derive(Serialize, ToSchema)]
struct Advice {
    code: &'static str,
    property: Option<String>,
    detail: String,
}

impl From<&eider_application::records::Explanation> for Explanation {
    fn from(explanation: &eider_application::records::Explanation) -> Self {
        let eider_application::records::Explanation { plan, elapsed, total, advice } = explanation;
        let advice = advice.iter().map(|advice| Advice {
            code: advice.code.name(),
            property: advice.property.clone(),
            detail: advice.detail.clone(),
        });
        Self {
            plan: Plan { elapsed_ms: Some(elapsed.as_secs_f64() * 1e3), ..plan.into() },
            total: total.as_ref().map(Plan::from),
            advice: advice.collect(),
        }
    }
}

impl From<&ReadPlan> for Plan {
    fn from(plan: &ReadPlan) -> Self {
        let (access, index) = match &plan.access {
            eider_application::ports::Access::Nothing => (Access::None, None),
            eider_application::ports::Access::Index { property } => (Access::Index, Some(property.clone())),
            eider_application::ports::Access::PartialScan => (Access::PartialScan, None),
            eider_application::ports::Access::FullScan => (Access::FullScan, None),
        };
        let sort = match plan.sorting {
            eider_application::ports::Sorting::Nothing => Sorting::None,
            eider_application::ports::Sorting::TopK => Sorting::TopK,
            eider_application::ports::Sorting::Full => Sorting::Full,
        };
        let (records, scanned, returned) = (plan.records, plan.scanned, plan.returned);
        Self { access, index, records, scanned, returned, sort, elapsed_ms: None }
    }
}

/// Whether a request asks how it is answered.
pub(super) fn is_asked(parameters: &Parameters<'_>) -> Result<bool, ApiError> {
    parameters.choice(EXPLAIN, &[("false", false), ("true", true)])
}

pub(super) fn answer(explanation: &eider_application::records::Explanation) -> HttpResponse {
    HttpResponse::Ok().json(Explanation::from(explanation))
}
