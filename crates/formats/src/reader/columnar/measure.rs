//! About how many bytes of JSON the rows of a nested column become, found without writing them.
//!
//! A few bytes of a body may stand for any number of values: views that overlap, dictionaries, lists of nulls. What
//! lies side by side is measured as a range, in one step a level; what does not is measured value by value, up to a
//! limit, so that measuring costs no more than writing would.

use arrow_array::cast::AsArray;
use arrow_array::{Array, OffsetSizeTrait};
use arrow_buffer::ArrowNativeType;
use arrow_schema::{DataType as ArrowType, Fields, UnionFields};

use super::plain::{keys, runs};
use super::scalar::base64_len;

/// Bytes that `null` has, and that stand around a text or a list.
const NULL_BYTES: usize = 4;
const QUOTES: usize = 3;

/// The bytes of a range of rows, as far as a limit.
pub(super) type Measure<'a> = Box<dyn Fn(usize, usize) -> usize + 'a>;

/// What measures the values of an array; it stops at a value behind `limit`.
pub(super) fn measure(array: &dyn Array, limit: usize) -> Measure<'_> {
    let of_rows = of_values(array, limit);
    match (array.nulls(), array.data_type()) {
        // What a null list or struct hides is not written.
        (Some(nulls), arrow) if arrow.is_nested() => {
            by_row(limit, move |row| if nulls.is_null(row) { NULL_BYTES } else { of_rows(row, row + 1) })
        }
        _ => of_rows,
    }
}

fn of_values(array: &dyn Array, limit: usize) -> Measure<'_> {
    use ArrowType as A;
    match array.data_type() {
        A::Utf8 => texts(array.as_string::<i32>().offsets()),
        A::LargeUtf8 => texts(array.as_string::<i64>().offsets()),
        A::Binary => bytes(array.as_binary::<i32>().offsets()),
        A::LargeBinary => bytes(array.as_binary::<i64>().offsets()),
        A::Utf8View => {
            let views = array.as_string_view().views();
            by_row(limit, move |row| QUOTES + view_length(views[row]))
        }
        A::BinaryView => {
            let views = array.as_binary_view().views();
            by_row(limit, move |row| QUOTES + base64_len(view_length(views[row])))
        }
        A::FixedSizeBinary(width) => fixed(QUOTES + base64_len(usize::try_from(*width).unwrap_or(0))),
        A::List(_) => list::<i32>(array, limit),
        A::LargeList(_) => list::<i64>(array, limit),
        A::ListView(_) => list_view::<i32>(array, limit),
        A::LargeListView(_) => list_view::<i64>(array, limit),
        A::FixedSizeList(_, length) => fixed_list(array, usize::try_from(*length).unwrap_or(0), limit),
        A::Struct(fields) => structs(array, fields, limit),
        A::Map(..) => maps(array, limit),
        A::Dictionary(..) => {
            let (values, key) = keys(array);
            let of_values = measure(values, limit);
            by_row(limit, move |row| key(row).map_or(NULL_BYTES, |key| of_values(key, key + 1)))
        }
        A::RunEndEncoded(..) => match runs(array) {
            Some((values, place)) => {
                let of_values = measure(values, limit);
                by_row(limit, move |row| of_values(place(row), place(row) + 1))
            }
            None => fixed(NULL_BYTES),
        },
        A::Union(variants, _) => unions(array, variants, limit),
        A::Null | A::Boolean => fixed(NULL_BYTES + 1),
        scalar => fixed(2 * scalar.primitive_width().unwrap_or(8) + QUOTES),
    }
}

fn fixed<'a>(bytes: usize) -> Measure<'a> {
    Box::new(move |start, end| (end - start).saturating_mul(bytes))
}

/// What is measured value by value: at least a byte each, so that the limit ends it.
fn by_row<'a>(limit: usize, of_row: impl Fn(usize) -> usize + 'a) -> Measure<'a> {
    Box::new(move |start, end| {
        let mut sum: usize = 0;
        for row in start..end {
            sum = sum.saturating_add(of_row(row));
            if sum > limit {
                break;
            }
        }
        sum
    })
}

fn texts<O: OffsetSizeTrait>(offsets: &[O]) -> Measure<'_> {
    Box::new(|start, end| (offsets[end] - offsets[start]).as_usize() + (end - start) * QUOTES)
}

fn bytes<O: OffsetSizeTrait>(offsets: &[O]) -> Measure<'_> {
    Box::new(|start, end| base64_len((offsets[end] - offsets[start]).as_usize()) + (end - start) * (QUOTES + 2))
}

fn list<O: OffsetSizeTrait>(array: &dyn Array, limit: usize) -> Measure<'_> {
    let lists = array.as_list::<O>();
    let (items, offsets) = (measure(lists.values(), limit), lists.offsets());
    Box::new(move |start, end| {
        let frame = (end - start).saturating_mul(QUOTES);
        frame.saturating_add(items(offsets[start].as_usize(), offsets[end].as_usize()))
    })
}

fn list_view<O: OffsetSizeTrait>(array: &dyn Array, limit: usize) -> Measure<'_> {
    let lists = array.as_list_view::<O>();
    let items = measure(lists.values(), limit);
    by_row(limit, move |row| {
        let start = lists.value_offset(row).as_usize();
        QUOTES.saturating_add(items(start, start + lists.value_size(row).as_usize()))
    })
}

fn fixed_list(array: &dyn Array, length: usize, limit: usize) -> Measure<'_> {
    let items = measure(array.as_fixed_size_list().values(), limit);
    Box::new(move |start, end| (end - start) * QUOTES + items(start * length, end * length))
}

fn structs<'a>(array: &'a dyn Array, fields: &Fields, limit: usize) -> Measure<'a> {
    let names: usize = fields.iter().map(|field| field.name().len() + QUOTES + 1).sum();
    let columns: Vec<Measure<'_>> = array.as_struct().columns().iter().map(|column| measure(column, limit)).collect();
    Box::new(move |start, end| {
        let frame = (end - start).saturating_mul(QUOTES + names);
        columns.iter().fold(frame, |sum, of_column| sum.saturating_add(of_column(start, end)))
    })
}

fn maps(array: &dyn Array, limit: usize) -> Measure<'_> {
    let maps = array.as_map();
    let (of_keys, of_entries, offsets) = (measure(maps.keys(), limit), measure(maps.values(), limit), maps.offsets());
    Box::new(move |start, end| {
        let (first, last) = (offsets[start].as_usize(), offsets[end].as_usize());
        let frame = (end - start + last - first) * QUOTES;
        frame.saturating_add(of_keys(first, last)).saturating_add(of_entries(first, last))
    })
}

fn unions<'a>(array: &'a dyn Array, variants: &UnionFields, limit: usize) -> Measure<'a> {
    let union = array.as_union();
    let of_variants: Vec<(i8, Measure<'_>)> =
        variants.iter().map(|(id, _)| (id, measure(union.child(id), limit))).collect();
    by_row(limit, move |row| {
        let place = union.value_offset(row);
        let known = of_variants.iter().find(|(id, _)| *id == union.type_id(row));
        known.map_or(NULL_BYTES, |(_, of_variant)| of_variant(place, place + 1))
    })
}

/// The length of what a view shows, its low 32 bits.
pub(super) fn view_length(view: u128) -> usize {
    (view & u128::from(u32::MAX)) as usize
}
