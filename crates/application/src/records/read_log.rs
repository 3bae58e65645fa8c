//! What reads have asked for since the server started: their shapes, never their values.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use eider_domain::{Field, Filter, Operator, Schema, Timestamp};

use crate::ports::ReadShape;

/// Most shapes that are told apart, of all schemas together.
const MAX_SHAPES: usize = 1_000;

/// Reads of one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeenReads {
    /// How many there were.
    pub reads: u64,
    /// How long they took together in the store, a stream until its first records.
    pub elapsed: Duration,
    /// How long the longest took.
    pub slowest: Duration,
    /// How many of them are known to have matched how many records: counts, and pages that hold every match.
    pub counted: u64,
    /// Records that those matched together.
    pub matched: u64,
}

/// What reads of a schema have asked for.
#[derive(Debug, Clone, Default)]
pub struct SchemaReads {
    /// By shape.
    pub shapes: HashMap<ReadShape, SeenReads>,
    /// Reads with conditions whose shape is not told apart, since there were too many.
    pub others: u64,
}

/// A shape by the ids of its properties, which stay when their names change.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct LoggedShape {
    /// Each once, in order.
    conditions: Vec<(u64, Operator)>,
    has_others: bool,
}

impl LoggedShape {
    /// The shape of a filter; `None` when no property has to fulfil anything.
    fn of(schema: &Schema, filter: &Filter) -> Option<Self> {
        let required = filter.required_conditions();
        let property = |field: &Field| match field {
            Field::Property { index, .. } => Some(schema.property_ids()[*index]),
            Field::System(_) | Field::Computed { .. } => None,
        };
        let conditions = required.iter().filter_map(|found| Some((property(found.field())?, found.operator())));
        let mut conditions: Vec<(u64, Operator)> = conditions.collect();
        let has_others = conditions.len() < filter.condition_count();
        conditions.sort_unstable_by_key(|(id, operator)| (*id, operator.name()));
        conditions.dedup();
        (!conditions.is_empty()).then_some(Self { conditions, has_others })
    }

    /// The shape by the names that its properties have now; `None` when one is gone.
    fn named(&self, schema: &Schema) -> Option<ReadShape> {
        let name = |id: u64| Some(schema.properties()[schema.property_of_id(id)?].name.as_str().to_owned());
        let conditions = self.conditions.iter().map(|(id, operator)| Some((name(*id)?, *operator)));
        let mut conditions = conditions.collect::<Option<Vec<_>>>()?;
        conditions.sort_unstable_by_key(|(name, operator)| (name.clone(), operator.name()));
        Some(ReadShape { conditions, has_others: self.has_others })
    }
}

/// Reads of one schema by their shapes, and those that are not told apart.
#[derive(Debug, Default)]
struct LoggedReads {
    shapes: HashMap<LoggedShape, SeenReads>,
    others: u64,
}

/// Reads since the server started. Clones are the same log.
#[derive(Debug, Clone)]
pub struct ReadLog(Arc<Log>);

#[derive(Debug)]
struct Log {
    began: Instant,
    /// By the key of the schema, with the time of its creation.
    schemas: Mutex<HashMap<String, (Timestamp, LoggedReads)>>,
}

impl ReadLog {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Log { began: Instant::now(), schemas: Mutex::default() }))
    }

    /// For how long reads have been noted.
    pub fn observed(&self) -> Duration {
        self.0.began.elapsed()
    }

    /// Takes note of a read; `matched` is how many records it matched, where that is known.
    pub(crate) fn note(&self, schema: &Schema, filter: &Filter, elapsed: Duration, matched: Option<u64>) {
        let Some(shape) = LoggedShape::of(schema, filter) else { return };
        let mut schemas = self.lock();
        let shapes: usize = schemas.values().map(|(_, reads)| reads.shapes.len()).sum();
        let (created_at, reads) =
            schemas.entry(schema.name().key()).or_insert_with(|| (schema.created_at(), LoggedReads::default()));
        if *created_at != schema.created_at() {
            // Another schema had the name.
            (*created_at, *reads) = (schema.created_at(), LoggedReads::default());
        }
        if shapes >= MAX_SHAPES && !reads.shapes.contains_key(&shape) {
            reads.others += 1;
            return;
        }
        let seen = reads.shapes.entry(shape).or_default();
        seen.reads += 1;
        seen.elapsed += elapsed;
        seen.slowest = seen.slowest.max(elapsed);
        if let Some(matched) = matched {
            seen.counted += 1;
            seen.matched += matched;
        }
    }

    /// What reads of a schema have asked for, by the names that its properties have now. Reads of properties that are
    /// gone are left out.
    pub fn of(&self, schema: &Schema) -> SchemaReads {
        let schemas = self.lock();
        let found = schemas.get(&schema.name().key()).filter(|(created_at, _)| *created_at == schema.created_at());
        let Some((_, reads)) = found else { return SchemaReads::default() };
        let named = reads.shapes.iter().filter_map(|(shape, seen)| Some((shape.named(schema)?, *seen)));
        SchemaReads { shapes: named.collect(), others: reads.others }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Timestamp, LoggedReads)>> {
        self.0.schemas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
