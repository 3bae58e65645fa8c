//! The description of the API, and the page that shows it.

use std::collections::{BTreeMap, BTreeSet};

use eider_application::ErrorCode;
use eider_application::ingest::IngestLimits;
use eider_http_api::HttpSettings;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Map, Value as Json, json};

use crate::app::{Answer, TestApp};
use crate::shape::mismatch;

const METHODS: [&str; 6] = ["get", "put", "post", "patch", "delete", "query"];
const EXAMPLES: &str = include_str!("../../src/api/openapi/examples.json");

type Operations = BTreeMap<(String, String), Json>;

/// The operations of a document by path and method.
fn operations(document: &Json) -> Operations {
    let of_path = |(path, item): (&String, &Json)| {
        let methods = METHODS.into_iter().filter(|method| item.get(method).is_some());
        let operation = |method: &str| ((path.clone(), method.to_uppercase()), item[method].clone());
        methods.map(operation).collect::<Vec<_>>()
    };
    document["paths"].as_object().unwrap().iter().flat_map(of_path).collect()
}

async fn document(app: &TestApp) -> Json {
    let answer = app.get("/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{}", answer.text);
    answer.json()
}

/// A path with values for its parameters.
fn path_of(path: &str, values: &Json) -> String {
    let value = |name: &str| values[name].as_str().unwrap_or("00000000-0000-0000-0000-000000000000").to_owned();
    let parts = path.split('/').map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        Some(name) => value(name),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn a_path_answers_the_methods_that_are_described_and_no_other() {
    let app = TestApp::start();
    let described: BTreeSet<_> = operations(&document(&app).await).into_keys().collect();
    let paths: BTreeSet<&String> = described.iter().map(|(path, _)| path).collect();
    for path in paths {
        let refused = app.send(app.request("BREW", &path_of(path, &json!({"schema": "s", "file": "f"})))).await;
        assert_eq!(refused.status, 405, "{path}");
        let allowed: BTreeSet<_> = refused.header("allow").split(", ").map(str::to_owned).collect();
        let of_path = described.iter().filter(|(described, _)| described == path);
        let mut methods: BTreeSet<_> = of_path.map(|(_, method)| method.clone()).collect();
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        methods.insert("OPTIONS".to_owned());
        assert_eq!(allowed, methods, "{path}");
    }
}

#[tokio::test]
async fn every_parameter_of_a_query_string_is_described_and_no_other() {
    let app = TestApp::with_flights().await;
    let document = document(&app).await;
    for ((path, method), operation) in operations(&document) {
        let ignore = ["/health", "/docs", "/metrics", "/monitoring"];
        if ignore.iter().any(|start| path.starts_with(start)) || path.contains("flights") {
            continue;
        }
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let of_query = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let described: BTreeSet<_> = of_query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
        let path = format!("{}?qqqqqqqqqqqqqqqq=1", path_of(&path, &json!({"schema": "flights"})));
        let answer = app.send(app.request(&method, &path)).await;
        assert_eq!(answer.problem(), (400, "unknown_parameter".to_owned()), "{path}");
        let detail = answer.detail();
        let names = detail.rsplit_once(": ").map_or("", |(_, names)| names);
        let names = if detail.ends_with("this route takes none") { "" } else { names };
        let mut known: BTreeSet<_> = names.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if detail.contains("filters are written") {
            known.insert("filter".to_owned());
        }
        assert_eq!(described, known, "{method} {path}");
    }
}

#[tokio::test]
async fn every_code_is_that_of_an_operation_but_those_of_routes_that_there_are_not() {
    let document = document(&TestApp::start()).await;
    // What is no request, and what no route answers, is of no operation.
    let mut described: BTreeSet<_> =
        ["headers_too_large", "method_not_allowed", "route_not_found"].map(str::to_owned).into();
    for operation in operations(&document).into_values() {
        for response in operation["responses"].as_object().unwrap().values() {
            let codes = &response["content"]["application/problem+json"]["schema"]["properties"]["code"]["enum"];
            described.extend(codes.as_array().into_iter().flatten().map(|code| code.as_str().unwrap().to_owned()));
        }
    }
    assert_eq!(described, ErrorCode::ALL.iter().map(ToString::to_string).collect());
}

/// Every reference in a part of the document leads to a part of it.
fn check_references(document: &Json, part: &Json) {
    match part {
        Json::Object(members) => {
            if let Some(target) = members.get("$ref").and_then(Json::as_str) {
                assert!(document.pointer(&target[1..]).is_some(), "{target}");
            }
            members.values().for_each(|member| check_references(document, member));
        }
        Json::Array(elements) => elements.iter().for_each(|element| check_references(document, element)),
        _ => {}
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
    let app = TestApp::with_flights().await;
    let document = document(&app).await;
    let operations = operations(&document);
    let ids: BTreeSet<&str> = operations.values().map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), operations.len());
    check_references(&document, &document);
}

