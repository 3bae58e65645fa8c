//! What a read costs, and how it could cost less.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eider_domain::{Aggregation, Condition, Filter, Operand, OperandKind, Operator, Schema, Value};
use tokio::time::timeout;
use tracing::instrument;

use crate::ports::{
    Access, IndexHint, ReadPlan, ReadRequest, ScanRequest, Sorting, StoreError, StoreErrorKind, offered,
};
use crate::records::query::{page_scan, stream_scan};
use crate::records::{PageRequest, PageStart, StreamRequest};
use crate::runtime::timings::{Stage, timed};
use crate::{Error, QueryService};

/// How long a read may run to be explained.
const PATIENCE: Duration = Duration::from_secs(10);

/// Records whose sort is worth a word.
const LARGE_SORT: u64 = 100_000;

/// Records from which on it tells how many fields of them are read.
const LARGE_RESULT: u64 = 10_000;

/// Fields that make a record wide.
const MANY_FIELDS: usize = 20;

/// What to do about a read that costs much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdviceCode {
    /// Declare an index on the property.
    DeclareIndex,
    /// Read by the indexed property alone.
    IndexUnused,
    /// Nothing but other conditions helps a pattern that begins with anything.
    OpenPattern,
    /// Limit the result, or leave it in commit order.
    LimitSort,
    /// Go on by cursors.
    UseCursor,
    /// Name the fields that are needed.
    SelectFields,
}

impl AdviceCode {
    /// The code as it stands on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeclareIndex => "declare_index",
            Self::IndexUnused => "index_unused",
            Self::OpenPattern => "open_pattern",
            Self::LimitSort => "limit_sort",
            Self::UseCursor => "use_cursor",
            Self::SelectFields => "select_fields",
        }
    }
}

/// One way to a read that costs less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// What to do.
    pub code: AdviceCode,
    /// The property that it is about.
    pub property: Option<String>,
    /// The same as a sentence with the figures of this read.
    pub detail: String,
}

/// What was done for a read, and what could be done better.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// What the store did for the records, or for the count.
    pub plan: ReadPlan,
    /// How long it took, without encoding and sending.
    pub elapsed: Duration,
    /// What the store did for a total that is counted beside the records.
    pub total: Option<ReadPlan>,
    /// Worthwhile changes of the query or of the schema.
    pub advice: Vec<Advice>,
}

/// These run the read to its end, without handing out its records: which records a store reads is known only when it
/// has read them. Dropping the future stops that.
impl QueryService {
    /// How [`QueryService::page`] would be answered.
    ///
    /// # Errors
    /// As [`QueryService::page`]; [`Error::Store`] with `Timeout` when the read takes longer than ten seconds.
    #[instrument(name = "records.explain", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn explain_page(&self, schema: &Arc<Schema>, request: PageRequest) -> Result<Explanation, Error> {
        let (limit, counts_total) = (request.limit, request.counts_total);
        let is_numbered = matches!(request.start, PageStart::Offset(_));
        let scan = page_scan(schema, request)?;
        let total = ReadRequest::Count(scan.query.filter.clone());
        let mut explanation = self.explain(schema, ReadRequest::Scan(scan)).await?;
        // The page reads one more, to know whether there is one.
        explanation.plan.returned = explanation.plan.returned.min(limit);
        if counts_total {
            explanation.total = Some(self.explain(schema, total).await?.plan);
        }
        if is_numbered {
            explanation.advice.push(Advice {
                code: AdviceCode::UseCursor,
                property: None,
                detail: "a numbered page counts all matches and reads the pages before it; `cursor` does neither"
                    .to_owned(),
            });
        }
        Ok(explanation)
    }

    /// How [`QueryService::stream`] would be answered.
    ///
    /// # Errors
    /// As [`QueryService::stream`]; [`Error::Store`] with `Timeout` when the read takes longer than ten seconds.
    #[instrument(name = "records.explain", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn explain_stream(&self, schema: &Arc<Schema>, request: StreamRequest) -> Result<Explanation, Error> {
        self.explain(schema, ReadRequest::Scan(stream_scan(schema, request)?)).await
    }

    /// How [`QueryService::count`] would be answered.
    ///
    /// # Errors
    /// [`Error::Store`], with `Timeout` when the read takes longer than ten seconds.
    #[instrument(name = "records.explain", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn explain_count(&self, schema: &Arc<Schema>, filter: Filter) -> Result<Explanation, Error> {
        self.explain(schema, ReadRequest::Count(filter)).await
    }

    /// How [`QueryService::stream_groups`] would be answered.
    ///
    /// # Errors
    /// As [`QueryService::stream_groups`]; [`Error::Store`] with `Timeout` when the read takes longer than ten seconds.
    #[instrument(name = "records.explain", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn explain_groups(&self, schema: &Arc<Schema>, aggregation: Aggregation) -> Result<Explanation, Error> {
        self.explain(schema, ReadRequest::Groups(aggregation)).await
    }

    async fn explain(&self, schema: &Arc<Schema>, request: ReadRequest) -> Result<Explanation, Error> {
        let explainer = offered(self.store.explainer(), "explanations of reads")?;
        let started = Instant::now();
        let plan = timeout(PATIENCE, timed(Stage::Store, explainer.explain(schema, &request)))
            .await
            .map_err(|_| too_slow())??;
        let elapsed = started.elapsed();
        let advice = advice(schema, &request, &plan);
        Ok(Explanation { plan, elapsed, total: None, advice })
    }
}

