//! The description of the API (OpenAPI): what the routes say of themselves, and every schema with routes of its own.

mod answers;
mod examples;
mod named;
mod parameters;
mod problems;
mod queries;
mod records;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use actix_web::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eider_application::ErrorCode;
use eider_domain::{Schema, ViolationCode};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::HttpSettings;
use crate::api::{BASE, Count, Explanation, NamedSchemas, PagePlace, Route};
use crate::error::Problem;

pub(crate) use answers::{NotModified, PageAnswer, StreamAnswer};
pub(crate) use named::named;
pub(crate) use parameters::*;
pub(crate) use records::{CountOrExplanation, NewRecord, Query, Record, RecordPatch};

/// Most schemas that are described one by one.
const MAX_SCHEMAS: usize = 100;
/// Most properties of all schemas that are described one by one.
const MAX_PROPERTIES: usize = 2_000;
/// Most names of schemas that are said to be left out.
const MAX_LEFT_OUT: usize = 1_000;

/// Components that every schema has of its own.
const TYPED: [&str; 8] =
    ["Record", "Row", "NewRecord", "RecordPatch", "Filters", "Page", "PageOrExplanation", "RecordsOrExplanation"];

/// What operations are about.
const TAGS: [(&str, &str); 8] = [
    ("schemas", "What records are like."),
    ("quality", "Rules that what is stored should follow, and what does not."),
    ("records", "Records, one by one and in pages."),
    ("bulk", "Many records in one call."),
    ("queries", "Queries as JSON, and aggregations."),
    ("streams", "Every record, from one snapshot."),
    ("aliases", "Routes of the service that Eider replaces."),
    ("operation", "The state of the server, and this description."),
];

/// The version of OpenAPI that a document is of. The state keeps a document of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Specification {
    /// The first that knows the method QUERY.
    V3_2,
    /// The last that most tools read.
    V3_1,
}

impl Specification {
    /// Every version by the name that clients ask for it by, the usual one first.
    pub(crate) const ALL: [(&'static str, Self); 2] = [("3.2", Self::V3_2), ("3.1", Self::V3_1)];

    /// Whether it has a member for operations of a method.
    fn knows(self, method: &Method) -> bool {
        self == Self::V3_2 || method.as_str() != "QUERY"
    }

    /// What the document says of itself.
    fn number(self) -> &'static str {
        match self {
            Self::V3_2 => "3.2.0",
            Self::V3_1 => "3.1.1",
        }
    }
}

/// Components that have no members but those described.
const CLOSED: [&str; 8] = [
    "SchemaDefinition",
    "Property",
    "Constraints",
    "NamedRecord",
    "NamedRecords",
    "RuleList",
    "QualityRule",
    "ChosenRules",
];

/// The tag of the document over these schemas.
pub(crate) fn tag(specification: Specification, schemas: &[Arc<Schema>], settings: &HttpSettings) -> String {
    let mut text = format!("{} {} {settings:?}", env!("CARGO_PKG_VERSION"), specification.number());
    for schema in schemas {
        let _ = write!(text, " {} {} {}", schema.name(), schema.created_at().as_micros(), schema.version());
    }
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..16]))
}

