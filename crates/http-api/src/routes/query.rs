//! `POST /records/{schema}/query`, and the method QUERY on `/records/{schema}`: a page of records or of groups for a body.

use actix_web::{HttpRequest, HttpResponse, web};
use eider_application::{BodyFormat, Page, PageRequest, PageStart};

use super::pages;
use crate::accept::{FORMAT, Representation};
use crate::body;
use crate::error::ApiError;
use crate::query_body::{Asked, QueryBody};
use crate::query_string::Parameters;
use crate::state::{ApiState, MIN_SEQ, within};

pub(super) async fn query(
    state: web::Data<ApiState>,
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(request.query_string(), &[FORMAT, MIN_SEQ], false)?;
    let representation = Representation::negotiate(&request, &parameters, BodyFormat::JsonArray)?;
    let document = body::json(&request, payload, &state.settings).await?;
    let schema = state.schema_to_read(&name, &parameters).await?;
    let body = QueryBody::parse(&document, &schema, &state.settings)?;
    let (limit, at_most) = (body.page_limit(&state.settings)?, body.timeout.unwrap_or(state.settings.query_timeout));
    let service = &state.services.query;
    let page = match body.asked {
        Asked::Records(query) => {
            let start = PageStart::Cursor(body.cursor);
            let asked = PageRequest { query, limit, start, counts_total: body.counts_total };
            within(at_most, service.page(&schema, asked)).await?
        }
        Asked::Groups(aggregation) => {
            let groups = within(at_most, service.aggregate(&schema, &aggregation, limit)).await?;
            Page { records: groups.groups, has_more: groups.has_more, next: None, total: None }
        }
    };
    pages::answer(page, limit, &PageStart::Cursor(None), representation).await
}
