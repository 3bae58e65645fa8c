//! Answers that are not made twice: told to be known, taken from those that are kept, or made and kept.

use actix_web::http::header::{CACHE_CONTROL, ETAG, VARY};
use actix_web::{HttpRequest, HttpResponse};

use crate::error::ApiError;
use crate::representation::accept;
use crate::request::conditional::is_known;
use crate::response::cache::{CacheKey, CachedResponse, REVALIDATE, tag};
use crate::state::ApiState;

/// Answers with 304 when the client has the answer, with the one that is kept, or with the one that `make` yields, which
/// is polled in that case only. What fails is not kept.
///
/// The number of the last commit is read before anything else, so that an answer is never older than its tag.
pub(crate) async fn answer(
    state: &ApiState,
    request: &HttpRequest,
    cache_key: CacheKey<'_>,
    make: impl Future<Output = Result<CachedResponse, ApiError>>,
) -> Result<HttpResponse, ApiError> {
    let tag = tag(cache_key, state.services.query.commit_seq(cache_key.schema).await?);
    if is_known(request, &tag)? {
        let mut response = HttpResponse::NotModified();
        response.insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, REVALIDATE));
        if cache_key.representation.is_some() {
            response.insert_header((VARY, accept::VARY));
        }
        return Ok(response.finish());
    }
    if let Some(answer) = state.answers.get(&tag) {
        return Ok(sent(state, answer, request, cache_key, &tag));
    }
    let answer = make.await?;
    let response = sent(state, answer.clone(), request, cache_key, &tag);
    state.answers.keep(tag, &answer);
    Ok(response)
}

fn sent(
    state: &ApiState,
    answer: CachedResponse,
    request: &HttpRequest,
    cache_key: CacheKey<'_>,
    tag: &str,
) -> HttpResponse {
    if let Some(representation) = &cache_key.representation {
        let format = representation.media_type.format;
        state.record_metrics.sent_whole(format, answer.records, answer.body.len());
    }
    answer.response(request, cache_key, tag)
}
