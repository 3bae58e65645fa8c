//! How a store answers a read.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use eider_domain::{Aggregation, Field, Filter, Operator, Schema, spelled};

use crate::ports::{ScanRequest, StoreError};

/// A read whose plan is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadRequest {
    /// [`crate::ports::RecordReader::scan`]
    Scan(ScanRequest),
    /// [`crate::ports::RecordReader::count`]
    Count(Filter),
    /// [`crate::ports::Aggregator::aggregate`], all groups.
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
    /// Of an index that exists: what it serves only, so that it does not serve this read; completes `the index serves
    /// only …`. `None` of an index that does not exist.
    pub serves_only: Option<&'static str>,
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

/// The properties that every record of a read has to fulfil a condition on, by name, and what else there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReadShape {
    /// Property and operator, in the order of their names, each once.
    pub conditions: Vec<(String, Operator)>,
    /// Whether there are other conditions: alternatives, negations, on the record's own fields.
    pub has_others: bool,
}

/// `carrier.eq and dep_delay.gt`
impl fmt::Display for ReadShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, operator)) in self.conditions.iter().enumerate() {
            let separator = if index > 0 { " and " } else { "" };
            write!(f, "{separator}{}.{}", spelled(name), operator.name())?;
        }
        if self.has_others { f.write_str(" and others") } else { Ok(()) }
    }
}

/// What an index on a property would do and cost; all numbers are estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexEstimate {
    /// Records that have the same value, on average, of those that have one. At least 1 where any has.
    pub records_a_value: u64,
    /// Whether the store would use it: the records are many, and those of a value few.
    pub is_worthwhile: bool,
    /// Nanoseconds that it would add to a bulk call for each record.
    pub write_nanos: u64,
    /// What it would take on disk.
    pub disk_bytes: u64,
}

/// Says what reads cost.
#[async_trait]
pub trait Explainer: fmt::Debug + Send + Sync + 'static {
    /// Runs a read to its end, hands out none of its records, and says how they were found. Cancel-safe: dropping the
    /// future stops the read.
    ///
    /// # Errors
    /// As [`crate::ports::RecordReader::scan`].
    async fn explain(&self, schema: &Arc<Schema>, request: &ReadRequest) -> Result<ReadPlan, StoreError>;

    /// Whether an index on a property could find the records of reads of a shape.
    fn index_serves(&self, shape: &ReadShape, property: &str) -> bool;

    /// What an index on each of some properties would do, of a schema with so many records. Takes a pass over the
    /// properties.
    ///
    /// # Errors
    /// As [`crate::ports::RecordReader::scan`].
    async fn estimate_indexes(
        &self,
        schema: &Arc<Schema>,
        records: u64,
        properties: &[Field],
    ) -> Result<Vec<IndexEstimate>, StoreError>;
}
