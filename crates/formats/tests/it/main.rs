//! The formats as their users see them.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

mod corpus;
mod dialects;
mod documents;
mod round_trips;