/// Sends the example of an operation.
async fn send(app: &TestApp, method: &str, path: &str, example: &Json) -> Answer {
    let mut pairs = Vec::new();
    for (name, value) in [&example["query"], &example["filter"]].into_iter().filter_map(Json::as_object).flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        pairs.push(format!("{name}={}", utf8_percent_encode(&text, NON_ALPHANUMERIC)));
    }
    let mut request = app.request(method, &format!("{}?{}", path_of(path, &example["path"]), pairs.join("&")));
    for (name, value) in example["headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap());
    }
    if let Some(body) = example.get("body") {
        let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        request =
            request.header(CONTENT_TYPE, example["content_type"].as_str().unwrap_or("application/json")).body(text);
    }
    app.send(request).await
}

/// Holds an answer against what the document says of its operation.
fn check(document: &Json, operation: &Json, answer: &Answer) {
    let id = &operation["operationId"];
    let response = &operation["responses"][answer.status.to_string()];
    assert!(response.is_object(), "{id}: {} is not described: {}", answer.status, answer.text);
    let header = answer.header("content-type");
    let media_type = header.split(';').next().unwrap();
    let Some(content) = response.get("content") else {
        assert_eq!((media_type, answer.text.as_str()), ("", ""), "{id}");
        return;
    };
    let content = content.get(media_type).unwrap_or_else(|| panic!("{id}: {media_type} is not described"));
    if media_type.ends_with("json") && !media_type.contains("ndjson") {
        assert_eq!(mismatch(document, &content["schema"], &answer.json()), None, "{id}");
    }
}

#[tokio::test]
async fn every_operation_has_an_example_that_is_answered_as_the_document_says() {
    let limits = IngestLimits { max_failures: 1, ..IngestLimits::default() };
    let app = TestApp::start_with(HttpSettings::default(), limits);
    let document = document(&app).await;
    let operations = operations(&document);
    let examples: Map<String, Json> = serde_json::from_str(EXAMPLES).unwrap();
    for (id, example) in &examples {
        let found = operations.iter().find(|(_, operation)| operation["operationId"] == id.as_str());
        let ((path, method), operation) = found.unwrap_or_else(|| panic!("there is no operation {id}"));
        if let Some(body) = example.get("body").filter(|body| !body.is_string()) {
            let media_type = example["content_type"].as_str().unwrap_or("application/json");
            let schema = &operation["requestBody"]["content"][media_type]["schema"];
            assert_eq!(mismatch(&document, schema, body), None, "{id}");
        }
        let answer = send(&app, method, path, example).await;
        assert_eq!(example["status"], answer.status, "{id}: {}", answer.text);
        check(&document, operation, &answer);
        if let Some(shown) = example.get("answer").filter(|shown| !shown.is_string()) {
            let schema = &operation["responses"][answer.status.to_string()]["content"]["application/json"]["schema"];
            assert_eq!(mismatch(&document, schema, shown), None, "{id}");
        }
    }
    let ids: BTreeSet<&str> = operations.values().map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(examples.keys().map(String::as_str).collect::<BTreeSet<_>>(), ids);
}

/// A schema with a property of every type.
fn of_every_type() -> Json {
    json!({"name": "everything", "description": "One of each", "properties": [
        {"name": "code", "type": "string", "required": true, "description": "short",
         "constraints": {"min_length": 1, "max_length": 3, "pattern": "^[A-Z]+$"}},
        {"name": "loud", "type": "string", "constraints": {"pattern": "(?i)x"}},
        {"name": "size", "type": "integer", "constraints": {"minimum": 1, "enum": [1, 2]}},
        {"name": "real", "type": "number", "required": true, "default": 0.5},
        {"name": "fare", "type": "decimal", "precision": 5, "scale": 2, "constraints": {"maximum": "99.50"}},
        {"name": "flag", "type": "boolean"}, {"name": "day", "type": "date"}, {"name": "time", "type": "time"},
        {"name": "at", "type": "datetime"}, {"name": "key", "type": "uuid"},
        {"name": "extra", "type": "object"}, {"name": "list", "type": "array"}],
        "unique": [{"properties": ["size", "day", "code"]}, {"properties": ["fare"], "severity": "warning"}]})
}

