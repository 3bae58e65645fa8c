//! Failures as RFC 9457 problem details. The one place that knows which code has which HTTP status.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use eider_application::{Error, ErrorCode};
use eider_domain::{FilterError, NameError, PropertyName, UnknownField, UnknownName};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use utoipa::ToSchema;

/// Seconds after which a client may try again when a budget is used up.
const RETRY_AFTER_SECONDS: u32 = 1;

pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// The HTTP status of a code.
pub(crate) fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::MalformedJson
        | ErrorCode::MalformedRequest
        | ErrorCode::UnknownParameter
        | ErrorCode::InvalidParameter
        | ErrorCode::UnknownProperty
        | ErrorCode::UnknownOperator
        | ErrorCode::InvalidFilter
        | ErrorCode::InvalidAggregation
        | ErrorCode::InvalidLimit
        | ErrorCode::InvalidCursor
        | ErrorCode::QueryTooComplex => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::RouteNotFound
        | ErrorCode::SchemaNotFound
        | ErrorCode::RecordNotFound
        | ErrorCode::ReportNotFound
        | ErrorCode::BackupNotFound
        | ErrorCode::ValidationNotFound => StatusCode::NOT_FOUND,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        ErrorCode::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        ErrorCode::SchemaExists
        | ErrorCode::SchemaChanged
        | ErrorCode::CommitLost
        | ErrorCode::SchemaContradicted
        | ErrorCode::DuplicateId
        | ErrorCode::UniqueViolation
        | ErrorCode::WriteConflict
        | ErrorCode::TooManyAffected
        | ErrorCode::IdempotencyInProgress
        | ErrorCode::ValidationUnfinished => StatusCode::CONFLICT,
        ErrorCode::StaleVersion => StatusCode::PRECONDITION_FAILED,
        ErrorCode::PayloadTooLarge | ErrorCode::TooManyRecords => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::UriTooLong => StatusCode::URI_TOO_LONG,
        ErrorCode::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        ErrorCode::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::SchemaInvalid
        | ErrorCode::RulesInvalid
        | ErrorCode::ValidationFailed
        | ErrorCode::IdempotencyMismatch
        | ErrorCode::FigureOutOfRange => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ErrorCode::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorCode::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        ErrorCode::Internal | ErrorCode::StoreCorrupt => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Why a request failed (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(crate) struct Problem {
    /// `/errors/` and the code: where the server says what it means.
    #[schema(example = "/errors/schema_not_found")]
    r#type: String,
    /// The same for every occurrence of the code.
    title: &'static str,
    status: u16,
    /// For a person; may change its wording.
    detail: String,
    /// The id of the request, as in `X-Request-Id`.
    instance: String,
    /// Stable.
    code: &'static str,
    /// Whether the same request may succeed later without being changed.
    retryable: bool,
    /// What is wrong with a record or a schema.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Violation>,
    #[serde(flatten)]
    #[schema(inline, value_type = ProblemMembers)]
    members: Option<Box<Map<String, Json>>>,
}

/// What problems of some codes say beyond that.
#[derive(ToSchema)]
#[expect(dead_code, reason = "they are gathered where the problem is found")]
struct ProblemMembers {
    /// Where in a query body the fault is (RFC 6901).
    #[schema(nullable = false)]
    pointer: Option<String>,
    /// The budget that is used up.
    #[schema(nullable = false)]
    budget: Option<String>,
    /// What can be produced, when nothing that is accepted can.
    #[schema(nullable = false)]
    available: Option<Vec<String>>,
}

/// One thing that is wrong with a record or a schema.
#[derive(Serialize, ToSchema)]
pub(crate) struct Violation {
    /// Where several records came: the line, or the place in the body, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    line: Option<u64>,
    /// Where in the record or the schema (RFC 6901).
    pointer: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    actual: Option<&'static str>,
    detail: String,
}

impl From<eider_domain::Violation> for Violation {
    fn from(violation: eider_domain::Violation) -> Self {
        let eider_domain::Violation { line, pointer, code, expected, actual, detail } = violation;
        Self { line, pointer, code: code.name(), expected, actual, detail }
    }
}

/// Where the server says what problems of a code are.
pub(crate) fn type_of(code: ErrorCode) -> String {
    format!("/errors/{code}")
}

/// A failure on its way to a client. Holds nothing that a client may not see; what operators need is logged
/// where the failure is turned into this.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    code: ErrorCode,
    detail: String,
    errors: Box<[eider_domain::Violation]>,
    /// Members beyond those of every problem.
    members: Option<Box<Map<String, Json>>>,
    allow: Option<Box<str>>,
    /// Bytes of what a range was asked of.
    ranged_bytes: Option<u64>,
    /// The budget that is used up, where that is the problem.
    budget: Option<&'static str>,
    /// Seconds after which to try again.
    retry_after: Option<u64>,
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Box::default(),
            members: None,
            allow: None,
            ranged_bytes: None,
            budget: None,
            retry_after: None,
        }
    }

    pub(crate) fn code(&self) -> ErrorCode {
        self.code
    }

    /// The budget that is used up, where that is the problem.
    pub(crate) fn budget(&self) -> Option<&'static str> {
        self.budget
    }

    pub(crate) fn parameter(name: &str, detail: impl fmt::Display) -> Self {
        Self::new(ErrorCode::InvalidParameter, format!("the parameter `{name}` is not valid: {detail}"))
    }

    /// A value that a query body cannot have where `pointer` says.
    pub(crate) fn body(pointer: &str, detail: impl fmt::Display) -> Self {
        Self::new(ErrorCode::InvalidParameter, detail.to_string()).at(pointer)
    }

    /// The same problem with more to say of it.
    pub(crate) fn and(mut self, hint: &str) -> Self {
        self.detail.push_str("; ");
        self.detail.push_str(hint);
        self
    }

    /// The same problem, found at a place of the body.
    pub(crate) fn at(mut self, pointer: &str) -> Self {
        if !pointer.is_empty() {
            self.detail = format!("`{pointer}`: {}", self.detail);
        }
        self.with_members(json!({"pointer": pointer}))
    }

    pub(crate) fn not_a_schema(error: &NameError) -> Self {
        Self::new(ErrorCode::SchemaNotFound, format!("there is no such schema: {error}"))
    }

    pub(crate) fn method_not_allowed(allow: String) -> Self {
        let mut error = Self::new(ErrorCode::MethodNotAllowed, format!("this path answers {allow}"));
        error.allow = Some(allow.into());
        error
    }

    /// A range that begins behind the end of what has so many bytes, or is empty.
    pub(crate) fn range_not_satisfiable(bytes: u64) -> Self {
        let detail = format!("there are {bytes} bytes, and none in the range");
        Self { ranged_bytes: Some(bytes), ..Self::new(ErrorCode::RangeNotSatisfiable, detail) }
    }

    /// The one answer for every key that is missing or not valid.
    pub(crate) fn unauthorized() -> Self {
        let detail = "send a valid key, as `Authorization: Bearer <key>` or in `X-API-Key`";
        Self::new(ErrorCode::Unauthorized, detail)
    }

    /// A client that has to wait.
    pub(crate) fn rate_limited(wait: Duration) -> Self {
        let seconds = (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1);
        let mut error = Self::new(ErrorCode::RateLimited, format!("too many requests; try again in {seconds} s"));
        error.retry_after = Some(seconds);
        error
    }

    /// The same problem with the members of `document`, which must be an object.
    pub(crate) fn with_members(mut self, document: Json) -> Self {
        if let Json::Object(members) = document {
            self.members.get_or_insert_default().extend(members);
        }
        self
    }

    pub(crate) fn with_errors(mut self, errors: Vec<eider_domain::Violation>) -> Self {
        self.errors = errors.into();
        self
    }

    /// The problem document; `instance` is the id of the request.
    pub(crate) fn problem(&self, request_id: &str) -> Problem {
        Problem {
            r#type: type_of(self.code),
            title: self.code.title(),
            status: status_of(self.code).as_u16(),
            detail: self.detail.clone(),
            instance: request_id.to_owned(),
            code: self.code.name(),
            retryable: self.code.is_retryable(),
            errors: self.errors.iter().cloned().map(Violation::from).collect(),
            members: self.members.clone(),
        }
    }

    pub(crate) fn response(&self, request_id: &str) -> HttpResponse {
        let mut response = HttpResponse::build(status_of(self.code));
        response.insert_header((CONTENT_TYPE, PROBLEM_JSON));
        if let Some(allow) = &self.allow {
            response.insert_header((ALLOW, &**allow));
        }
        if let Some(bytes) = self.ranged_bytes {
            response.insert_header((CONTENT_RANGE, format!("bytes */{bytes}")));
        }
        if self.code == ErrorCode::Overloaded {
            response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if self.code == ErrorCode::Unauthorized {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        // Texts and numbers are always written.
        response.body(serde_json::to_vec(&self.problem(request_id)).unwrap_or_default())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        status_of(self.code)
    }

    /// Without the request's id, which the middleware puts in.
    fn error_response(&self) -> HttpResponse {
        self.response("")
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let code = error.code();
        match error {
            Error::Store(source) => {
                if status_of(code).is_server_error() {
                    let cause = std::error::Error::source(&source).map(ToString::to_string);
                    tracing::error!(error.code = %code, error.kind = ?source.kind(), error.message = %source, error.cause = cause, "the store failed");
                }
                match source.budget() {
                    Some(budget) => {
                        let detail = format!("the budget `{budget}` is used up; try again later");
                        let error = Self::new(code, detail).with_members(json!({"budget": budget}));
                        Self { budget: Some(budget), ..error }
                    }
                    None => Self::new(code, format!("{}.", code.title())),
                }
            }
            Error::SchemaInvalid(violations)
            | Error::RulesInvalid(violations)
            | Error::RecordInvalid(violations)
            | Error::KeyConflict(violations) => {
                let detail = match violations.as_slice() {
                    [only] => only.detail.clone(),
                    several => format!("there are {} violations; see `errors`", several.len()),
                };
                Self::new(code, detail).with_errors(violations)
            }
            Error::MalformedValue(violation) => Self::new(code, violation.detail.clone()).with_errors(vec![violation]),
            Error::SchemaContradicted(found) => {
                let contradictions: Vec<Json> = found
                    .iter()
                    .map(|found| {
                        let sample: Vec<String> = found.sample.iter().map(ToString::to_string).collect();
                        let properties: Vec<&str> = found.properties.iter().map(PropertyName::as_str).collect();
                        json!({"properties": properties, "code": found.code, "records": found.records, "sample": sample})
                    })
                    .collect();
                let detail = "stored records contradict the change, see `contradictions`; nothing was changed";
                Self::new(code, detail).with_members(json!({"contradictions": contradictions}))
            }
            other => Self::new(code, other.to_string()),
        }
    }
}

impl From<UnknownField> for ApiError {
    fn from(error: UnknownField) -> Self {
        Self::new(ErrorCode::UnknownProperty, error.to_string())
    }
}

/// Of an operator, the one name that every query has.
impl From<UnknownName> for ApiError {
    fn from(error: UnknownName) -> Self {
        Self::new(ErrorCode::UnknownOperator, error.to_string())
    }
}

impl From<FilterError> for ApiError {
    fn from(error: FilterError) -> Self {
        Self::new(ErrorCode::InvalidFilter, error.to_string())
    }
}
