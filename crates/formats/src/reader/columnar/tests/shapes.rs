//! Any tree of Arrow types, in dictionaries, runs and slices, becomes the values that it holds.
//!
//! A [`Shape`] is a tree of types, a [`Cell`] a value of it. One side builds an array of cells by hand; the other says
//! what their JSON is. Neither knows of the code between them.

use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use arrow_array::builder::{BinaryViewBuilder, FixedSizeBinaryBuilder, StringViewBuilder};
use arrow_array::types::{Float16Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, DictionaryArray, FixedSizeListArray,
    GenericListArray, GenericListViewArray, Int8Array, Int64Array, LargeBinaryArray, LargeStringArray, MapArray,
    NullArray, OffsetSizeTrait, PrimitiveArray, RecordBatch, RunArray, StringArray, StructArray, UnionArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_cast::cast;
use arrow_schema::{DataType as ArrowType, Field, FieldRef, Fields, TimeUnit, UnionFields};
use eider_domain::temporal;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{arrow, batch, schema};
use crate::test_support::decode_in;
use crate::{Format, ReadLimits, value_at};

/// A tree of types.
#[derive(Debug, Clone)]
enum Shape {
    Null,
    /// Whole numbers from 0 to 100 in an Arrow type that holds them: numbers, decimals, dates, times, durations.
    Number(ArrowType),
    Boolean,
    Text(ArrowType),
    Bytes(ArrowType),
    List(ListKind, Box<Shape>),
    Struct(Vec<Shape>),
    Map(Box<Shape>),
    Dictionary(bool, Box<Shape>),
    Runs(Box<Shape>),
    /// Of a whole number, a text and a list.
    Union(bool, Box<Shape>),
}

#[derive(Debug, Clone, Copy)]
enum ListKind {
    List,
    LargeList,
    ListView,
    LargeListView,
    /// Of two.
    Fixed,
}

/// A value of a shape.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Null,
    Number(i8),
    Text(String),
    List(Vec<Cell>),
    Map(Vec<(String, Cell)>),
}

fn number_types() -> Vec<ArrowType> {
    use ArrowType as A;
    let mut types = vec![
        A::Int8,
        A::Int16,
        A::Int32,
        A::Int64,
        A::UInt8,
        A::UInt16,
        A::UInt32,
        A::UInt64,
        A::Float16,
        A::Float32,
        A::Float64,
        A::Decimal32(9, 2),
        A::Decimal64(18, 0),
        A::Decimal128(38, 10),
        A::Decimal256(76, 3),
        A::Date32,
        A::Date64,
        A::Time32(TimeUnit::Second),
        A::Time32(TimeUnit::Millisecond),
        A::Time64(TimeUnit::Microsecond),
        A::Time64(TimeUnit::Nanosecond),
    ];
    for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
        types.extend([A::Timestamp(unit, None), A::Timestamp(unit, Some("+02:00".into())), A::Duration(unit)]);
    }
    types
}

fn shapes() -> impl Strategy<Value = Shape> {
    use ArrowType as A;
    let leaf = prop_oneof![
        1 => Just(Shape::Null),
        1 => Just(Shape::Boolean),
        6 => proptest::sample::select(number_types()).prop_map(Shape::Number),
        2 => proptest::sample::select(vec![A::Utf8, A::LargeUtf8, A::Utf8View]).prop_map(Shape::Text),
        2 => proptest::sample::select(vec![A::Binary, A::LargeBinary, A::BinaryView, A::FixedSizeBinary(5)])
            .prop_map(Shape::Bytes),
    ];
    let kinds = [ListKind::List, ListKind::LargeList, ListKind::ListView, ListKind::LargeListView, ListKind::Fixed];
    leaf.prop_recursive(4, 16, 3, move |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        prop_oneof![
            3 => (proptest::sample::select(kinds.to_vec()), boxed()).prop_map(|(kind, item)| Shape::List(kind, item)),
            2 => proptest::collection::vec(inner.clone(), 1..4).prop_map(Shape::Struct),
            1 => boxed().prop_map(Shape::Map),
            1 => (any::<bool>(), boxed()).prop_map(|(is_wide, values)| match *values {
                // Messages have no form for a dictionary of a dictionary.
                Shape::Dictionary(..) => *values,
                _ => Shape::Dictionary(is_wide, values),
            }),
            1 => boxed().prop_map(Shape::Runs),
            1 => (any::<bool>(), boxed()).prop_map(|(is_dense, item)| Shape::Union(is_dense, item)),
        ]
    })
}

