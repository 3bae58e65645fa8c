//! A record and a patch, on two lines: what comes of them is what RFC 7396 makes of the trees, and is read again.
#![no_main]

use eider_domain::DataType;
use libfuzzer_sys::fuzz_target;
use serde_json::Value as Json;

fuzz_target!(|text: &[u8]| {
    let Some(end) = text.iter().position(|byte| *byte == b'\n') else { return };
    let (record, patch) = (&text[..end], &text[end + 1..]);
    let schema = eider_fuzz::schema();
    let Some((before, after)) = eider_fuzz::patched(record, patch) else { return };
    let Ok(Json::Object(patch)) = serde_json::from_slice(patch) else { panic!("{patch:?} was taken") };
    let nested = schema.properties().iter().filter(|property| !property.data_type.is_comparable());
    for property in nested {
        let name = property.name.as_str();
        let said = patch.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        let expected = match said {
            None => before[name].clone(),
            Some((_, patch)) => eider_fuzz::merged(before[name].clone(), patch),
        };
        assert_eq!(after[name], expected);
        assert!(property.data_type == DataType::Array || !after[name].is_array());
    }
});
