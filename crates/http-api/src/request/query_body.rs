//! Query bodies: a tree of conditions with select and sort, or an aggregation, as a JSON document.

mod aggregation;
mod conditions;
mod members;

use std::sync::Arc;
use std::time::Duration;

use eider_application::ErrorCode;
use eider_domain::{Aggregation, Direction, Field, Filter, Projection, RecordQuery, Schema, SortKey};
use serde_json::Value as Json;

use crate::HttpSettings;
use crate::error::ApiError;
use crate::request::body::Document;
use crate::state::ApiState;
use conditions::Conditions;
use members::{Members, list};

/// Members of every query.
const COMMON: [&str; 4] = ["where", "sort", "limit", "timeout_ms"];
/// Members of a query for records.
const RECORDS: [&str; 3] = ["select", "cursor", "count"];
/// Members of a query for groups.
const GROUPS: [&str; 3] = ["group_by", "aggregate", "having"];

/// What a body asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Records.
    Records(RecordQuery),
    /// Groups of records.
    Groups(Aggregation),
}

/// A query body, checked against its schema.
#[derive(Debug)]
pub(crate) struct QueryBody {
    pub(crate) asked: Asked,
    /// Records or groups at most.
    pub(crate) limit: Option<u64>,
    /// How long it may take, at most as long as every query may.
    pub(crate) timeout: Option<Duration>,
    /// Behind which record a page begins.
    pub(crate) cursor: Option<String>,
    /// Whether a page says how many records match.
    pub(crate) counts_total: bool,
}

impl QueryBody {
    /// Reads a document.
    ///
    /// # Errors
    /// 400 that says where the document is wrong, as a JSON pointer.
    pub(crate) fn parse(document: &Json, schema: &Schema, settings: &HttpSettings) -> Result<Self, ApiError> {
        let known = [&COMMON[..], &RECORDS[..], &GROUPS[..]].concat();
        let members = Members::of(document, "", &known)?;
        let filter = match members.get("where") {
            None => Filter::everything(),
            Some(tree) => Conditions::new(settings).filter(tree, "/where", &mut |name| Ok(schema.field(name)?))?,
        };
        let is_aggregation = GROUPS.into_iter().any(|name| members.get(name).is_some());
        let asked = if is_aggregation {
            members.refuse(&RECORDS, "it does not go together with an aggregation")?;
            Asked::Groups(aggregation::aggregation(&members, filter, schema, settings)?)
        } else {
            let most = schema.fields().len();
            if members.get("select").and_then(Json::as_array).is_some_and(|names| names.len() > most) {
                let detail = format!("the schema has {most} fields; each is selected once");
                return Err(ApiError::new(ErrorCode::QueryTooComplex, detail).at("/select"));
            }
            let select = list(members.get("select"), "/select")?;
            let fields = select.map(|(name, at)| {
                let field = schema.field(members::text(name, &at)?);
                field.map_err(|error| ApiError::from(error).at(&at))
            });
            let projection = Projection::of(schema, fields.collect::<Result<_, _>>()?);
            let sort = sort(&members, settings, &mut |name| Ok(schema.field(name)?))?;
            Asked::Records(RecordQuery { projection, filter, sort })
        };
        let timeout = members.number("timeout_ms")?.map(Duration::from_millis);
        if timeout.is_some_and(|timeout| timeout > settings.query_timeout) {
            let most = settings.query_timeout.as_millis();
            return Err(ApiError::body("/timeout_ms", format!("a query may take {most} ms at most")));
        }
        let counts_total = match members.text("count")? {
            None | Some("none") => false,
            Some("exact") => true,
            Some(_) => return Err(ApiError::body("/count", "it takes none, exact")),
        };
        let limit = members.number("limit")?;
        Ok(Self { asked, limit, timeout, cursor: members.text("cursor")?.map(str::to_owned), counts_total })
    }

    /// The same, away from the event loop when the document is long.
    ///
    /// # Errors
    /// As [`QueryBody::parse`].
    pub(crate) async fn of(document: &Document, schema: &Arc<Schema>, state: &ApiState) -> Result<Self, ApiError> {
        let (schema, settings) = (Arc::clone(schema), state.settings());
        document.work(move |document| Self::parse(document, &schema, &settings)).await?
    }

    /// Records or groups on a page.
    ///
    /// # Errors
    /// 400 when there are more than a page has.
    pub(crate) fn page_limit(&self, settings: &HttpSettings) -> Result<u64, ApiError> {
        match self.limit {
            None => Ok(settings.default_page_limit),
            Some(limit) if limit <= settings.max_page_limit => Ok(limit),
            Some(_) => {
                let most = settings.max_page_limit;
                let detail = format!("a page has {most} at most; stream the query to read everything");
                Err(ApiError::new(ErrorCode::InvalidLimit, detail).at("/limit"))
            }
        }
    }

    /// Refuses what a stream does not take.
    ///
    /// # Errors
    /// 400 for `cursor` and `count`.
    pub(crate) fn check_stream(&self) -> Result<(), ApiError> {
        if self.cursor.is_some() {
            return Err(ApiError::body("/cursor", "a stream goes on behind `?resume=<cursor>`"));
        }
        if self.counts_total {
            return Err(ApiError::body("/count", "a stream does not count; ask for a page, or for an aggregation"));
        }
        Ok(())
    }
}

/// The field or column of a name.
type Resolve<'r> = dyn FnMut(&str) -> Result<Field, ApiError> + 'r;

/// The keys of `sort`: `{"field": …, "order": "asc"|"desc"}`, or `"-field"`.
fn sort(members: &Members<'_>, settings: &HttpSettings, resolve: &mut Resolve<'_>) -> Result<Vec<SortKey>, ApiError> {
    let mut keys: Vec<SortKey> = Vec::new();
    for (key, at) in list(members.get("sort"), "/sort")? {
        let key = sort_key(key, &at, resolve)?;
        if !key.field.data_type().is_comparable() {
            let detail = format!("`{}` is of type `{}`, which has no order", key.field, key.field.data_type());
            return Err(ApiError::body(&at, detail));
        }
        if keys.iter().any(|earlier| earlier.field == key.field) {
            return Err(ApiError::body(&at, format!("`{}` is given twice", key.field)));
        }
        keys.push(key);
        if keys.len() > settings.max_sort_keys {
            let detail = format!("a query has at most {} sort keys", settings.max_sort_keys);
            return Err(ApiError::new(ErrorCode::QueryTooComplex, detail).at("/sort"));
        }
    }
    Ok(keys)
}

fn sort_key(key: &Json, at: &str, resolve: &mut Resolve<'_>) -> Result<SortKey, ApiError> {
    let (name, direction) = if let Json::String(text) = key {
        let Some(name) = text.strip_prefix('-') else {
            return Ok(SortKey {
                field: resolve(text).map_err(|error| error.at(at))?,
                direction: Direction::Ascending,
            });
        };
        let field = resolve(name).map_err(|error| {
            let is_meant = resolve(text).is_ok();
            if is_meant { error.and(r#"a name that begins with `-` is written {"field": …}"#) } else { error }.at(at)
        });
        return Ok(SortKey { field: field?, direction: Direction::Descending });
    } else {
        let members = Members::of(key, at, &["field", "order"])?;
        let direction = match members.text("order")? {
            None | Some("asc") => Direction::Ascending,
            Some("desc") => Direction::Descending,
            Some(_) => return Err(ApiError::body(&members.pointer("order"), "an order is `asc` or `desc`")),
        };
        (members.required_text("field")?, direction)
    };
    Ok(SortKey { field: resolve(name).map_err(|error| error.at(at))?, direction })
}
