//! A JSON array as the body of a bulk call.
#![no_main]

use eider_application::ingest::BodyFormat;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| eider_fuzz::check_body(BodyFormat::JsonArray, body, &eider_fuzz::cuts(body)));
