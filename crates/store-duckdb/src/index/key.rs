//! Values as bytes whose order is that of the values.
//!
//! A key of an index is its number, its values, and the place of the record. Each value begins with a byte that says
//! whether it is there, and none is the beginning of another, so that the keys of one value stand together, by place:
//!
//! ```text
//! number (4) │ 1 │ value │ place (8)          of nulls: 2 instead of 1 and the value, so that they come last
//! ```

use eider_domain::ValueRef;

/// Bytes of a text that are kept. Longer ones share their keys with others; only the table tells them apart.
const MOST_TEXT: usize = 128;
const PRESENT: u8 = 1;
const ABSENT: u8 = 2;
/// Stands behind each zero of a text.
const ZERO: u8 = 0xFF;
/// Behind a zero: the end of a text that is there as a whole.
const WHOLE: u8 = 1;
/// Behind a zero: the end of one that was cut. A checksum of the whole follows.
const CUT: u8 = 2;

/// Appends a value; `false` when it was cut, so that other values may have these bytes.
pub(crate) fn push_value(key: &mut Vec<u8>, value: &ValueRef<'_>) -> bool {
    key.push(if matches!(value, ValueRef::Null) { ABSENT } else { PRESENT });
    match value {
        ValueRef::Null => {}
        ValueRef::Integer(number) | ValueRef::Time(number) | ValueRef::Datetime(number) => {
            key.extend((number.cast_unsigned() ^ (1 << 63)).to_be_bytes());
        }
        ValueRef::Date(days) => key.extend((days.cast_unsigned() ^ (1 << 31)).to_be_bytes()),
        ValueRef::Decimal(digits) => key.extend((digits.cast_unsigned() ^ (1 << 127)).to_be_bytes()),
        ValueRef::Number(number) => {
            // There is one zero.
            let bits = (number + 0.0).to_bits();
            let ordered = if bits >> 63 == 1 { !bits } else { bits ^ (1 << 63) };
            key.extend(ordered.to_be_bytes());
        }
        ValueRef::Boolean(boolean) => key.push(u8::from(*boolean)),
        ValueRef::Uuid(id) => key.extend(id.as_bytes()),
        ValueRef::Text(text) | ValueRef::Json(text) => return push_text(key, text.as_bytes()),
    }
    true
}

fn push_text(key: &mut Vec<u8>, text: &[u8]) -> bool {
    let is_whole = text.len() <= MOST_TEXT;
    push_head(key, text);
    key.extend([0, if is_whole { WHOLE } else { CUT }]);
    if !is_whole {
        key.extend(crc32fast::hash(text).to_be_bytes());
    }
    is_whole
}

fn push_head(key: &mut Vec<u8>, text: &[u8]) {
    for byte in &text[..text.len().min(MOST_TEXT)] {
        key.push(*byte);
        if *byte == 0 {
            key.push(ZERO);
        }
    }
}

/// The number of an index, with which all its keys begin.
pub(crate) fn prefix(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

/// Appends the key of an id. It has no place: an id has one record, and the entry leads to it.
pub(crate) fn push_id(key: &mut Vec<u8>, number: u32, id: &[u8]) {
    key.extend(prefix(number));
    key.push(PRESENT);
    key.extend(id);
}

/// A key, with the place that it leads to.
pub(crate) fn push_place(key: &mut Vec<u8>, place: i64) {
    key.extend(place.to_be_bytes());
}

/// The place that a key leads to.
pub(crate) fn place(key: &[u8]) -> i64 {
    key.last_chunk().map_or(0, |place| i64::from_be_bytes(*place))
}

/// A key without its place.
pub(crate) fn values(key: &[u8]) -> &[u8] {
    &key[..key.len().saturating_sub(size_of::<i64>())]
}

/// The least bytes behind everything that begins with these.
pub(crate) fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut behind = prefix.to_vec();
    while let Some(last) = behind.pop() {
        if last < u8::MAX {
            behind.push(last + 1);
            break;
        }
    }
    behind
}

/// Keys from one on up to another, without that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRange {
    pub(crate) from: Vec<u8>,
    pub(crate) to: Vec<u8>,
}

impl KeyRange {
    /// All keys that begin so.
    pub(crate) fn beginning(prefix: Vec<u8>) -> Self {
        Self { to: behind(&prefix), from: prefix }
    }

    /// The keys of an index whose value is there.
    pub(crate) fn present(number: u32) -> Self {
        let mut prefix = prefix(number).to_vec();
        prefix.push(PRESENT);
        Self::beginning(prefix)
    }

    /// The keys of an index whose value is null.
    pub(crate) fn absent(number: u32) -> Self {
        let mut prefix = prefix(number).to_vec();
        prefix.push(ABSENT);
        Self::beginning(prefix)
    }

    /// The keys of a value. Where it was cut, also those of others.
    pub(crate) fn of_value(number: u32, value: &ValueRef<'_>) -> Self {
        let mut prefix = prefix(number).to_vec();
        push_value(&mut prefix, value);
        Self::beginning(prefix)
    }

