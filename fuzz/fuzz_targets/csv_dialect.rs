//! CSV of any dialect as the body of a bulk call; the first line of the input says which.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| eider_fuzz::check_dialect(input));
