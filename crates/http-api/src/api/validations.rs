//! Rules checked against what is stored, and what they suggest.

pub(super) mod apply;
pub(super) mod cancel;
pub(super) mod describe;
mod issue_lines;
pub(super) mod issues;
pub(super) mod list;
mod rules;
pub(super) mod start;
mod validation;
