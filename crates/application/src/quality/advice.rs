//! Which indexes the reads of a schema would use, and which they do not. What an index serves and costs is the
//! store's to say.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use eider_domain::{Field, Schema};
use tracing::instrument;

use crate::ports::{Explainer, IndexEstimate, ReadShape, offered};
use crate::records::{SchemaReads, SeenReads};
use crate::runtime::timings::{Stage, timed};
use crate::{Error, QueryService};

/// Most properties that are looked at as candidates, those first whose reads took longest.
const MAX_CANDIDATES: usize = 20;
/// A property that reads have conditions on which an index could serve.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexCandidate {
    /// The property, which has no index.
    pub property: String,
    /// The reads.
    pub seen: SeenReads,
    /// What an index on it would do and cost.
    pub estimate: IndexEstimate,
}

/// An index that no read could have used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedIndex {
    /// The property.
    pub property: String,
    /// Whether it also keeps values from coming twice.
    pub is_unique: bool,
}

/// What the reads of a schema say about its indexes.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexAdvice {
    /// For how long reads have been noted.
    pub observed: Duration,
    /// Records of the schema.
    pub records: u64,
    /// What was asked for, those first that took longest.
    pub shapes: Vec<(ReadShape, SeenReads)>,
    /// Reads with conditions whose shape is not told apart, since there were too many.
    pub others: u64,
    /// What could be indexed, those first whose reads took longest.
    pub candidates: Vec<IndexCandidate>,
    /// What is indexed and was not asked for.
    pub unused: Vec<UnusedIndex>,
}

impl QueryService {
    /// What the reads of a schema, since the server started, say about its indexes. Counts the different values of the
    /// properties that could be indexed, which takes a pass over them.
    ///
    /// # Errors
    /// [`Error::Store`].
    #[instrument(name = "schemas.advise", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn advise(&self, schema: &Arc<Schema>) -> Result<IndexAdvice, Error> {
        let explainer = offered(self.store.explainer(), "explanations of reads")?;
        let statistics = timed(Stage::Store, self.store.statistics(schema)).await?;
        let records = statistics.record_count;
        let SchemaReads { shapes, others } = self.reads.of(schema);
        let asked = asked(schema, &shapes, explainer);
        let fields: Vec<Field> = asked.iter().map(|(field, _)| field.clone()).collect();
        let estimates = timed(Stage::Store, explainer.estimate_indexes(schema, records, &fields)).await?;
        let candidates = asked.into_iter().zip(estimates).map(|((field, seen), estimate)| IndexCandidate {
            property: field.name().to_owned(),
            seen,
            estimate,
        });
        let is_unused = |property: &str| shapes.keys().all(|shape| !explainer.index_serves(shape, property));
        // An index on several properties finds no records; it keeps them apart.
        let unused = statistics.indexes.iter().filter_map(|index| match index.fields.as_slice() {
            [field] if is_unused(field.name()) => {
                Some(UnusedIndex { property: field.name().to_owned(), is_unique: index.is_unique })
            }
            _ => None,
        });
        let (candidates, unused) = (candidates.collect(), unused.collect());
        let mut shapes: Vec<(ReadShape, SeenReads)> = shapes.into_iter().collect();
        shapes.sort_by_cached_key(|(shape, seen)| (std::cmp::Reverse(seen.elapsed), shape.to_string()));
        Ok(IndexAdvice { observed: self.reads.observed(), records, shapes, others, candidates, unused })
    }
}

/// The properties without an index that reads would use one on, and those reads; those first that took longest.
fn asked(
    schema: &Schema,
    shapes: &HashMap<ReadShape, SeenReads>,
    explainer: &dyn Explainer,
) -> Vec<(Field, SeenReads)> {
    let properties = schema.properties().iter().filter(|property| !property.has_index());
    let properties = properties.filter(|property| property.data_type.is_comparable());
    let asked = properties.filter_map(|property| {
        let name = property.name.as_str();
        let using = shapes.iter().filter(|(shape, _)| explainer.index_serves(shape, name));
        let seen = using.map(|(_, seen)| *seen).reduce(|sum, seen| SeenReads {
            reads: sum.reads + seen.reads,
            elapsed: sum.elapsed + seen.elapsed,
            slowest: sum.slowest.max(seen.slowest),
            counted: sum.counted + seen.counted,
            matched: sum.matched + seen.matched,
        })?;
        Some((schema.field(name).ok()?, seen))
    });
    let mut asked: Vec<(Field, SeenReads)> = asked.collect();
    asked.sort_by_key(|(field, seen)| (std::cmp::Reverse(seen.elapsed), field.column()));
    asked.truncate(MAX_CANDIDATES);
    asked
}
