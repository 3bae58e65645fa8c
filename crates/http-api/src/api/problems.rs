//! Problems that routes have together, as the rows of the table name them.

#[allow(clippy::enum_glob_use, reason = "the groups name most of them")]
use eider_application::ErrorCode::{self, *};

/// Of every route that asks who asks.
pub(crate) const ADMISSION: &[ErrorCode] = &[Unauthorized, Forbidden, RateLimited, UriTooLong, Overloaded];
/// Of every route below the base path.
pub(crate) const EVERYWHERE: &[ErrorCode] =
    &[MalformedRequest, UnknownParameter, InvalidParameter, Internal, StoreCorrupt, Unsupported, Timeout];
/// Of pages that need neither a key nor the store.
pub(crate) const PUBLIC: &[ErrorCode] = &[MalformedRequest, UnknownParameter, UriTooLong, Overloaded];
/// Of what asks the store how it is.
pub(crate) const STORE: &[ErrorCode] = &[Internal, StoreCorrupt, Unsupported, Timeout];
pub(crate) const BODY: &[ErrorCode] = &[MalformedJson, PayloadTooLarge, UnsupportedMediaType, RequestTimeout];
pub(crate) const FILTERS: &[ErrorCode] = &[UnknownProperty, UnknownOperator, InvalidFilter, QueryTooComplex];
/// Of every route that reads records.
pub(crate) const READ: &[ErrorCode] = &[SchemaNotFound, SchemaChanged, StaleVersion, CommitLost];
pub(crate) const NEGOTIATED: &[ErrorCode] = &[NotAcceptable];
pub(crate) const PAGED: &[ErrorCode] = &[InvalidLimit, InvalidCursor];
pub(crate) const GROUPED: &[ErrorCode] = &[InvalidAggregation, FigureOutOfRange];
/// Of every route that changes records.
pub(crate) const WRITE: &[ErrorCode] = &[ValidationFailed, WriteConflict, SchemaChanged, StorageFull];
pub(crate) const KEYS: &[ErrorCode] = &[DuplicateId, UniqueViolation];
/// Of calls that `Idempotency-Key` names.
pub(crate) const NAMED_CALL: &[ErrorCode] = &[IdempotencyInProgress, IdempotencyMismatch];