fn cells(shape: &Shape) -> BoxedStrategy<Cell> {
    let text = || prop_oneof![Just(String::new()), "[a-c\"\\\\é\n]{0,4}"];
    let some: BoxedStrategy<Cell> = match shape {
        Shape::Null => Just(Cell::Null).boxed(),
        Shape::Boolean => (0_i8..2).prop_map(Cell::Number).boxed(),
        Shape::Number(_) => (0_i8..=100).prop_map(Cell::Number).boxed(),
        Shape::Text(_) => text().prop_map(Cell::Text).boxed(),
        Shape::Bytes(ArrowType::FixedSizeBinary(_)) => "[a-z]{5}".prop_map(Cell::Text).boxed(),
        Shape::Bytes(_) => "[a-z]{0,5}".prop_map(Cell::Text).boxed(),
        Shape::List(ListKind::Fixed, item) => proptest::collection::vec(cells(item), 2).prop_map(Cell::List).boxed(),
        Shape::List(_, item) => proptest::collection::vec(cells(item), 0..4).prop_map(Cell::List).boxed(),
        Shape::Struct(members) => members.iter().map(cells).collect::<Vec<_>>().prop_map(Cell::List).boxed(),
        Shape::Map(value) => proptest::collection::btree_map(text(), cells(value), 0..3)
            .prop_map(|entries| Cell::Map(entries.into_iter().collect()))
            .boxed(),
        Shape::Dictionary(_, inner) | Shape::Runs(inner) => return cells(inner),
        Shape::Union(_, item) => prop_oneof![
            (0_i8..=100).prop_map(Cell::Number),
            text().prop_map(Cell::Text),
            proptest::collection::vec(cells(item), 0..3).prop_map(Cell::List),
        ]
        .boxed(),
    };
    prop_oneof![1 => Just(Cell::Null), 3 => some].boxed()
}

fn item(shape: &Shape) -> FieldRef {
    Arc::new(Field::new("item", arrow_type(shape), true))
}

fn arrow_type(shape: &Shape) -> ArrowType {
    build(shape, &[]).data_type().clone()
}

fn nulls(cells: &[Cell]) -> NullBuffer {
    cells.iter().map(|cell| *cell != Cell::Null).collect()
}

fn texts(cells: &[Cell]) -> Vec<Option<&str>> {
    cells.iter().map(|cell| if let Cell::Text(text) = cell { Some(text.as_str()) } else { None }).collect()
}

fn lists(cells: &[Cell]) -> Vec<&[Cell]> {
    cells.iter().map(|cell| if let Cell::List(items) = cell { items.as_slice() } else { &[] }).collect()
}

