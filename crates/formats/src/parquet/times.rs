//! The times of old writers, `INT96`: nanoseconds of a day, and the day.
//!
//! The library reads them in a unit. In nanoseconds they wrap around outside the years 1677 to 2262, in microseconds
//! their parts are dropped. They are read in both, and compared: microseconds hold most columns, nanoseconds those that
//! have parts of them and no times farther away. What is left is a time that no property takes.

use ::parquet::basic::Type as PhysicalType;
use ::parquet::schema::types::SchemaDescriptor;
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType as ArrowType, TimeUnit};

/// The places of the columns that hold such times.
pub(super) fn old_times(schema: &SchemaDescriptor) -> Vec<usize> {
    let leaves = (0..schema.num_columns()).filter(|leaf| schema.column(*leaf).physical_type() == PhysicalType::INT96);
    let mut columns: Vec<usize> = leaves.map(|leaf| schema.get_column_root_idx(leaf)).collect();
    columns.dedup();
    columns
}

/// A column of times in the unit that holds all of them, given the same column in microseconds and in nanoseconds.
pub(super) fn exact(micros: &ArrayData, nanos: &ArrayData) -> Result<ArrayData, ArrowError> {
    let is_in_reach = |micros: &i64| micros.checked_mul(1_000).is_some_and(|nanos| nanos < i64::MAX - 1_000);
    let are_whole = all(micros, nanos, &|(micros, nanos)| micros.wrapping_mul(1_000) == *nanos);
    if !are_whole && all(micros, nanos, &|(micros, _)| is_in_reach(micros)) {
        return Ok(nanos.clone());
    }
    whole_micros(micros, nanos)
}

/// Whether something is true of every time, given in microseconds and in nanoseconds.
fn all(micros: &ArrayData, nanos: &ArrayData, is_so: &dyn Fn((&i64, &i64)) -> bool) -> bool {
    if are_times(micros, nanos) {
        return values(micros).iter().zip(values(nanos)).all(is_so);
    }
    micros.child_data().iter().zip(nanos.child_data()).all(|(micros, nanos)| all(micros, nanos, is_so))
}

fn are_times(micros: &ArrayData, nanos: &ArrayData) -> bool {
    matches!(micros.data_type(), ArrowType::Timestamp(TimeUnit::Microsecond, _))
        && matches!(nanos.data_type(), ArrowType::Timestamp(TimeUnit::Nanosecond, _))
}

/// A column whose times are in microseconds, given the same in nanoseconds: a time with a part of a microsecond becomes
/// one that no property takes, since the type has no room for it. Columns are nested no deeper than their types.
fn whole_micros(micros: &ArrayData, nanos: &ArrayData) -> Result<ArrayData, ArrowError> {
    if !are_times(micros, nanos) {
        let children = micros.child_data().iter().zip(nanos.child_data());
        let children: Result<_, ArrowError> = children.map(|(micros, nanos)| whole_micros(micros, nanos)).collect();
        return micros.clone().into_builder().child_data(children?).build();
    }
    let is_whole = |(micros, nanos): (&i64, &i64)| micros.wrapping_mul(1_000) == *nanos;
    let both = || values(micros).iter().zip(values(nanos));
    if both().all(is_whole) {
        return Ok(micros.clone());
    }
    let marked = both().map(|(micros, nanos)| if is_whole((micros, nanos)) { *micros } else { i64::MIN });
    let buffer: Buffer = marked.collect::<Vec<i64>>().into();
    let builder = ArrayData::builder(micros.data_type().clone()).len(micros.len());
    builder.nulls(micros.nulls().cloned()).add_buffer(buffer).build()
}

fn values(times: &ArrayData) -> &[i64] {
    let all: &[i64] = times.buffers()[0].typed_data();
    &all[times.offset()..times.offset() + times.len()]
}
