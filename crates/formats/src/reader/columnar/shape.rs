//! What an Arrow type carries beneath its encodings, and whether its values have a form in JSON that loses nothing.

use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{DataType as ArrowType, Field, FieldRef, UnionFields};
use eider_domain::abbreviate;

/// How deep types are nested at most; readers and writers of values recurse as deep.
const MAX_TYPE_DEPTH: usize = 64;

/// What the metadata of a field says beyond its Arrow type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension {
    /// Nothing that is known here: the Arrow type says it all.
    None,
    /// `arrow.uuid`: the bytes are a UUID.
    Uuid,
    /// `arrow.json`: the text is JSON.
    Json,
    /// `arrow.parquet.variant`: the bytes are of an encoding that is not read.
    Variant,
}

impl Extension {
    /// That of a field.
    pub(super) fn of(field: &Field) -> Self {
        match field.metadata().get(EXTENSION_TYPE_NAME_KEY).map(String::as_str) {
            Some("arrow.uuid") => Self::Uuid,
            Some("arrow.json") => Self::Json,
            Some("arrow.parquet.variant") => Self::Variant,
            _ => Self::None,
        }
    }

    /// That of a field within an encoding, which either may name.
    pub(super) fn within(self, field: &Field) -> Self {
        if self == Self::None { Self::of(field) } else { self }
    }
}

/// The type of the values beneath dictionaries, runs and unions of one type, and what their fields say of them.
pub(super) fn carried(arrow: &ArrowType, extension: Extension) -> (&ArrowType, Extension) {
    match arrow {
        ArrowType::Dictionary(_, values) => carried(values, extension),
        ArrowType::RunEndEncoded(_, values) => carried(values.data_type(), extension.within(values)),
        ArrowType::Union(variants, _) => match sole_variant(variants) {
            Some((_, variant)) => carried(variant.data_type(), extension.within(variant)),
            None => (arrow, extension),
        },
        _ => (arrow, extension),
    }
}

/// The only variant of a union that has values.
pub(super) fn sole_variant(variants: &UnionFields) -> Option<(i8, &FieldRef)> {
    let mut with_values = variants.iter().filter(|(_, field)| !field.data_type().is_null());
    with_values.next().filter(|_| with_values.next().is_none())
}

/// Whether an Arrow type holds text.
pub(super) fn is_text(arrow: &ArrowType) -> bool {
    matches!(arrow, ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View)
}

/// Whether an Arrow type holds bytes.
pub(super) fn is_binary(arrow: &ArrowType) -> bool {
    use ArrowType as A;
    matches!(arrow, A::Binary | A::LargeBinary | A::BinaryView | A::FixedSizeBinary(_))
}

/// Whether an Arrow type holds decimals.
pub(super) fn is_decimal(arrow: &ArrowType) -> bool {
    use ArrowType as A;
    matches!(arrow, A::Decimal32(..) | A::Decimal64(..) | A::Decimal128(..) | A::Decimal256(..))
}

/// Whether an Arrow type holds lists.
pub(super) fn is_list(arrow: &ArrowType) -> bool {
    use ArrowType as A;
    matches!(arrow, A::List(_) | A::LargeList(_) | A::ListView(_) | A::LargeListView(_) | A::FixedSizeList(..))
}

/// What the values of a type are in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Boolean,
    Number,
    Text,
    Array,
    Object,
    /// More than one of these.
    Any,
}

/// Checks that every value of a type has a form in JSON of its own.
///
/// # Errors
/// What stands in the way, for a person: `… of the type …, which …`.
pub(super) fn check_json(arrow: &ArrowType, extension: Extension) -> Result<(), String> {
    kind(arrow, extension, 0).map(drop)
}

fn kind(arrow: &ArrowType, extension: Extension, depth: usize) -> Result<Kind, String> {
    use ArrowType as A;
    if depth > MAX_TYPE_DEPTH {
        return Err(format!("is nested more than {MAX_TYPE_DEPTH} types deep"));
    }
    let of = |field: &Field| kind(field.data_type(), Extension::of(field), depth + 1);
    match arrow {
        _ if extension == Extension::Variant => Err("holds a Parquet VARIANT, which is not read here".to_owned()),
        A::Null => Ok(Kind::Null),
        A::Boolean => Ok(Kind::Boolean),
        A::Float16 | A::Float32 | A::Float64 => Ok(Kind::Number),
        integer if integer.is_integer() => Ok(Kind::Number),
        text if is_text(text) && extension == Extension::Json => Ok(Kind::Any),
        text if is_text(text) || is_binary(text) || is_decimal(text) || is_temporal(text) => Ok(Kind::Text),
        A::List(item) | A::LargeList(item) | A::ListView(item) | A::LargeListView(item) | A::FixedSizeList(item, _) => {
            of(item).map(|_| Kind::Array)
        }
        A::Struct(fields) => fields.iter().try_for_each(|field| of(field).map(drop)).map(|()| Kind::Object),
        A::Map(entries, _) => {
            of(entries)?;
            let A::Struct(fields) = entries.data_type() else { return Err("holds a map without entries".to_owned()) };
            match fields.first().map(|key| of(key)).transpose()? {
                Some(Kind::Boolean | Kind::Number | Kind::Text) => Ok(Kind::Object),
                _ => Err("holds a map whose keys are no texts, numbers or times".to_owned()),
            }
        }
        A::Dictionary(_, values) => kind(values, extension, depth + 1),
        A::RunEndEncoded(_, values) => kind(values.data_type(), extension.within(values), depth + 1),
        A::Union(variants, _) => kind_of_union(variants, depth),
        other => Err(format!("holds {}, which has no form in JSON", abbreviate(&other.to_string()))),
    }
}

/// JSON does not say which variant a value is of, so that its form has to.
fn kind_of_union(variants: &UnionFields, depth: usize) -> Result<Kind, String> {
    let mut seen: Vec<(Kind, &str)> = Vec::new();
    for (_, variant) in variants.iter() {
        let of_variant = kind(variant.data_type(), Extension::of(variant), depth + 1)?;
        let is_alike = |kind: Kind| kind == of_variant || kind == Kind::Any || of_variant == Kind::Any;
        if let Some((_, other)) = seen.iter().find(|(kind, _)| is_alike(*kind)) {
            return Err(format!(
                "holds a union whose variants `{}` and `{}` look alike in JSON",
                abbreviate(other),
                abbreviate(variant.name())
            ));
        }
        seen.push((of_variant, variant.name()));
    }
    Ok(match seen.as_slice() {
        [] => Kind::Null,
        [(only, _)] | [(Kind::Null, _), (only, _)] | [(only, _), (Kind::Null, _)] => *only,
        _ => Kind::Any,
    })
}

fn is_temporal(arrow: &ArrowType) -> bool {
    use ArrowType as A;
    matches!(
        arrow,
        A::Date32 | A::Date64 | A::Time32(_) | A::Time64(_) | A::Timestamp(..) | A::Duration(_) | A::Interval(_)
    )
}
