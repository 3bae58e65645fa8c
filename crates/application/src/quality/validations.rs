//! Validations: rules checked against everything that a schema holds, as jobs that outlive their request.

mod job;
mod jobs;
mod statistics;

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use eider_domain::{Rule, RuleSet, Schema, Violation, ViolationCode, listed, pointer_to};
use eider_settings::{Period, Size};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tracing::{Instrument, instrument};
use uuid::Uuid;

pub use job::{ValidationJob, ValidationProgress, ValidationState};
pub use statistics::ValidationStatistics;

use self::jobs::Jobs;
use crate::Error;
use crate::ports::{
    Clock, CommitReceipt, IdGenerator, KeyId, RuleChecker, Store, StoreError, StoreErrorKind, SuggestionOutcome,
    SuggestionRequest, ValidationRequest, offered,
};
use crate::runtime::blocking;
use crate::runtime::timings::{Stage, timed};

/// How long the call that starts a validation waits for its end.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// How many validations there are, and what they keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ValidationLimits {
    /// Validations that run at once. More are refused with 503.
    #[serde(rename = "limits.validations")]
    pub max_running: usize,
    /// Validations that are kept after their end.
    #[serde(rename = "limits.validations_kept")]
    pub max_kept: usize,
    /// How long a validation is kept after its end.
    #[serde(rename = "limits.validation_lifetime", with = "Period")]
    pub kept_for: Duration,
    /// Size of the issues of one validation that are kept, in the directory of temporary files. All issues are counted.
    #[serde(rename = "limits.validation_issues", with = "Size")]
    pub max_issue_bytes: u64,
}

impl Default for ValidationLimits {
    fn default() -> Self {
        Self { max_running: 2, max_kept: 32, kept_for: Duration::from_hours(1), max_issue_bytes: 256 << 20 }
    }
}

/// Issues of the rules at some places: batches with [`crate::ports::issue_columns`].
pub type Issues = BoxStream<'static, Result<(usize, RecordBatch), StoreError>>;

/// The outcome of writing suggestions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedRules {
    /// The records that were changed, and their commit; the last one when none was.
    pub receipt: CommitReceipt,
    /// The rules that were applied, in their order, and how many records each changed.
    pub changed: Vec<(String, u64)>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Checks rules against what is stored, and writes what they suggest.
#[derive(Debug, Clone)]
pub struct ValidationService {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    jobs: Arc<Jobs>,
}

