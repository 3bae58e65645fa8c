//! A schema definition: what is accepted is written as a document that is the same definition.
#![no_main]

use eider_domain::SchemaDefinition;
use libfuzzer_sys::fuzz_target;
use serde_json::Value as Json;

fuzz_target!(|text: &[u8]| {
    let Ok(document) = serde_json::from_slice::<Json>(text) else { return };
    match SchemaDefinition::parse(&document) {
        Ok(definition) => assert_eq!(SchemaDefinition::parse(&definition.to_json()), Ok(definition)),
        Err(violations) => {
            assert!(!violations.is_empty());
            for violation in violations {
                // Each names a place of the document, or a member that it lacks.
                let parent = violation.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
                assert!(document.pointer(parent).is_some(), "{} of {document}", violation.pointer);
            }
        }
    }
});
