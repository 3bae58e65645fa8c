//! The body of routes that name the schema in it, as the predecessor has them.

use bytes::Bytes;
use eider_application::Error;
use eider_application::runtime::blocking;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::openapi::NewRecord;
use crate::error::ApiError;
use crate::request::body;

/// A record beside the name of its schema.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is read as an envelope")]
pub(super) struct NamedRecord {
    schema_name: String,
    data: NewRecord,
}

/// Records beside the name of their schema.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is read as an envelope")]
pub(super) struct NamedRecords {
    schema_name: String,
    data: Vec<NewRecord>,
}

/// The body of both routes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'b> {
    schema_name: String,
    #[serde(borrow)]
    data: &'b RawValue,
}

/// An envelope taken apart; the data shares the body's memory.
pub(super) struct Opened {
    pub(super) schema_name: String,
    pub(super) data: Bytes,
}

pub(super) async fn open(body: Bytes) -> Result<Opened, ApiError> {
    if body.len() < body::INLINE_BYTES {
        return take_apart(&body);
    }
    blocking::run(move || take_apart(&body)).await.map_err(Error::from)?
}

fn take_apart(body: &Bytes) -> Result<Opened, ApiError> {
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|error| body::malformed(&error))?;
    Ok(Opened { schema_name: envelope.schema_name, data: body.slice_ref(envelope.data.get().as_bytes()) })
}
