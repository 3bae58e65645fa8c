//! Tags of records and schemas, and what a request asks of them (RFC 9110, section 13.1).
//!
//! A tag is the version of what it stands for, then 64 bits of SHA-256 over whose version it is: the store, the
//! schema and the times of the record. So a record or schema that was deleted and made anew has another tag with the
//! same version.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eider_domain::{Schema, SystemField};
use sha2::{Digest, Sha256};

/// The tag of a record, without its quotes. It changes with the record, and with its schema, since the record then has
/// other members.
///
/// # Panics
/// When `record` is not one whole record.
pub fn record_tag(schema: &Schema, record: &RecordBatch) -> String {
    let column = |field: SystemField| record.column(field as usize);
    let version = column(SystemField::Version).as_primitive::<Int64Type>().value(0);
    let time = |field| column(field).as_primitive::<TimestampMicrosecondType>().value(0);
    let (created_at, updated_at) = (time(SystemField::CreatedAt), time(SystemField::UpdatedAt));
    tag(version, &format!("{} {} {created_at} {updated_at}", schema.identity(), schema.version()))
}

/// The tag of a schema, without its quotes.
pub fn schema_tag(schema: &Schema) -> String {
    tag(i64::from(schema.version()), &schema.identity())
}

fn tag(version: i64, whose: &str) -> String {
    let digest = Sha256::digest(whose.as_bytes());
    format!("{version}-{}", URL_SAFE_NO_PAD.encode(&digest[..8]))
}

/// Tags that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    /// `*`: those of everything that there is.
    Any,
    /// These, without their quotes.
    OneOf(Vec<String>),
}

impl Tags {
    /// Whether something that there is and has this tag is meant.
    pub fn include(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|one| one == tag),
        }
    }
}

/// What a request asks of what it is about. Asked only where that is there: the request is answered with 404 otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preconditions {
    /// It must have one of these tags.
    pub if_match: Option<Tags>,
    /// It must have none of these.
    pub if_none_match: Option<Tags>,
}

impl Preconditions {
    /// Whether what has a tag may be changed. The tag is made only when one is asked for.
    pub fn allow(&self, tag: impl FnOnce() -> String) -> bool {
        if self.ask_nothing() {
            return true;
        }
        let tag = tag();
        self.if_match.as_ref().is_none_or(|tags| tags.include(&tag))
            && self.if_none_match.as_ref().is_none_or(|tags| !tags.include(&tag))
    }

    /// Whether nothing is asked that a tag could decide.
    pub fn ask_nothing(&self) -> bool {
        matches!(self.if_match, None | Some(Tags::Any)) && self.if_none_match.is_none()
    }
}