/// The document: the routes as their handlers describe them, and the routes of each of `schemas`, up to a limit; the others
/// are named under `x-left-out`.
pub(crate) fn document(
    specification: Specification,
    routes: &[Route],
    schemas: &[Arc<Schema>],
    settings: &HttpSettings,
) -> Json {
    let mut document = json!({
        "openapi": specification.number(),
        "info": {
            "title": "Eider",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Typed records in schemas: bulk writes, filters, pages, aggregations, streams.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths(specification, routes, settings),
        "components": components(routes, settings),
        // Where there are no keys, none is asked for.
        "security": [{}, {"bearer": []}, {"header": []}],
        "tags": TAGS.map(|(name, description)| json!({"name": name, "description": description})),
    });
    add_schemas(&mut document, schemas);
    document
}

/// The routes in the order of their paths.
fn paths(specification: Specification, routes: &[Route], settings: &HttpSettings) -> Json {
    let examples = examples::by_operation();
    let mut paths: BTreeMap<&str, Json> = BTreeMap::new();
    for route in routes.iter().filter(|route| specification.knows(&route.method)) {
        let mut operation = json!(route.operation);
        complete(&mut operation, route, settings);
        examples::add(&mut operation, examples);
        paths.entry(&route.path).or_default()[route.method.as_str().to_lowercase()] = operation;
    }
    json!(paths)
}

/// A reference to a component.
fn reference(schema: &str) -> Json {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn components(routes: &[Route], settings: &HttpSettings) -> Json {
    let mut named = NamedSchemas::new();
    for route in routes {
        (route.schemas)(&mut named);
    }
    // Those that other components refer to, which no operation does by itself.
    add_component::<Count>(&mut named);
    add_component::<Problem>(&mut named);
    add_component::<PagePlace>(&mut named);
    add_component::<Explanation>(&mut named);
    let named: BTreeMap<_, _> = named.into_iter().collect();
    let mut schemas = json!(named);
    let described = records::of_any_schema().into_iter().chain(queries::components(settings));
    for (name, schema) in described {
        schemas[name] = schema;
    }
    members(&mut schemas).for_each(|(_, schema)| {
        flatten(schema);
        take_null_once(schema);
    });
    schemas["Value"] = json!({"description": "Any JSON value, null too."});
    for name in CLOSED {
        schemas[name]["additionalProperties"] = false.into();
    }
    let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
    for name in ["Problem", "ProblemType"] {
        schemas[name]["properties"]["code"]["enum"] = codes.clone().into();
    }
    let codes: Vec<&str> = ViolationCode::ALL.iter().map(|code| code.name()).collect();
    schemas["Violation"]["properties"]["code"]["enum"] = codes.into();
    json!({
        "schemas": schemas,
        "headers": {
            "X-Request-Id": {"description": "The id of the request.", "schema": {"type": "string"}},
            "X-Response-Time": {"description": "Until the answer began.",
                                "schema": {"type": "string", "pattern": r"^[0-9]+\.[0-9]{3}ms$"}},
        },
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "description": "A key, where keys are asked for."},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same in another header."},
        },
    })
}

/// Adds a schema, and those that it refers to.
fn add_component<T: ToSchema>(named: &mut NamedSchemas) {
    named.push((T::name().into_owned(), T::schema()));
    T::schemas(named);
}

/// A struct that has others flattened into it is described as one object, of which generators make one class.
fn flatten(described: &mut Json) {
    let Some(parts) = described.get_mut("allOf").and_then(Json::as_array_mut) else { return };
    let (mut required, mut properties) = (Vec::new(), Map::new());
    for part in parts.iter_mut() {
        flatten(part);
        required.extend(part["required"].as_array().into_iter().flatten().cloned());
        properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
    }
    if let Json::Object(members) = described {
        members.remove("allOf");
        members.insert("type".into(), "object".into());
        members.insert("required".into(), required.into());
        members.insert("properties".into(), properties.into());
    }
}

/// Any value may be null. Beside null it would be two of the alternatives of `oneOf`, which takes one.
fn take_null_once(described: &mut Json) {
    let alternatives = described.get("oneOf").and_then(Json::as_array);
    let any = reference("Value");
    let is_any = |schema: &&Json| schema["$ref"] == any["$ref"];
    if let Some(any) = alternatives.and_then(|schemas| schemas.iter().find(is_any)) {
        *described = any.clone();
        return;
    }
    match described {
        Json::Object(object) => object.values_mut().for_each(take_null_once),
        Json::Array(elements) => elements.iter_mut().for_each(take_null_once),
        _ => {}
    }
}