    /// The keys of values that are greater, or not less. Where it was cut, also of others that begin alike.
    pub(crate) fn since(number: u32, value: &ValueRef<'_>, is_included: bool) -> Self {
        let alike = Self::alike(number, value);
        let is_wanted = is_included || is_cut(value);
        Self { from: if is_wanted { alike.from } else { alike.to }, to: Self::present(number).to }
    }

    /// The keys of values that are less, or not greater. Where it was cut, also of others that begin alike.
    pub(crate) fn until(number: u32, value: &ValueRef<'_>, is_included: bool) -> Self {
        let alike = Self::alike(number, value);
        let is_wanted = is_included || is_cut(value);
        Self { from: Self::present(number).from, to: if is_wanted { alike.to } else { alike.from } }
    }

    /// The keys of a value, or of all that begin as it was cut.
    fn alike(number: u32, value: &ValueRef<'_>) -> Self {
        match value {
            ValueRef::Text(text) if is_cut(value) => {
                let mut prefix = prefix(number).to_vec();
                prefix.push(PRESENT);
                push_head(&mut prefix, text.as_bytes());
                prefix.extend([0, CUT]);
                Self::beginning(prefix)
            }
            _ => Self::of_value(number, value),
        }
    }

    /// The keys of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }

    /// Whether it has no keys.
    pub(crate) fn is_empty(&self) -> bool {
        self.from >= self.to
    }
}

fn is_cut(value: &ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Text(text) if text.len() > MOST_TEXT)
}

#[cfg(test)]
mod tests {
    use eider_domain::Value;
    use proptest::prelude::*;

    use super::*;

    fn key(value: &Value) -> Vec<u8> {
        let mut key = prefix(7).to_vec();
        push_value(&mut key, value);
        push_place(&mut key, 9);
        key
    }

    fn values() -> impl Strategy<Value = (Value, Value)> {
        let text = || {
            prop_oneof![
                "[a-c\u{0}\u{1}é]{0,6}",
                (120_usize..140, "[ab\u{0}]{0,3}").prop_map(|(length, end)| "a".repeat(length) + &end)
            ]
        };
        let number =
            || prop_oneof![any::<f64>().prop_filter("finite", |number| number.is_finite()), Just(0.0), Just(-0.0)];
        prop_oneof![
            (any::<i64>(), any::<i64>()).prop_map(|(one, other)| (Value::Integer(one), Value::Integer(other))),
            (-3_i64..3, -3_i64..3).prop_map(|(one, other)| (Value::Datetime(one), Value::Datetime(other))),
            (any::<i32>(), any::<i32>()).prop_map(|(one, other)| (Value::Date(one), Value::Date(other))),
            (any::<i128>(), any::<i128>()).prop_map(|(one, other)| (Value::Decimal(one), Value::Decimal(other))),
            (number(), number()).prop_map(|(one, other)| (Value::Number(one), Value::Number(other))),
            (any::<bool>(), any::<bool>()).prop_map(|(one, other)| (Value::Boolean(one), Value::Boolean(other))),
            (text(), text()).prop_map(|(one, other)| (Value::Text(one.into()), Value::Text(other.into()))),
        ]
    }

    proptest! {
        #[test]
        fn keys_are_ordered_as_their_values((one, other) in values()) {
            let expected = one.compare(&other).unwrap();
            if is_cut(&one) && is_cut(&other) {
                // Those that begin alike stand together, in no order.
                prop_assert!(expected.is_eq() == (one == other));
            } else {
                prop_assert_eq!(key(&one).cmp(&key(&other)), expected, "{:?} {:?}", one, other);
            }
        }

        #[test]
        fn ranges_have_the_keys_of_their_values((one, other) in values()) {
            let key = key(&other);
            let has = |range: KeyRange| range.from <= key && key < range.to;
            let order = other.compare(&one).unwrap();
            let is_certain = !(is_cut(&one) && is_cut(&other));
            let cases = [
                (has(KeyRange::of_value(7, &one)), order.is_eq()),
                (has(KeyRange::since(7, &one, true)), order.is_ge()),
                (has(KeyRange::since(7, &one, false)), order.is_gt()),
                (has(KeyRange::until(7, &one, true)), order.is_le()),
                (has(KeyRange::until(7, &one, false)), order.is_lt()),
            ];
            for (found, expected) in cases {
                prop_assert!(found == expected || (found && !is_certain), "{:?} {:?}", one, other);
            }
            prop_assert!(has(KeyRange::present(7)) && !has(KeyRange::absent(7)) && !has(KeyRange::present(8)));
        }
    }

    #[test]
    fn nulls_come_last_and_a_place_can_be_read_back() {
        let null = key(&Value::Null);
        assert!(null > key(&Value::Integer(i64::MAX)) && null > key(&Value::Text("\u{10FFFF}".into())));
        assert_eq!(place(&null), 9);
        assert!(KeyRange::absent(7).from <= null && null < KeyRange::absent(7).to);
        assert_eq!(behind(&[1, 255, 255]), [2]);
    }
}