fn build(shape: &Shape, cells: &[Cell]) -> ArrayRef {
    let bytes = || texts(cells).into_iter().map(|text| text.map(str::as_bytes)).collect::<Vec<_>>();
    match shape {
        Shape::Null => Arc::new(NullArray::new(cells.len())),
        Shape::Boolean => {
            let value = |cell: &Cell| if let Cell::Number(value) = cell { Some(*value == 1) } else { None };
            Arc::new(cells.iter().map(value).collect::<BooleanArray>())
        }
        Shape::Number(arrow) => numbers(arrow, cells),
        Shape::Text(ArrowType::Utf8) => Arc::new(StringArray::from(texts(cells))),
        Shape::Text(ArrowType::LargeUtf8) => Arc::new(LargeStringArray::from(texts(cells))),
        Shape::Text(_) => {
            let mut builder = StringViewBuilder::new();
            builder.extend(texts(cells));
            Arc::new(builder.finish())
        }
        Shape::Bytes(ArrowType::Binary) => Arc::new(BinaryArray::from(bytes())),
        Shape::Bytes(ArrowType::LargeBinary) => Arc::new(LargeBinaryArray::from(bytes())),
        Shape::Bytes(ArrowType::FixedSizeBinary(width)) => {
            let mut builder = FixedSizeBinaryBuilder::new(*width);
            for value in bytes() {
                match value {
                    Some(value) => builder.append_value(value).unwrap(),
                    None => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
        Shape::Bytes(_) => {
            let mut builder = BinaryViewBuilder::new();
            builder.extend(bytes());
            Arc::new(builder.finish())
        }
        Shape::List(ListKind::List, inner) => list::<i32>(inner, cells),
        Shape::List(ListKind::LargeList, inner) => list::<i64>(inner, cells),
        Shape::List(ListKind::ListView, inner) => list_view::<i32>(inner, cells),
        Shape::List(ListKind::LargeListView, inner) => list_view::<i64>(inner, cells),
        Shape::List(ListKind::Fixed, inner) => {
            let filler = [Cell::Null, Cell::Null];
            let items = lists(cells).into_iter().flat_map(|items| if items.is_empty() { &filler } else { items });
            let items = build(inner, &items.cloned().collect::<Vec<_>>());
            Arc::new(FixedSizeListArray::new(item(inner), 2, items, Some(nulls(cells))))
        }
        Shape::Struct(members) => {
            let columns: Vec<ArrayRef> = members
                .iter()
                .enumerate()
                .map(|(index, member)| {
                    let values = lists(cells).into_iter().map(|row| row.get(index).cloned().unwrap_or(Cell::Null));
                    build(member, &values.collect::<Vec<_>>())
                })
                .collect();
            let field =
                |(index, column): (usize, &ArrayRef)| Field::new(format!("m{index}"), column.data_type().clone(), true);
            let fields: Fields = columns.iter().enumerate().map(field).collect();
            Arc::new(StructArray::new(fields, columns, Some(nulls(cells))))
        }
        Shape::Map(inner) => map(inner, cells),
        Shape::Dictionary(is_wide, inner) => dictionary(*is_wide, inner, cells),
        Shape::Runs(inner) => {
            let mut values: Vec<Cell> = Vec::new();
            let mut ends: Vec<i32> = Vec::new();
            for (end, cell) in (1..).zip(cells) {
                if values.last() == Some(cell) {
                    ends.pop();
                } else {
                    values.push(cell.clone());
                }
                ends.push(end);
            }
            let values = build(inner, &values);
            Arc::new(RunArray::<Int32Type>::try_new(&ends.into(), &values).unwrap())
        }
        Shape::Union(is_dense, inner) => union(*is_dense, inner, cells),
    }
}

/// Numbers by way of what Arrow casts, from a type whose unit is the same.
fn numbers(arrow: &ArrowType, cells: &[Cell]) -> ArrayRef {
    use ArrowType as A;
    let values: Vec<Option<i64>> =
        cells.iter().map(|cell| if let Cell::Number(value) = cell { Some((*value).into()) } else { None }).collect();
    let whole = Int64Array::from(values.clone());
    match arrow {
        // Days, each of so many milliseconds.
        A::Date64 => {
            let millis = values.iter().map(|value| value.map(|days| days * 86_400_000));
            cast(&millis.collect::<Int64Array>(), arrow).unwrap()
        }
        A::Date32 | A::Time32(_) => {
            let narrow = cast(&whole, &A::Int32).unwrap();
            cast(&scaled(arrow, narrow), arrow).unwrap()
        }
        A::Float16 => {
            let values = values.iter().map(|value| value.map(half_of));
            Arc::new(values.collect::<PrimitiveArray<Float16Type>>())
        }
        _ => cast(&scaled(arrow, Arc::new(whole)), arrow).unwrap(),
    }
}

fn half_of(value: i64) -> <Float16Type as ArrowPrimitiveType>::Native {
    let exact = PrimitiveArray::<Int16Type>::from(vec![i16::try_from(value).unwrap()]);
    cast(&exact, &ArrowType::Float16).unwrap().as_any().downcast_ref::<PrimitiveArray<Float16Type>>().unwrap().value(0)
}

/// Nanoseconds are whole microseconds.
fn scaled(arrow: &ArrowType, values: ArrayRef) -> ArrayRef {
    use ArrowType as A;
    match arrow {
        A::Time64(TimeUnit::Nanosecond) | A::Timestamp(TimeUnit::Nanosecond, _) => {
            let values = values.as_any().downcast_ref::<Int64Array>().unwrap();
            Arc::new(values.unary::<_, Int64Type>(|value| value * 1_000))
        }
        _ => values,
    }
}

fn list<O: OffsetSizeTrait>(inner: &Shape, cells: &[Cell]) -> ArrayRef {
    let lists = lists(cells);
    let offsets = OffsetBuffer::<O>::from_lengths(lists.iter().map(|items| items.len()));
    let items = build(inner, &lists.concat());
    Arc::new(GenericListArray::new(item(inner), offsets, items, Some(nulls(cells))))
}

/// The lists lie in the reverse order.
fn list_view<O: OffsetSizeTrait>(inner: &Shape, cells: &[Cell]) -> ArrayRef {
    let lists = lists(cells);
    let items: Vec<Cell> = lists.iter().rev().flat_map(|items| items.iter().cloned()).collect();
    let mut end = items.len();
    let offsets: Vec<O> = lists
        .iter()
        .map(|items| {
            end -= items.len();
            O::usize_as(end)
        })
        .collect();
    let sizes: Vec<O> = lists.iter().map(|items| O::usize_as(items.len())).collect();
    let (offsets, sizes) = (ScalarBuffer::from(offsets), ScalarBuffer::from(sizes));
    Arc::new(GenericListViewArray::new(item(inner), offsets, sizes, build(inner, &items), Some(nulls(cells))))
}

fn map(inner: &Shape, cells: &[Cell]) -> ArrayRef {
    let entries: Vec<&[(String, Cell)]> =
        cells.iter().map(|cell| if let Cell::Map(entries) = cell { entries.as_slice() } else { &[] }).collect();
    let offsets = OffsetBuffer::from_lengths(entries.iter().map(|entries| entries.len()));
    let (keys, values): (Vec<String>, Vec<Cell>) = entries.concat().into_iter().unzip();
    let values = build(inner, &values);
    let fields: Fields =
        vec![Field::new("keys", ArrowType::Utf8, false), Field::new("values", values.data_type().clone(), true)].into();
    let entries = StructArray::new(fields.clone(), vec![Arc::new(StringArray::from(keys)), values], None);
    let entry = Arc::new(Field::new("entries", ArrowType::Struct(fields), false));
    Arc::new(MapArray::new(entry, offsets, entries, Some(nulls(cells)), false))
}

/// The values lie in the reverse order, a null among them: a null cell has no key, or the key of that.
fn dictionary(is_wide: bool, inner: &Shape, cells: &[Cell]) -> ArrayRef {
    let values: Vec<Cell> = cells.iter().cloned().chain([Cell::Null]).rev().collect();
    let key = |(place, cell): (usize, &Cell)| match cell {
        Cell::Null if place % 2 == 0 => None,
        Cell::Null => Some(0),
        _ => Some(i64::try_from(cells.len() - place).unwrap()),
    };
    let keys: Vec<Option<i64>> = cells.iter().enumerate().map(key).collect();
    let values = build(inner, &values);
    if is_wide {
        Arc::new(DictionaryArray::<Int64Type>::new(keys.into(), values))
    } else {
        let keys: Int8Array = keys.into_iter().map(|key| key.map(|key| i8::try_from(key).unwrap())).collect();
        Arc::new(DictionaryArray::<Int8Type>::new(keys, values))
    }
}

fn union(is_dense: bool, inner: &Shape, cells: &[Cell]) -> ArrayRef {
    let variants = [
        Shape::Number(ArrowType::Int16),
        Shape::Text(ArrowType::Utf8),
        Shape::List(ListKind::List, Box::new(inner.clone())),
    ];
    let place = |cell: &Cell| match cell {
        Cell::Number(_) => 0_usize,
        Cell::List(_) => 2,
        _ => 1,
    };
    // A null is a null text.
    let of_variant = |variant: usize| {
        let cells = cells.iter().filter(|cell| !is_dense || place(cell) == variant);
        let cell = |cell: &Cell| if place(cell) == variant { cell.clone() } else { Cell::Null };
        build(&variants[variant], &cells.map(cell).collect::<Vec<_>>())
    };
    let children: Vec<ArrayRef> = (0..3).map(of_variant).collect();
    let ids: Vec<i8> = cells.iter().map(|cell| [5, 7, 9][place(cell)]).collect();
    let mut seen = [0, 0, 0];
    let offset = |cell: &Cell| {
        seen[place(cell)] += 1;
        seen[place(cell)] - 1
    };
    let offsets = is_dense.then(|| cells.iter().map(offset).collect::<ScalarBuffer<i32>>());
    let fields = ["number", "text", "list"].into_iter().zip(&children);
    let fields = fields.map(|(name, child)| Arc::new(Field::new(name, child.data_type().clone(), true)));
    let fields: UnionFields = [5, 7, 9].into_iter().zip(fields).collect();
    Arc::new(UnionArray::try_new(fields, ids.into(), offsets, children).unwrap())
}

/// What a cell is in JSON.
fn oracle(shape: &Shape, cell: &Cell) -> Json {
    match (shape, cell) {
        (_, Cell::Null) => Json::Null,
        (Shape::Dictionary(_, inner) | Shape::Runs(inner), cell) => oracle(inner, cell),
        (Shape::Boolean, Cell::Number(value)) => json!(*value == 1),
        (Shape::Number(arrow), Cell::Number(value)) => number(arrow, (*value).into()),
        (Shape::Union(..), Cell::Number(value)) => json!(value),
        (Shape::Text(_) | Shape::Union(..), Cell::Text(text)) => json!(text),
        (Shape::Bytes(_), Cell::Text(text)) => json!(base64(text.as_bytes())),
        (Shape::List(_, inner) | Shape::Union(_, inner), Cell::List(items)) => {
            items.iter().map(|cell| oracle(inner, cell)).collect()
        }
        (Shape::Struct(members), Cell::List(items)) => {
            let member = |(index, (shape, cell))| (format!("m{index}"), oracle(shape, cell));
            Json::Object(members.iter().zip(items).enumerate().map(member).collect())
        }
        (Shape::Map(inner), Cell::Map(entries)) => {
            Json::Object(entries.iter().map(|(key, cell)| (key.clone(), oracle(inner, cell))).collect())
        }
        (shape, cell) => panic!("{cell:?} is no {shape:?}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the values have few digits")]
fn number(arrow: &ArrowType, value: i64) -> Json {
    use ArrowType as A;
    let in_unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => value * 1_000_000,
        TimeUnit::Millisecond => value * 1_000,
        TimeUnit::Microsecond | TimeUnit::Nanosecond => value,
    };
    match arrow {
        A::Float16 | A::Float32 | A::Float64 => json!(value as f64),
        A::Decimal32(_, scale) | A::Decimal64(_, scale) | A::Decimal128(_, scale) | A::Decimal256(_, scale) => {
            let zeros = "0".repeat(usize::try_from(*scale).unwrap());
            json!(if zeros.is_empty() { value.to_string() } else { format!("{value}.{zeros}") })
        }
        A::Date32 | A::Date64 => json!(temporal::date_text(i32::try_from(value).unwrap())),
        A::Time32(unit) | A::Time64(unit) => json!(temporal::time_text(in_unit(unit))),
        A::Timestamp(unit, zone) => {
            let text = temporal::datetime_text(in_unit(unit));
            json!(if zone.is_some() { &text } else { text.trim_end_matches('Z') })
        }
        A::Duration(TimeUnit::Nanosecond) => json!(seconds(value, 9)),
        A::Duration(TimeUnit::Microsecond) => json!(seconds(value, 6)),
        A::Duration(TimeUnit::Millisecond) => json!(seconds(value, 3)),
        A::Duration(TimeUnit::Second) => json!(format!("PT{value}S")),
        _ => json!(value),
    }
}

/// Up to 100 parts of a second.
fn seconds(value: i64, digits: usize) -> String {
    let fraction = format!("{value:0digits$}");
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { "PT0S".to_owned() } else { format!("PT0.{fraction}S") }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, place| bits << 8 | u32::from(group.get(place).copied().unwrap_or(0)));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// A shape, cells of it, and how many stand before and behind them in the array of which they are a slice.
fn sliced() -> impl Strategy<Value = (Shape, Vec<Cell>, usize, usize)> {
    shapes().prop_flat_map(|shape| {
        let cells = proptest::collection::vec(cells(&shape), 0..20);
        (Just(shape), cells).prop_flat_map(|(shape, cells)| {
            let total = cells.len();
            let bounds = (0..=total, 0..=total).prop_map(|(a, b)| (a.min(b), a.max(b)));
            (Just(shape), Just(cells), bounds).prop_map(|(shape, cells, (start, end))| (shape, cells, start, end))
        })
    })
}

/// The file that a writer makes of a batch; `None` of types that it has no form for.
fn parquet(shape: &Shape, batch: &RecordBatch) -> Option<Vec<u8>> {
    if has_union(shape) {
        return None;
    }
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).ok()?;
    writer.write(batch).ok()?;
    writer.into_inner().ok()
}

/// The batch in every format that has a form for it.
fn bodies(shape: &Shape, batch: &RecordBatch) -> Vec<(Format, Vec<u8>)> {
    let stream = (Format::ArrowStream, arrow(std::slice::from_ref(batch)));
    let file = parquet(shape, batch).map(|body| (Format::Parquet, body));
    std::iter::once(stream).chain(file).collect()
}

fn has_union(shape: &Shape) -> bool {
    match shape {
        Shape::Union(..) => true,
        Shape::List(_, inner) | Shape::Map(inner) | Shape::Dictionary(_, inner) | Shape::Runs(inner) => {
            has_union(inner)
        }
        Shape::Struct(members) => members.iter().any(has_union),
        Shape::Null | Shape::Number(_) | Shape::Boolean | Shape::Text(_) | Shape::Bytes(_) => false,
    }
}

fn json_of(properties: &Json, batch: &RecordBatch, format: Format, body: &[u8]) -> Vec<Json> {
    let schema = schema(properties);
    let limits = ReadLimits { batch_rows: 7, ..ReadLimits::default() };
    let decoded = decode_in(&schema, format, limits, body, 1 << 16);
    let decoded = decoded.unwrap_or_else(|error| panic!("{format}: {error}: {}", batch.schema()));
    assert_eq!((decoded.failures, decoded.received), (vec![], batch.num_rows() as u64));
    let data_type = schema.properties()[0].data_type;
    let column = decoded.records.column(1);
    (0..column.len()).map(|row| value_at(data_type, column, row).to_json(data_type)).collect()
}

proptest! {
    #[test]
    fn nested_values_become_the_json_that_they_are((shape, cells, start, end) in sliced()) {
        let column = build(&shape, &cells).slice(start, end - start);
        let member = Field::new("v", column.data_type().clone(), true);
        let column: ArrayRef = Arc::new(StructArray::new(vec![member].into(), vec![column], None));
        let batch = batch(vec![("p", column)]);
        let expected: Vec<Json> = cells[start..end].iter().map(|cell| json!({"v": oracle(&shape, cell)})).collect();
        let properties = json!([{"name": "p", "type": "object"}]);
        for (format, body) in bodies(&shape, &batch) {
            prop_assert_eq!(json_of(&properties, &batch, format, &body), expected.clone(), "{:?}", format);
        }
    }

    #[test]
    fn encoded_values_become_those_that_they_stand_for(
        (shape, cells, start, end) in sliced().prop_filter("its type is one of a property", |(shape, ..)| {
            property_of(shape).is_some()
        })
    ) {
        let batch = batch(vec![("p", build(&shape, &cells).slice(start, end - start))]);
        // A property of instants shows the zone that it reads the others in.
        let is_instant = |text: &str| text.len() == 26 && text.as_bytes()[10] == b'T';
        let expected: Vec<Json> = cells[start..end].iter().map(|cell| match oracle(&shape, cell) {
            Json::String(text) if is_instant(&text) => json!(text + "Z"),
            other => other,
        }).collect();
        let properties = json!([property_of(&shape)]);
        for (format, body) in bodies(&shape, &batch) {
            prop_assert_eq!(json_of(&properties, &batch, format, &body), expected.clone(), "{:?}", format);
        }
    }
}

/// A property that holds the values of a shape as they are; none of a union, whose values are of several types.
fn property_of(shape: &Shape) -> Option<Json> {
    use ArrowType as A;
    let mut property = match shape {
        Shape::Null | Shape::Text(_) | Shape::Bytes(_) | Shape::Number(A::Duration(_)) => json!({"type": "string"}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Number(A::Float16 | A::Float32 | A::Float64) => json!({"type": "number"}),
        Shape::Number(A::Date32 | A::Date64) => json!({"type": "date"}),
        Shape::Number(A::Time32(_) | A::Time64(_)) => json!({"type": "time"}),
        Shape::Number(A::Timestamp(..)) => json!({"type": "datetime"}),
        Shape::Number(A::Decimal32(p, s) | A::Decimal64(p, s) | A::Decimal128(p, s)) => {
            json!({"type": "decimal", "precision": p, "scale": s})
        }
        Shape::Number(A::Decimal256(..)) => json!({"type": "decimal", "precision": 20, "scale": 3}),
        Shape::Number(_) => json!({"type": "integer"}),
        Shape::List(..) => json!({"type": "array"}),
        Shape::Struct(_) | Shape::Map(_) => json!({"type": "object"}),
        Shape::Dictionary(_, inner) | Shape::Runs(inner) => return property_of(inner),
        Shape::Union(..) => return None,
    };
    property["name"] = "p".into();
    Some(property)
}