/// Adds what routes do not say of themselves, since it holds for all: problems, headers, limits.
fn complete(operation: &mut Json, route: &Route, settings: &HttpSettings) {
    for (status, problem) in problems::responses(route) {
        operation["responses"][status] = problem;
    }
    for (_, response) in members(&mut operation["responses"]) {
        for name in ["X-Request-Id", "X-Response-Time"] {
            response["headers"][name] = json!({"$ref": format!("#/components/headers/{name}")});
        }
    }
    for parameter in operation.get_mut("parameters").and_then(Json::as_array_mut).into_iter().flatten() {
        let schema = match (parameter["name"].as_str(), route.id()) {
            (Some("filter"), _) => {
                parameter["schema"] = reference("Filters");
                // Else the page fills in every filter there is.
                parameter["example"] = json!({});
                continue;
            }
            (Some("limit" | "size"), "page") => {
                parameter["schema"]["maximum"] = settings.max_page_limit.into();
                continue;
            }
            _ => &mut parameter["schema"],
        };
        if schema["type"] == "integer" && schema.get("maximum").is_none() {
            schema["maximum"] = i64::MAX.into();
        }
    }
}

fn add_schemas(document: &mut Json, schemas: &[Arc<Schema>]) {
    let mut properties = 0;
    let fits = |schema: &&Arc<Schema>| {
        properties += schema.properties().len();
        properties <= MAX_PROPERTIES
    };
    let described = schemas.iter().take(MAX_SCHEMAS).take_while(fits).count();
    let prefix = format!("{BASE}/records/{{schema}}");
    let items = members(&mut document["paths"]).filter(|(path, _)| path.starts_with(&prefix));
    let items: Vec<(String, Json)> = items.map(|(path, item)| (path.clone(), item.clone())).collect();
    for schema in &schemas[..described] {
        let name = schema.name().as_str();
        for (component, mut described) in records::of(schema) {
            retarget(&mut described, name);
            document["components"]["schemas"][format!("{name}.{component}")] = described;
        }
        for (path, item) in &items {
            let mut item = item.clone();
            for (_, operation) in operations(&mut item) {
                belong(operation, name);
            }
            document["paths"][path.replace("{schema}", name)] = item;
        }
        if let Some(tags) = document["tags"].as_array_mut() {
            tags.push(json!({"name": format!("records/{name}"), "description": schema.definition().description().unwrap_or_default()}));
        }
    }
    if described < schemas.len() {
        let names = schemas[described..].iter().take(MAX_LEFT_OUT).map(|schema| schema.name().as_str());
        let names: Vec<&str> = names.collect();
        let detail = format!("{} more schemas are not described one by one", schemas.len() - described);
        document["x-left-out"] = json!({"detail": detail, "schemas": names});
    }
}

/// Makes an operation on any schema that of one.
fn belong(operation: &mut Json, schema: &str) {
    retarget(operation, schema);
    let id = operation["operationId"].as_str().unwrap_or_default();
    operation["operationId"] = format!("{id}.{schema}").into();
    operation["tags"] = json!([format!("records/{schema}")]);
    examples::remove(operation);
    if let Some(parameters) = operation.get_mut("parameters").and_then(Json::as_array_mut) {
        parameters.retain(|parameter| parameter["name"] != "schema");
        for filter in parameters.iter_mut().filter(|parameter| parameter["name"] == "filter") {
            filter["example"] = json!({});
        }
    }
}

/// Turns references to components of any schema to those of one.
fn retarget(described: &mut Json, schema: &str) {
    match described {
        Json::Object(object) => {
            let named =
                object.get("$ref").and_then(Json::as_str).and_then(|at| at.strip_prefix("#/components/schemas/"));
            if let Some(name) = named.filter(|name| TYPED.contains(name)) {
                *described = reference(&format!("{schema}.{name}"));
                return;
            }
            object.values_mut().for_each(|value| retarget(value, schema));
        }
        Json::Array(values) => values.iter_mut().for_each(|value| retarget(value, schema)),
        _ => {}
    }
}

fn members(object: &mut Json) -> impl Iterator<Item = (&String, &mut Json)> {
    object.as_object_mut().into_iter().flat_map(Map::iter_mut)
}

/// The operations of a path, by method.
fn operations(item: &mut Json) -> impl Iterator<Item = (&String, &mut Json)> {
    members(item).filter(|(_, operation)| operation.get("operationId").is_some())
}
