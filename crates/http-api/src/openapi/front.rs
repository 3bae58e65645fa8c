//! What a newcomer is told first, as it is described.
#![expect(dead_code, reason = "the types are described, not made")]

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// What the server is, and where to go from here.
#[derive(ToSchema)]
pub(crate) struct FrontDoor {
    name: String,
    /// Of the server.
    version: String,
    links: Links,
}

/// Paths at which to go on.
#[derive(ToSchema)]
pub(crate) struct Links {
    /// Every path of the API.
    api: String,
    /// A page to read and try the API.
    documentation: String,
    /// The description of the API.
    openapi: String,
    /// Whether the server can work.
    health: String,
    /// Figures for Prometheus.
    metrics: String,
}

/// What the server is, and every path of the API.
#[derive(ToSchema)]
pub(crate) struct ApiIndex {
    name: String,
    /// Of the server.
    version: String,
    links: Links,
    /// Ordered by path.
    resources: Vec<ApiResource>,
}

/// A path, and what its methods do.
#[derive(ToSchema)]
pub(crate) struct ApiResource {
    /// A template (RFC 6570).
    path: String,
    /// A sentence for each method.
    methods: BTreeMap<String, String>,
}