impl ValidationService {
    /// The use cases over a store.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        limits: ValidationLimits,
    ) -> Self {
        Self { store, clock, ids, jobs: Arc::new(Jobs::new(limits)) }
    }

    /// Starts a validation by the rules of a document, without one by those of the schema, and waits a second for its
    /// end. It goes on when nobody waits any more.
    ///
    /// # Errors
    /// [`Error::RulesInvalid`] with every violation; `Unavailable` with the budget `validations` when too many run;
    /// [`Error::Store`] when it fails within that second.
    #[instrument(name = "validations.start", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn start(
        &self,
        schema: &Arc<Schema>,
        document: Option<&Arc<Json>>,
        owner: Option<KeyId>,
    ) -> Result<Arc<ValidationJob>, Error> {
        self.rule_checker()?;
        let rules = match document.map(Arc::clone) {
            None => RuleSet::of(schema),
            Some(document) => {
                let schema = Arc::clone(schema);
                // A few characters of a pattern may take long to compile.
                blocking::run(move || RuleSet::parse(&document, &schema)).await?.map_err(Error::RulesInvalid)?
            }
        };
        let id = self.ids.next_ids(1).first().map(|id| *id.as_uuid()).unwrap_or_default();
        let now = self.clock.now();
        let job = Arc::new(ValidationJob::new(id, Arc::clone(schema), rules, now, owner));
        self.jobs.begin(&job, now)?;
        tokio::spawn(self.clone().run(Arc::clone(&job)).in_current_span());
        // A job that takes longer is answered as it is.
        let _ = timed(Stage::Store, tokio::time::timeout(ANSWER_WITHIN, job.ended())).await;
        if let ValidationState::Failed { kind, budget } = job.progress().state {
            if kind == StoreErrorKind::SchemaChanged {
                // Who asked asks again.
                self.jobs.remove(id);
            }
            let detail = "the validation failed";
            let unavailable = budget.map(|budget| StoreError::unavailable(budget, detail));
            return Err(unavailable.unwrap_or_else(|| StoreError::new(kind, detail)).into());
        }
        Ok(job)
    }

    fn rule_checker(&self) -> Result<&dyn RuleChecker, StoreError> {
        offered(self.store.rule_checker(), "rules on what is stored")
    }

    async fn run(self, job: Arc<ValidationJob>) {
        let started = Instant::now();
        let (mut request, mut outcomes) = ValidationRequest::new(job.rules().rules().into(), job.created_at());
        request.max_issue_bytes = self.jobs.limits().max_issue_bytes;
        let validate = async { self.rule_checker()?.validate(job.schema(), request).await };
        let told = async {
            while let Some(outcome) = outcomes.recv().await {
                job.found(outcome);
            }
        };
        let outcome = tokio::select! {
            // The store drops its end with the request, so that what it has sent is told before its outcome.
            (outcome, ()) = async { tokio::join!(validate, told) } => Some(outcome),
            () = job.ended() => None,
        };
        job.end(outcome, started.elapsed(), self.clock.now());
        self.jobs.ended(&job, started.elapsed());
        tokio::spawn(remove_later(Arc::downgrade(&self.jobs), self.clock));
    }

    /// The validations of a schema that run or are kept, the youngest first.
    pub fn list(&self, schema: &Schema) -> Vec<Arc<ValidationJob>> {
        self.jobs.of_schema(schema, self.clock.now())
    }

    /// A validation of a schema.
    ///
    /// # Errors
    /// [`Error::ValidationNotFound`].
    pub fn get(&self, schema: &Schema, id: Uuid) -> Result<Arc<ValidationJob>, Error> {
        let jobs = self.list(schema);
        jobs.into_iter().find(|job| job.id() == id).ok_or(Error::ValidationNotFound { id })
    }

    /// Cancels a validation that runs: its query is interrupted. One that has ended is removed with its issues.
    ///
    /// # Errors
    /// [`Error::ValidationNotFound`].
    pub fn cancel(&self, schema: &Schema, id: Uuid) -> Result<(), Error> {
        let job = self.get(schema, id)?;
        if !job.cancel() {
            self.jobs.remove(id);
        }
        Ok(())
    }

    /// The issues of the rules at some places, rule by rule.
    ///
    /// # Errors
    /// [`Error::ValidationUnfinished`] unless the validation is done.
    pub fn issues(&self, job: &ValidationJob, rules: Vec<usize>) -> Result<Issues, Error> {
        let stored = job.validation()?.issues;
        let of_rule = move |rule| {
            let stored = Arc::clone(&stored);
            async move { stored.of_rule(rule).await.map(|issues| issues.map_ok(move |batch| (rule, batch))) }
        };
        Ok(stream::iter(rules).then(of_rule).try_flatten().boxed())
    }

    /// Writes what the named rules of a validation suggest, without names what all do, for the values that break them
    /// now: also of records that were written since.
    ///
    /// # Errors
    /// [`Error::ValidationUnfinished`] unless the validation is done, [`Error::RulesInvalid`] when a name is that of
    /// no rule that suggests, a property of a rule was changed since it was checked, or rules undo each other.
    /// [`Error::KeyConflict`] and [`Error::RecordInvalid`] when the schema does not allow a suggestion; nothing is
    /// written then.
    #[instrument(name = "validations.apply", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn apply(
        &self,
        schema: &Arc<Schema>,
        job: &ValidationJob,
        names: Option<&[String]>,
    ) -> Result<AppliedRules, Error> {
        let started = Instant::now();
        job.validation()?;
        let rules = job.rules().suggesting(names).map_err(Error::RulesInvalid)?;
        let rules = if Arc::ptr_eq(schema, job.schema()) { rules } else { rebound(rules, job.schema(), schema)? };
        let (receipt, changed) = if rules.is_empty() {
            (CommitReceipt { rows: 0, commit_seq: self.store.commit_seq(schema).await? }, Vec::new())
        } else {
            let request = SuggestionRequest { rules: rules.clone().into(), at: self.clock.now() };
            match timed(Stage::Store, self.rule_checker()?.apply_suggestions(schema, request)).await? {
                SuggestionOutcome::Written { receipt, changed } => (receipt, changed),
                SuggestionOutcome::Unsettled(places) => {
                    let names: Vec<&str> = places.iter().map(|place| rules[*place].name()).collect();
                    let detail = format!("the rules {} undo each other; nothing was written", names.join(", "));
                    return Err(Error::RulesInvalid(vec![Violation::new(
                        "/rules",
                        ViolationCode::ContradictoryChange,
                        detail,
                    )]));
                }
                SuggestionOutcome::NotUnique(fields) => {
                    let detail = format!("two records would have the same {}; nothing was written", listed(&fields));
                    return Err(Error::KeyConflict(vec![Violation::of_key(&fields, detail)]));
                }
                SuggestionOutcome::NotStorable(field, code) => {
                    let detail = format!("the schema refuses what is suggested for `{field}`; nothing was written");
                    return Err(Error::RecordInvalid(vec![Violation::new(pointer_to("", field.name()), code, detail)]));
                }
            }
        };
        let changed = rules.iter().map(|rule| rule.name().to_owned()).zip(changed).collect();
        let elapsed = started.elapsed();
        tracing::info!(
            validation.id = %job.id(),
            schema.name = %schema.name(),
            apply.rows = receipt.rows,
            duration_ms = elapsed.as_secs_f64() * 1e3,
            "suggestions written"
        );
        Ok(AppliedRules { receipt, changed, elapsed })
    }

    /// Metrics for those who operate the server.
    pub fn statistics(&self) -> ValidationStatistics {
        self.jobs.statistics()
    }
}

/// Removes what has been kept for long enough, also when nobody asks for any validation.
async fn remove_later(jobs: Weak<Jobs>, clock: Arc<dyn Clock>) {
    let kept_for = jobs.upgrade().map(|jobs| jobs.limits().kept_for).unwrap_or_default();
    tokio::time::sleep(kept_for).await;
    if let Some(jobs) = jobs.upgrade() {
        jobs.remove_old(clock.now());
    }
}

/// The rules on the properties that were checked, whatever their names have become.
fn rebound(rules: Vec<Rule>, before: &Schema, after: &Schema) -> Result<Vec<Rule>, Error> {
    let (mut rebound, mut violations) = (Vec::new(), Vec::new());
    for rule in rules {
        match rule.rebound(before, after) {
            Ok(rule) => rebound.push(rule),
            Err(property) => {
                let detail = format!(
                    "the property `{property}` of the rule `{}` was changed or dropped since it was checked; validate again",
                    rule.name()
                );
                violations.push(Violation::new("/rules", ViolationCode::ContradictoryChange, detail));
            }
        }
    }
    if violations.is_empty() { Ok(rebound) } else { Err(Error::RulesInvalid(violations)) }
}
