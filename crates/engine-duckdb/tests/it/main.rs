//! The engine from outside, as a store calls it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod engine_script;
mod relation;
