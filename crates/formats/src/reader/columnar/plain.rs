//! Columns without the encodings that let few bytes stand for many: dictionaries, runs, and unions of one type.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int32Type, Int64Type, RunEndIndexType};
use arrow_array::{Array, ArrayRef, RunArray, UInt64Array, UnionArray};
use arrow_schema::{ArrowError, DataType as ArrowType};
use arrow_select::take::take;

use super::shape::sole_variant;

/// The values of a column that is encoded, written out in memory of their own; `None` of one that is not.
///
/// What it takes grows with the rows, whose sizes were looked at before: [`super::size`].
pub(super) fn plain(column: &ArrayRef) -> Result<Option<ArrayRef>, ArrowError> {
    let mut written: Option<ArrayRef> = None;
    while let Some(next) = unwrapped(written.as_ref().unwrap_or(column))? {
        written = Some(next);
    }
    Ok(written)
}

/// The column without its outermost encoding.
fn unwrapped(column: &ArrayRef) -> Result<Option<ArrayRef>, ArrowError> {
    Ok(Some(match column.data_type() {
        ArrowType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            take(dictionary.values(), dictionary.keys(), None)?
        }
        ArrowType::RunEndEncoded(..) => {
            let Some((values, places)) = runs(column) else { return Ok(None) };
            let places: UInt64Array = (0..column.len()).map(|row| places(row) as u64).collect::<Vec<_>>().into();
            take(values, &places, None)?
        }
        ArrowType::Union(variants, _) => match sole_variant(variants) {
            Some((id, _)) => {
                let union = column.as_union();
                take(union.child(id), &places_of(union, id), None)?
            }
            None => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

/// Where the values of a variant lie, null for those of another.
fn places_of(union: &UnionArray, id: i8) -> UInt64Array {
    let place = |row| (union.type_id(row) == id).then(|| union.value_offset(row) as u64);
    (0..union.len()).map(place).collect()
}

/// What finds the place of the value of a row.
pub(super) type Find<'a, P> = Box<dyn Fn(usize) -> P + 'a>;

/// The values of an array of runs, and what finds the one of a row.
pub(super) fn runs(array: &dyn Array) -> Option<(&ArrayRef, Find<'_, usize>)> {
    fn of<T: RunEndIndexType>(runs: &RunArray<T>) -> (&ArrayRef, Find<'_, usize>) {
        (runs.values(), Box::new(|row| runs.get_physical_index(row)))
    }
    let short = || array.as_run_opt::<Int16Type>().map(of);
    let middle = || array.as_run_opt::<Int32Type>().map(of);
    let long = || array.as_run_opt::<Int64Type>().map(of);
    short().or_else(middle).or_else(long)
}

/// What finds the value of a row of a dictionary; `None` of a row without one.
pub(super) fn keys(array: &dyn Array) -> (&ArrayRef, Find<'_, Option<usize>>) {
    let dictionary = array.as_any_dictionary();
    let (keys, values) = (dictionary.keys(), dictionary.values());
    macro_rules! by_key {
        ($($key:ident => $of:ident),*) => {
            match keys.data_type() {
                $(ArrowType::$key => {
                    let keys = keys.as_primitive::<arrow_array::types::$of>();
                    Box::new(move |row| keys.is_valid(row).then(|| usize::try_from(keys.value(row)).ok()).flatten())
                })*
                _ => Box::new(|_| None) as Find<'_, Option<usize>>,
            }
        };
    }
    let find: Find<'_, Option<usize>> = by_key!(
        Int8 => Int8Type, Int16 => Int16Type, Int32 => Int32Type, Int64 => Int64Type,
        UInt8 => UInt8Type, UInt16 => UInt16Type, UInt32 => UInt32Type, UInt64 => UInt64Type
    );
    (values, find)
}
