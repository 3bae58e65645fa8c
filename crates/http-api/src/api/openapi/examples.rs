//! An example of each operation: a request and its answer. They are kept in `examples.json` and sent by a test.

use std::sync::LazyLock;

use serde_json::{Map, Value as Json};

/// By the id of the operation: `path`, `query` and `headers` by name, `content_type` and `body`, `status` and `answer`.
static EXAMPLES: LazyLock<Map<String, Json>> =
    LazyLock::new(|| serde_json::from_str(include_str!("examples.json")).unwrap_or_default());

/// The examples by the id of their operation.
pub(super) fn by_operation() -> &'static Map<String, Json> {
    &EXAMPLES
}

/// Adds the example of an operation to its parameters, its body and its answer.
pub(super) fn add(operation: &mut Json, examples: &Map<String, Json>) {
    let Some(example) = operation["operationId"].as_str().and_then(|id| examples.get(id)) else { return };
    for parameter in operation.get_mut("parameters").and_then(Json::as_array_mut).into_iter().flatten() {
        let place = match parameter["in"].as_str() {
            Some("path") => "path",
            Some("query") => "query",
            _ => "headers",
        };
        let name = parameter["name"].as_str().unwrap_or_default();
        let value = if name == "filter" { example.get("filter") } else { example[place].get(name) };
        if let Some(value) = value {
            parameter["example"] = value.clone();
        }
    }
    if let Some(body) = example.get("body") {
        let content_type = example["content_type"].as_str().unwrap_or("application/json");
        operation["requestBody"]["content"][content_type]["example"] = body.clone();
    }
    let Some(answer) = example.get("answer") else { return };
    let media_type = example["answer_type"].as_str().unwrap_or("application/json");
    let response = &mut operation["responses"][example["status"].to_string()];
    response["content"][media_type]["example"] = answer.clone();
}

/// Takes the example of an operation away.
pub(super) fn remove(operation: &mut Json) {
    match operation {
        Json::Object(object) => {
            object.remove("example");
            object.values_mut().for_each(remove);
        }
        Json::Array(values) => values.iter_mut().for_each(remove),
        _ => {}
    }
}
