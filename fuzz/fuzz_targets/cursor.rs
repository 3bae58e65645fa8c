//! A cursor, as it is and with the right fingerprint: an accepted one is written as one that means the same.
#![no_main]

use arbitrary::Arbitrary;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eider_domain::{Cursor, Direction, RecordQuery, SortKey};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value as Json, json};

#[derive(Debug, Arbitrary)]
struct Input {
    text: String,
    /// Which fields are sorted by.
    fields: Vec<(u8, bool)>,
    keys: Vec<Option<String>>,
    sequence: i64,
}

fuzz_target!(|input: Input| {
    let schema = eider_fuzz::schema();
    let mut query = RecordQuery::everything(&schema);
    let fields = schema.fields();
    for (index, is_descending) in input.fields.iter().take(20) {
        let field = fields[usize::from(*index) % fields.len()].clone();
        if field.data_type().is_comparable() {
            let direction = if *is_descending { Direction::Descending } else { Direction::Ascending };
            query.sort.push(SortKey { field, direction });
        }
    }
    let fingerprint = query.fingerprint(&schema);
    let _ = Cursor::decode(&input.text, &fingerprint, &query.sort);
    // The fingerprint stands in every cursor of the query.
    let place = eider_domain::Position { keys: vec![eider_domain::Value::Null; query.sort.len()], sequence: 0 };
    let own = URL_SAFE_NO_PAD.decode(Cursor::encode(&fingerprint, &query.sort, &place)).expect("its own encoding");
    let own: Json = serde_json::from_slice(&own).expect("its own document");
    let mut keys = input.keys;
    keys.resize(query.sort.len(), None);
    let forged = json!({"q": own["q"], "k": keys, "s": input.sequence});
    let Ok(position) = Cursor::decode(&URL_SAFE_NO_PAD.encode(forged.to_string()), &fingerprint, &query.sort) else {
        return;
    };
    let written = Cursor::encode(&fingerprint, &query.sort, &position);
    assert_eq!(Cursor::decode(&written, &fingerprint, &query.sort), Ok(position));
});
