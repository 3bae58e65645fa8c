//! Why a body cannot be read.

use std::io;

use arrow_schema::ArrowError;
use eider_domain::Violation;

/// Why a body cannot be read to its end. What is wrong with single records is a [`Violation`] each, and no error.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The body is not JSON, or not the JSON that is read here. The client sends another body.
    #[error("{detail}")]
    MalformedJson {
        /// What is wrong, and where.
        detail: String,
    },
    /// The body is not of its format, or its columns are not the schema's. The client sends another body.
    #[error("{detail}")]
    MalformedBody {
        /// What is wrong, and where.
        detail: String,
    },
    /// A column of the body has a type that no schema can have.
    #[error("a column has {} violations", .0.len())]
    SchemaInvalid(Vec<Violation>),
    /// The disk on which a body waits has failed.
    #[error("a body that waits on disk cannot be written or read")]
    Disk(#[from] io::Error),
    /// Memory for the pages of the body is short now. The client tries again later.
    #[error("memory is short")]
    MemoryShort,
    /// Arrow refused to put together columns that the code itself made.
    #[error("columns do not fit together")]
    Columns(#[from] ArrowError),
}

impl ReadError {
    /// A body that is not of its format.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::MalformedBody { detail: detail.into() }
    }
}