fn too_slow() -> StoreError {
    StoreError::new(StoreErrorKind::Timeout, "the read took longer than ten seconds")
}

/// What the plan of a read suggests.
fn advice(schema: &Schema, request: &ReadRequest, plan: &ReadPlan) -> Vec<Advice> {
    let mut advice: Vec<Advice> = plan.index_hints.iter().map(|hint| index_advice(hint, plan)).collect();
    if matches!(plan.access, Access::PartialScan | Access::FullScan) {
        let conditions = request.filter().required_conditions();
        advice.extend(conditions.into_iter().filter(|condition| is_open_pattern(condition)).map(|condition| {
            let property = condition.field().name();
            let detail = format!(
                "no index serves a pattern on `{property}` that begins with `%` or `_`, or disregards case; only \
                 further conditions make fewer records match"
            );
            Advice { code: AdviceCode::OpenPattern, property: Some(property.to_owned()), detail }
        }));
    }
    advice.extend(request.scan().into_iter().flat_map(|scan| scan_advice(schema, scan, plan)));
    advice
}

fn index_advice(hint: &IndexHint, plan: &ReadPlan) -> Advice {
    let IndexHint { property, matching, serves_only } = hint;
    let (code, detail) = if let Some(served) = serves_only {
        let detail = format!(
            "the index on `{property}` finds {matching} records, but serves only {served}: read those and do the rest \
             with what comes"
        );
        (AdviceCode::IndexUnused, detail)
    } else {
        let detail = format!(
            "declare `is_indexed` on `{property}`: an index would find the {matching} records that match; {} were read",
            plan.scanned
        );
        (AdviceCode::DeclareIndex, detail)
    };
    Advice { code, property: Some(property.clone()), detail }
}

fn scan_advice(schema: &Schema, scan: &ScanRequest, plan: &ReadPlan) -> Vec<Advice> {
    let mut advice = Vec::new();
    if plan.sorting == Sorting::Full && scan.limit.is_none() && plan.returned >= LARGE_SORT {
        let detail = format!(
            "all {} records are sorted before the first is sent: `limit` keeps the first ones only, and without `sort` \
             records come at once, in commit order",
            plan.returned
        );
        advice.push(Advice { code: AdviceCode::LimitSort, property: None, detail });
    }
    let fields = scan.query.projection.fields().len();
    if plan.returned >= LARGE_RESULT && fields >= MANY_FIELDS && fields == schema.fields().len() {
        let detail =
            format!("{fields} fields of {} records are read; `fields` reads those that it names", plan.returned);
        advice.push(Advice { code: AdviceCode::SelectFields, property: None, detail });
    }
    advice
}

/// Whether the text that a condition looks for may begin with anything.
fn is_open_pattern(condition: &Condition) -> bool {
    let is_pattern = condition.operator().operand() == OperandKind::Pattern;
    let begins_with_anything = || match condition.operand() {
        Operand::One(Value::Text(pattern)) => pattern.starts_with(['%', '_']),
        Operand::One(_) | Operand::Nothing | Operand::Many(_) => false,
    };
    is_pattern && (condition.operator() != Operator::Like || begins_with_anything())
}

#[cfg(test)]
mod tests;
