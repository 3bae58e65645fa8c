//! All that is known of a method of a path: a row of the table of routes.

use actix_web::http::Method;
use eider_application::ErrorCode;
use utoipa::__dev::{SchemaReferences, Tags};
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::{RefOr, Schema};

use super::problems::ADMISSION;
use crate::request::access::Access;

/// Schemas by the names under which the description of the API refers to them.
pub(crate) type NamedSchemas = Vec<(String, RefOr<Schema>)>;

/// A method of a path: who may call it, how it can fail, and what answers it.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// A template: `/api/v1/schemas/{schema}`.
    pub(crate) path: String,
    pub(crate) access: Access,
    /// The problems that it answers with, in groups; [`Self::all_problems`] has those of its access too.
    pub(crate) problems: &'static [&'static [ErrorCode]],
    /// What its handler says of itself.
    pub(crate) operation: Operation,
    /// Adds the schemas that the operation refers to.
    pub(crate) schemas: fn(&mut NamedSchemas),
    /// Makes the handler answer a method.
    pub(crate) handler: fn(Method) -> actix_web::Route,
}

impl Route {
    /// The route whose handler is described by `D`, at the path and for the method that the description names.
    pub(crate) fn new<D: utoipa::Path + SchemaReferences + for<'t> Tags<'t>>(
        access: Access,
        problems: &'static [&'static [ErrorCode]],
        handler: fn(Method) -> actix_web::Route,
    ) -> Self {
        let mut operation = D::operation();
        operation.tags = Some(D::tags().into_iter().map(str::to_owned).collect());
        let method = D::methods().first().map_or(Method::GET, method_of);
        Self { method, path: D::path(), access, problems, operation, schemas: D::schemas, handler }
    }

    /// The same handler for a method that descriptions cannot name, at a path of its own.
    pub(crate) fn served_as(mut self, id: &str, method: &[u8], path: &str) -> Self {
        self.operation.operation_id = Some(id.to_owned());
        self.method = Method::from_bytes(method).unwrap_or_default();
        path.clone_into(&mut self.path);
        self
    }

    /// Every problem that it answers with.
    pub(crate) fn all_problems(&self) -> impl Iterator<Item = ErrorCode> {
        let of_access = if self.access == Access::Open { &[][..] } else { ADMISSION };
        of_access.iter().chain(self.problems.iter().copied().flatten()).copied()
    }

    /// The name of the operation in the description of the API.
    pub(crate) fn id(&self) -> &str {
        self.operation.operation_id.as_deref().unwrap_or_default()
    }
}

fn method_of(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}