#[tokio::test]
async fn every_schema_has_paths_filters_and_bodies_of_its_own() {
    let app = TestApp::start();
    assert_eq!(app.post("/api/v1/schemas", &of_every_type()).await.status, 201);
    let document = document(&app).await;
    let components = &document["components"]["schemas"];
    let record = &components["everything.NewRecord"];
    let described = &record["properties"];
    assert_eq!((&record["required"], &record["additionalProperties"]), (&json!(["code"]), &json!(false)));
    let code = json!({"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^[A-Z]+$", "description": "short"});
    assert_eq!(described["code"], code);
    assert_eq!(described["loud"], json!({"type": ["string", "null"], "description": "`pattern` \"(?i)x\""}));
    let size = json!({"type": ["integer", "null"], "format": "int64", "minimum": 1, "maximum": i64::MAX,
        "enum": [1, 2, null]});
    assert_eq!(described["size"], size);
    let fare = json!({"type": ["string", "null"], "pattern": r"^[+-]?0*[0-9]{1,3}(\.[0-9]{1,2}0*)?$",
        "description": "`maximum` \"99.50\""});
    assert_eq!(described["fare"], fare);
    let filters = components["everything.Filters"]["properties"].as_object().unwrap();
    assert_eq!(filters["real.gte"], json!({"type": "number", "format": "double"}));
    assert_eq!(filters["day.is_null"], json!({"type": "boolean"}));
    assert!(filters.contains_key("code.ilike") && !filters.contains_key("size.like"));
    assert!(
        filters.contains_key("created_at.lt") && !filters.contains_key("flag.lt") && !filters.contains_key("list.eq")
    );

    let operations = operations(&document);
    let of_schema = |path: &str| path.starts_with("/api/v1/records/everything");
    let of_any = |path: &str| path.starts_with("/api/v1/records/{schema}");
    let count = |is_in: &dyn Fn(&str) -> bool| operations.keys().filter(|(path, _)| is_in(path)).count();
    assert_eq!(count(&of_schema), count(&of_any));
    let create = &operations[&("/api/v1/records/everything".to_owned(), "POST".to_owned())];
    assert_eq!(
        create["requestBody"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/everything.NewRecord"
    );
    assert!(create["parameters"].as_array().unwrap().iter().all(|parameter| parameter["name"] != "schema"));

    let record = json!({"code": "A", "size": 2, "fare": "12.50", "flag": true, "day": "2026-01-31", "time": "08:15:00",
        "at": "2026-01-31T08:15:00Z", "key": "019c1392-fda0-7000-8000-000000000001", "extra": {"a": 1}, "list": [1]});
    assert_eq!(mismatch(&document, &components["everything.NewRecord"], &record), None);
    let created = app.post("/api/v1/records/everything", &record).await;
    check(&document, create, &created);
    for path in ["", "?fields=code", "/count", "/stream?format=json", "?explain=true"] {
        let (route, _) = path.split_once('?').unwrap_or((path, ""));
        let operation = &operations[&(format!("/api/v1/records/everything{route}"), "GET".to_owned())];
        check(&document, operation, &app.get(&format!("/api/v1/records/everything{path}")).await);
    }
}

/// Where a part of a document has a member that JSON Schema or OpenAPI does not let it have, or one that generators of
/// clients stumble over.
fn faults(part: &Json, at: &str, found: &mut Vec<String>) {
    const SCHEMAS: [&str; 5] = ["properties", "items", "anyOf", "oneOf", "allOf"];
    let Json::Object(members) = part else {
        for (index, element) in part.as_array().into_iter().flatten().enumerate() {
            faults(element, &format!("{at}/{index}"), found);
        }
        return;
    };
    let types = members.get("type").map_or_else(String::new, Json::to_string);
    if types.contains("\"array\"") && !members.contains_key("items") {
        found.push(format!("{at} says nothing of its elements"));
    }
    if members.get("oneOf").is_some_and(|schemas| schemas.to_string().contains("#/components/schemas/Value\"")) {
        found.push(format!("{at} takes one of any value and another"));
    }
    for (name, member) in members {
        let at = format!("{at}/{name}");
        // Values, which may be anything.
        if ["example", "default", "enum", "const"].contains(&name.as_str()) {
            continue;
        }
        if name == "description" && member.is_null() {
            found.push(format!("{at} is null"));
        }
        let within =
            member.as_object().into_iter().flat_map(Map::values).chain(member.as_array().into_iter().flatten());
        if SCHEMAS.contains(&name.as_str()) && within.chain([member]).any(Json::is_boolean) {
            found.push(format!("{at} is or has a boolean schema"));
        }
        faults(member, &at, found);
    }
}

#[tokio::test]
async fn the_document_is_what_tools_read_whatever_the_schemas_say_of_themselves() {
    let app = TestApp::with_flights().await;
    let bare = json!({"name": "bare", "properties": [{"name": "a", "type": "integer"}, {"name": "any", "type": "object"},
        {"name": "list", "type": "array"}]});
    assert_eq!(app.post("/api/v1/schemas", &bare).await.status, 201);
    let document = document(&app).await;
    let mut found = Vec::new();
    faults(&document, "", &mut found);
    assert!(found.is_empty(), "{found:#?}");
    let components = &document["components"]["schemas"];
    assert_eq!(components["flights.Record"]["description"], "Departures");
    assert!(components["bare.Record"].get("description").is_none());
    for name in ["Record", "Row", "NewRecord", "RecordPatch", "flights.Row"] {
        assert_eq!(components[name]["additionalProperties"], true, "{name}");
    }
    for operation in operations(&document).into_values() {
        for response in operation["responses"].as_object().unwrap().values() {
            let content = response["content"].as_object().into_iter().flatten();
            let place = content.map(|(name, _)| name).position(|name| name == "application/json");
            assert!(place.is_none_or(|place| place == 0), "{}", operation["operationId"]);
        }
    }
}

#[tokio::test]
async fn tools_that_do_not_know_the_newest_version_are_told_all_but_its_method() {
    let app = TestApp::with_flights().await;
    let newest = app.get("/openapi.json").await;
    assert_eq!(newest.json()["openapi"], "3.2.0");
    assert_eq!(app.get("/openapi.json?version=3.2").await.header("etag"), newest.header("etag"));
    let before = app.get("/openapi.json?version=3.1").await;
    assert_eq!((before.status, before.json()["openapi"].as_str()), (200, Some("3.1.1")));
    assert_ne!(before.header("etag"), newest.header("etag"));
    let mut expected = newest.json();
    expected["openapi"] = "3.1.1".into();
    for item in expected["paths"].as_object_mut().unwrap().values_mut() {
        item.as_object_mut().unwrap().remove("query");
    }
    assert_eq!(before.json(), expected);
    let unknown = app.get("/openapi.json?version=2.0").await;
    assert_eq!(unknown.problem(), (400, "invalid_parameter".to_owned()));
    assert!(unknown.detail().ends_with("it takes 3.2, 3.1"), "{}", unknown.detail());
}

#[tokio::test]
async fn the_document_is_the_same_until_a_schema_changes() {
    let app = TestApp::start();
    let first = app.get("/openapi.json").await;
    let again = |tag: &str| app.send(app.request("GET", "/openapi.json").header("if-none-match", tag));
    let known = again(first.header("etag")).await;
    assert_eq!((known.status, first.header("cache-control")), (304, "no-cache"));
    assert_eq!(known.header("vary"), first.header("vary"));
    app.create_flights().await;
    let second = again(first.header("etag")).await;
    assert_eq!(second.status, 200);
    assert!(second.text.contains("/api/v1/records/flights") && !first.text.contains("/api/v1/records/flights"));
    assert_eq!(app.get("/openapi.json").await.text, second.text);
    assert_eq!(app.delete("/api/v1/schemas/flights").await.status, 204);
    assert_eq!(app.get("/openapi.json").await.header("etag"), first.header("etag"));
}

#[tokio::test]
async fn schemas_beyond_the_limits_are_named() {
    let app = TestApp::start();
    for number in 0..102 {
        let properties = json!([{"name": "a", "type": "integer"}]);
        let created =
            app.post("/api/v1/schemas", &json!({"name": format!("s{number:03}"), "properties": properties})).await;
        assert_eq!(created.status, 201);
    }
    let described = document(&app).await;
    assert_eq!(described["x-left-out"]["schemas"], json!(["s100", "s101"]));
    assert!(described["paths"].get("/api/v1/records/s099").is_some());
    assert!(described["paths"].get("/api/v1/records/s100").is_none());
    let wide: Vec<Json> = (0..1000).map(|number| json!({"name": format!("p{number}"), "type": "integer"})).collect();
    for name in ["a", "b"] {
        assert_eq!(app.post("/api/v1/schemas", &json!({"name": name, "properties": wide})).await.status, 201);
    }
    let described = document(&app).await;
    assert_eq!(described["x-left-out"]["detail"], "102 more schemas are not described one by one");
}

#[tokio::test]
async fn the_page_of_the_api_loads_nothing_from_outside() {
    let app = TestApp::start();
    let page = app.get("/docs").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").starts_with("default-src 'self';"));
    let loaded = page.text.split(['"']).filter(|text| text.starts_with("docs/")).collect::<Vec<_>>();
    assert_eq!(loaded.len(), 4);
    for file in loaded {
        let answer = app.get(&format!("/{file}")).await;
        let media_type = match file.rsplit_once('.').unwrap().1 {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            _ => "image/png",
        };
        assert_eq!((answer.status, answer.header("content-type")), (200, media_type), "{file}");
        assert!(!answer.text.is_empty() && answer.header("cache-control").contains("max-age"));
        let known = app.request("GET", &format!("/{file}")).header("if-none-match", answer.header("etag"));
        assert_eq!(app.send(known).await.status, 304);
    }
    assert!(!page.text.contains("http:") && !page.text.contains("https:"));
    assert_eq!(app.get("/docs/index.html").await.problem(), (404, "route_not_found".to_owned()));
}
