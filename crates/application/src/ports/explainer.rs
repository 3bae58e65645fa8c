//! How a store answers a read.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use eider_domain::{Aggregation, Filter, Schema};

use crate::{ScanRequest, StoreError};

/// A read whose plan is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadRequest {
    /// [`crate::RecordReader::scan`]
    Scan(ScanRequest),
    /// [`crate::RecordReader::count`]
    Count(Filter),
    /// [`crate::Aggregator::aggregate`], all groups.
    Groups(Aggregation),
}

impl ReadRequest {
    /// Which records are read.
    pub fn filter(&self) -> &Filter {
        match self {
            Self::Scan(request) => &request.query.filter,
            Self::Count(filter) => filter,
            Self::Groups(aggregation) => &aggregation.filter,
        }
    }

    /// The scan; `None` for a count or an aggregation.
    pub fn scan(&self) -> Option<&ScanRequest> {
        match self {
            Self::Scan(request) => Some(request),
            Self::Count(_) | Self::Groups(_) => None,
        }
    }
}

/// How a store finds the records of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// It reads none: what it knows about all of them is enough.
    Nothing,
    /// By the index on a property.
    Index {
        /// The indexed property.
        property: String,
    },
    /// It reads some of them one after another; the others lie in ranges that cannot match, or behind the limit.
    PartialScan,
    /// It reads all of them one after another.
    FullScan,
}

/// How a store brings records into the order of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sorting {
    /// Not at all: there is no order, it is that of commit, or there are no records.
    Nothing,
    /// It keeps the first ones while it reads.
    TopK,
    /// It sorts all of them before the first goes out.
    Full,
}

/// An index that would find the records of a condition faster than a read that did not use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexHint {
    /// The property of the condition.
    pub property: String,
    /// How many records fulfil the condition.
    pub matching: u64,
    /// Whether the index exists; the store does not use it for a read of this form.
    pub is_declared: bool,
}

/// What a store did for a read when it ran it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadPlan {
    /// How the records were found.
    pub access: Access,
    /// Records of the schema.
    pub records: u64,
    /// Records that were read, matching or not; what is read twice counts twice.
    pub scanned: u64,
    /// Records or groups that the read yields, or 1 for a count.
    pub returned: u64,
    /// How the records were sorted; groups always are, and do not count.
    pub sorting: Sorting,
    /// Indexes that were missed.
    pub index_hints: Vec<IndexHint>,
}

/// Says what reads cost.
#[async_trait]
pub trait Explainer: fmt::Debug + Send + Sync + 'static {
    /// Runs a read to its end, hands out none of its records, and says how they were found. Cancel-safe: dropping the
    /// future stops the read.
    ///
    /// # Errors
    /// As [`crate::RecordReader::scan`].
    async fn explain(&self, schema: &Arc<Schema>, request: &ReadRequest) -> Result<ReadPlan, StoreError>;
}
