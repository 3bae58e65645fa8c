//! Parquet: a file of row groups, each with the pages of its columns.

pub(crate) mod pages;
pub(crate) mod reader;
pub(crate) mod writer;
