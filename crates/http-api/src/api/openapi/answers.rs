//! Answers that routes have together, as they are described.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::representation::media_type::MEDIA_TYPES;

type Responses = BTreeMap<String, RefOr<Response>>;

/// A page: as JSON its document, in every other format its records alone.
pub(crate) struct PageAnswer;

/// Records in every format: as JSON an array.
pub(crate) struct StreamAnswer;

/// The client has the answer that it would get.
pub(crate) struct NotModified;

impl IntoResponses for PageAnswer {
    fn responses() -> Responses {
        let page = in_every_format("The page; with `explain` how it is found.", "PageOrExplanation")
            .header("ETag", text("The commit, the query, the format and the compression."))
            .header("Link", text("The next page: `<…>; rel=\"next\"`."))
            .header("X-Total-Count", text("How many records match, if they were counted and the answer is not JSON."));
        BTreeMap::from([("200".to_owned(), page.build().into()), not_modified()])
    }
}

impl IntoResponses for StreamAnswer {
    fn responses() -> Responses {
        let description = "Every record; with `explain` how they are found. A body that ends without the mark of its end \
                           has broken off.";
        let stream = in_every_format(description, "RecordsOrExplanation")
            .header("Content-Disposition", text("What the records are called as a file: the schema and the format."));
        BTreeMap::from([("200".to_owned(), stream.build().into())])
    }
}

impl IntoResponses for NotModified {
    fn responses() -> Responses {
        BTreeMap::from([not_modified()])
    }
}

fn in_every_format(description: &str, json: &str) -> ResponseBuilder {
    let response = ResponseBuilder::new().description(description);
    // Generators of clients take the first that they are told.
    let (first, others): (Vec<_>, Vec<_>) =
        MEDIA_TYPES.iter().copied().partition(|media_type| media_type.name == "json");
    first.into_iter().chain(others).fold(response, |response, media_type| {
        let content = match media_type.name {
            "json" => ContentBuilder::new().schema(Some(Ref::from_schema_name(json))),
            _ if media_type.is_text() => {
                ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))))
            }
            _ => ContentBuilder::new(),
        };
        response.content(media_type.essence, content.build())
    })
}

fn not_modified() -> (String, RefOr<Response>) {
    let response = ResponseBuilder::new()
        .description("`If-None-Match` names what the answer would be.")
        .header("ETag", text("The tag of the answer."));
    ("304".to_owned(), response.build().into())
}

fn text(description: &str) -> Header {
    let schema = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}
