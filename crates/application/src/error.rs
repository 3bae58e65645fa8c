//! What a use case reports when it fails, and the stable codes that clients see.

use std::fmt;

use eider_domain::{CursorError, NameRuleError, RecordId, SchemaName, Violation};
use uuid::Uuid;

use crate::ports::{ExistingDataViolation, StoreError, StoreErrorKind};

macro_rules! error_codes {
    ($($variant:ident = $code:literal, $title:literal;)*) => {
        /// The stable code of a failure, independent of HTTP.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $title] $variant,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as it stands on the wire.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            /// A short sentence that is the same for every occurrence (RFC 9457, `title`).
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)*
                }
            }
        }
    };
}

error_codes! {
    MalformedJson = "malformed_json", "The body is not valid JSON";
    MalformedRequest = "malformed_request", "The request cannot be read";
    UnknownParameter = "unknown_parameter", "The request has a parameter that does not exist";
    InvalidParameter = "invalid_parameter", "A parameter has a value that it cannot have";
    UnknownProperty = "unknown_property", "The query names a property that the schema does not have";
    UnknownOperator = "unknown_operator", "The query names an operator that does not exist";
    InvalidFilter = "invalid_filter", "A filter does not fit its property";
    InvalidAggregation = "invalid_aggregation", "A part of the aggregation does not fit its property";
    InvalidLimit = "invalid_limit", "The limit is not one that a page can have";
    CommitLost = "commit_lost", "The commit was lost when the store was restored from a backup";
    InvalidCursor = "invalid_cursor", "The cursor does not belong to this query";
    QueryTooComplex = "query_too_complex", "The query has more parts than a query may have";
    Unauthorized = "unauthorized", "The request has no valid key";
    Forbidden = "forbidden", "The key does not allow this";
    RouteNotFound = "route_not_found", "There is nothing at this path";
    SchemaNotFound = "schema_not_found", "There is no schema of this name";
    ReportNotFound = "report_not_found", "There is no report of failures of this import";
    BackupNotFound = "backup_not_found", "There is no finished backup of this id";
    ValidationNotFound = "validation_not_found", "There is no validation of this id";
    RecordNotFound = "record_not_found", "There is no record with this id";
    MethodNotAllowed = "method_not_allowed", "The path does not answer this method";
    NotAcceptable = "not_acceptable", "None of the accepted media types can be produced";
    RequestTimeout = "request_timeout", "The request did not arrive in time";
    SchemaChanged = "schema_changed", "The schema changed meanwhile";
    SchemaContradicted = "schema_contradicted", "Stored records contradict the change of the schema";
    SchemaExists = "schema_exists", "A schema of this name exists";
    DuplicateId = "duplicate_id", "A record with this id exists";
    UniqueViolation = "unique_violation", "A record with this value of a unique property exists";
    WriteConflict = "write_conflict", "Another writer changed the same data first";
    TooManyAffected = "too_many_affected", "The filter matches more records than may be affected";
    IdempotencyInProgress = "idempotency_in_progress", "A call with this idempotency key still runs";
    ValidationUnfinished = "validation_unfinished", "The validation has not come to its end";
    StaleVersion = "stale_version", "The record or the schema has another version than the request expects";
    PayloadTooLarge = "payload_too_large", "The body is larger than it may be";
    TooManyRecords = "too_many_records", "The body has more records than one call may have";
    UriTooLong = "uri_too_long", "The address is longer than it may be";
    RangeNotSatisfiable = "range_not_satisfiable", "The answer has no such bytes";
    HeadersTooLarge = "headers_too_large", "The head of the request is longer than it may be";
    UnsupportedMediaType = "unsupported_media_type", "The body has a media type that is not read here";
    SchemaInvalid = "schema_invalid", "The schema definition is not valid";
    RulesInvalid = "rules_invalid", "At least one rule is not valid";
    IdempotencyMismatch = "idempotency_mismatch", "The idempotency key was used for another call";
    ValidationFailed = "validation_failed", "At least one record was refused by the schema";
    FigureOutOfRange = "figure_out_of_range", "A figure of the aggregation does not fit its type";
    RateLimited = "rate_limited", "The client makes more requests than it may";
    Unsupported = "unsupported", "The store behind this server cannot do this";
    Internal = "internal", "The server failed";
    StoreCorrupt = "store_corrupt", "The stored data is damaged";
    Overloaded = "overloaded", "A budget of the server is used up";
    Timeout = "timeout", "The query took longer than it may";
    StorageFull = "storage_full", "The disk is full";
}

