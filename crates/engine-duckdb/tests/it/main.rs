//! Where the engine comes from.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod engine_script;
