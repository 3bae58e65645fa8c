//! One validation, from its start until it is removed.

use std::sync::Arc;
use std::time::Duration;

use eider_domain::{RuleSet, Schema, Timestamp};
use tokio::sync::watch;
use uuid::Uuid;

use crate::Error;
use crate::ports::{KeyId, RuleOutcome, StoreError, StoreErrorKind, Validation};

/// How far a validation has come.
#[derive(Debug, Clone)]
pub enum ValidationState {
    /// Its rules are being checked.
    Running,
    /// Its rules were checked.
    Done(Validation),
    /// The store failed.
    Failed {
        /// What its caller should have done about it.
        kind: StoreErrorKind,
        /// The budget that was used up, where one was.
        budget: Option<&'static str>,
    },
    /// It was cancelled.
    Cancelled,
}

impl ValidationState {
    /// Whether its rules are being checked.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running)
    }

    /// The state as it stands on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done(_) => "done",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What is known of a validation so far.
#[derive(Debug, Clone)]
pub struct ValidationProgress {
    /// How far it has come.
    pub state: ValidationState,
    /// What was found of its rules, in their order, as far as they were checked.
    pub outcomes: Vec<RuleOutcome>,
    /// When it ended, and how long that took.
    pub ended: Option<(Timestamp, Duration)>,
}

/// A validation. Its progress changes while it runs.
#[derive(Debug)]
pub struct ValidationJob {
    id: Uuid,
    schema: Arc<Schema>,
    rules: RuleSet,
    created_at: Timestamp,
    owner: Option<KeyId>,
    progress: watch::Sender<ValidationProgress>,
}

impl ValidationJob {
    pub(super) fn new(
        id: Uuid,
        schema: Arc<Schema>,
        rules: RuleSet,
        created_at: Timestamp,
        owner: Option<KeyId>,
    ) -> Self {
        let progress = ValidationProgress { state: ValidationState::Running, outcomes: Vec::new(), ended: None };
        Self { id, schema, rules, created_at, owner, progress: watch::Sender::new(progress) }
    }

    /// The key that asked for it; `None` of a server without keys.
    pub fn owner(&self) -> Option<KeyId> {
        self.owner
    }

    /// Tells it from others.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The schema as it was when the validation was started.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// What is checked.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// When it was started.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// What is known so far.
    pub fn progress(&self) -> ValidationProgress {
        self.progress.borrow().clone()
    }

    /// What was found.
    ///
    /// # Errors
    /// [`Error::ValidationUnfinished`] unless it is done.
    pub(super) fn validation(&self) -> Result<Validation, Error> {
        match &self.progress.borrow().state {
            ValidationState::Done(validation) => Ok(validation.clone()),
            other => Err(Error::ValidationUnfinished { state: other.name() }),
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.progress.borrow().state.is_running()
    }

    /// When it ended, if it has.
    pub(super) fn ended_at(&self) -> Option<Timestamp> {
        self.progress.borrow().ended.map(|(at, _)| at)
    }

    /// Takes note of what was found of the next rule.
    pub(super) fn found(&self, outcome: RuleOutcome) {
        self.progress.send_modify(|progress| progress.outcomes.push(outcome));
    }

    /// Waits until it runs no longer.
    pub(super) async fn ended(&self) {
        let mut progress = self.progress.subscribe();
        // The sender lives as long as this.
        let _ = progress.wait_for(|progress| !matches!(progress.state, ValidationState::Running)).await.map(drop);
    }

    /// Cancels it; false when it has ended already.
    pub(super) fn cancel(&self) -> bool {
        self.progress.send_if_modified(|progress| {
            let is_running = matches!(progress.state, ValidationState::Running);
            if is_running {
                progress.state = ValidationState::Cancelled;
            }
            is_running
        })
    }

    /// Takes note of its end; without an outcome it was cancelled, and so it may have been meanwhile.
    pub(super) fn end(&self, outcome: Option<Result<Validation, StoreError>>, took: Duration, now: Timestamp) {
        let state = match outcome {
            None => ValidationState::Cancelled,
            Some(Ok(validation)) => ValidationState::Done(validation),
            Some(Err(error)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(validation.id = %self.id, error.kind = ?error.kind(), error.message = %error, error.cause = cause, "the validation failed");
                ValidationState::Failed { kind: error.kind(), budget: error.budget() }
            }
        };
        self.progress.send_modify(|progress| {
            if matches!(progress.state, ValidationState::Running) {
                progress.state = state;
            }
            progress.ended = Some((now, took));
        });
    }
}