impl ErrorCode {
    /// Whether the same request may succeed later without being changed.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Overloaded
                | Self::RateLimited
                | Self::Timeout
                | Self::WriteConflict
                | Self::SchemaChanged
                | Self::RequestTimeout
                | Self::StorageFull
                | Self::IdempotencyInProgress
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No schema has the name.
    #[error("there is no schema `{name}`")]
    SchemaNotFound {
        /// The name asked for.
        name: SchemaName,
    },
    /// A schema has the name.
    #[error("there already is a schema `{name}`")]
    SchemaExists {
        /// The name asked for.
        name: SchemaName,
    },
    /// Stored records contradict a change of their schema; nothing was changed.
    #[error("stored records contradict the change of the schema; nothing was changed")]
    SchemaContradicted(Vec<ExistingDataViolation>),
    /// The schema has another version than expected.
    #[error("the schema has version {version}; read it again")]
    StaleSchema {
        /// The version that it has.
        version: u32,
    },
    /// The definition is not valid.
    #[error("the schema definition has {} violations", .0.len())]
    SchemaInvalid(Vec<Violation>),
    /// No record has the id.
    #[error("there is no record with the id `{id}`")]
    RecordNotFound {
        /// The id asked for.
        id: RecordId,
    },
    /// No import has a report under the id, or no longer.
    #[error("there is no report of failures of the import `{import}`")]
    ReportNotFound {
        /// The import asked for.
        import: Uuid,
    },
    /// The rules of a validation are not valid.
    #[error("the rules have {} violations", .0.len())]
    RulesInvalid(Vec<Violation>),
    /// There is no validation of the id, or no longer.
    #[error("there is no validation `{id}` of this schema, or no longer")]
    ValidationNotFound {
        /// The id asked for.
        id: Uuid,
    },
    /// The validation has nothing to show or to write.
    #[error("the validation is {state}; only one that is done has issues")]
    ValidationUnfinished {
        /// How far it has come.
        state: &'static str,
    },
    /// The record is refused by its schema.
    #[error("the record has {} violations", .0.len())]
    RecordInvalid(Vec<Violation>),
    /// The record would be the second with its id or a unique value.
    #[error("the record shares a key with another record")]
    KeyConflict(Vec<Violation>),
    /// The record is JSON but for one of its values.
    #[error("{}", .0.detail)]
    MalformedValue(Violation),
    /// The body is not JSON, or not the JSON that is read here.
    #[error("{detail}")]
    MalformedJson {
        /// What is wrong, and where.
        detail: String,
    },
    /// The body is not of its format, or its columns are not the schema's.
    #[error("{detail}")]
    MalformedBody {
        /// What is wrong, and where.
        detail: String,
    },
    /// What the call says of the names in its body does not fit the schema.
    #[error(transparent)]
    NameRuleInvalid(#[from] NameRuleError),
    /// The body is larger than it may be.
    #[error("the body is larger than {limit_bytes} bytes")]
    BodyTooLarge {
        /// The limit that holds.
        limit_bytes: u64,
    },
    /// The body has more records than one call may have.
    #[error("the body has more than {limit} records")]
    TooManyRecords {
        /// The limit that holds.
        limit: u64,
    },
    /// More records match than a deletion may affect; none was deleted.
    #[error("{matching} records match, more than the {max_affected} that may be affected; none was deleted")]
    TooManyAffected {
        /// How many match.
        matching: u64,
        /// How many may be affected.
        max_affected: u64,
    },
    /// The record has another version than expected.
    #[error("the record has another version; read it again")]
    StaleVersion,
    /// A call with the same idempotency key has not ended.
    #[error("a call with this idempotency key still runs")]
    IdempotencyInProgress,
    /// The idempotency key was used for a call with another body or other parameters.
    #[error("the idempotency key was used for a call with another body or other parameters")]
    IdempotencyMismatch,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// The body broke off or was not what its headers said.
    #[error("the body could not be read to its end")]
    BodyUnreadable,
    /// The cursor does not belong to the query.
    #[error(transparent)]
    InvalidCursor(#[from] CursorError),
    /// A page lies beyond what page numbers reach.
    #[error("page numbers reach to record {limit}; use the cursor in `page.next` beyond it")]
    OffsetTooLarge {
        /// The greatest offset that a page number may lead to.
        limit: u64,
    },
    /// The records of a page are too large together.
    #[error(
        "the page has more than {limit_bytes} bytes; ask for fewer records or properties, or for a stream, which may have any number"
    )]
    PageTooLarge {
        /// Most bytes of a page.
        limit_bytes: u64,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::SchemaNotFound { .. } => ErrorCode::SchemaNotFound,
            Self::SchemaExists { .. } => ErrorCode::SchemaExists,
            Self::SchemaInvalid(_) => ErrorCode::SchemaInvalid,
            Self::SchemaContradicted(_) => ErrorCode::SchemaContradicted,
            Self::ReportNotFound { .. } => ErrorCode::ReportNotFound,
            Self::RecordNotFound { .. } => ErrorCode::RecordNotFound,
            Self::RecordInvalid(_) => ErrorCode::ValidationFailed,
            Self::RulesInvalid(_) => ErrorCode::RulesInvalid,
            Self::ValidationNotFound { .. } => ErrorCode::ValidationNotFound,
            Self::ValidationUnfinished { .. } => ErrorCode::ValidationUnfinished,
            Self::KeyConflict(violations) => match violations.first().map(|v| v.code) {
                Some(eider_domain::ViolationCode::DuplicateId) => ErrorCode::DuplicateId,
                _ => ErrorCode::UniqueViolation,
            },
            Self::MalformedJson { .. } | Self::MalformedValue(_) => ErrorCode::MalformedJson,
            Self::BodyTooLarge { .. } => ErrorCode::PayloadTooLarge,
            Self::TooManyRecords { .. } => ErrorCode::TooManyRecords,
            Self::TooManyAffected { .. } => ErrorCode::TooManyAffected,
            Self::StaleVersion | Self::StaleSchema { .. } => ErrorCode::StaleVersion,
            Self::IdempotencyInProgress => ErrorCode::IdempotencyInProgress,
            Self::IdempotencyMismatch => ErrorCode::IdempotencyMismatch,
            Self::BodyTimeout => ErrorCode::RequestTimeout,
            Self::BodyUnreadable | Self::MalformedBody { .. } => ErrorCode::MalformedRequest,
            Self::InvalidCursor(_) => ErrorCode::InvalidCursor,
            Self::NameRuleInvalid(_) | Self::OffsetTooLarge { .. } => ErrorCode::InvalidParameter,
            Self::PageTooLarge { .. } => ErrorCode::InvalidLimit,
            Self::Store(error) => match error.kind() {
                StoreErrorKind::NotFound => ErrorCode::SchemaNotFound,
                StoreErrorKind::Conflict => ErrorCode::WriteConflict,
                StoreErrorKind::SchemaChanged => ErrorCode::SchemaChanged,
                StoreErrorKind::CommitLost => ErrorCode::CommitLost,
                StoreErrorKind::OutOfRange => ErrorCode::FigureOutOfRange,
                StoreErrorKind::Unsupported => ErrorCode::Unsupported,
                StoreErrorKind::Unavailable => ErrorCode::Overloaded,
                StoreErrorKind::Timeout => ErrorCode::Timeout,
                StoreErrorKind::StorageFull => ErrorCode::StorageFull,
                StoreErrorKind::Corrupt => ErrorCode::StoreCorrupt,
                StoreErrorKind::InvalidInput | StoreErrorKind::Cancelled | StoreErrorKind::Internal => {
                    ErrorCode::Internal
                }
            },
        }
    }
}
