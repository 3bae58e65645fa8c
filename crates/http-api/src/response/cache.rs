//! Whole answers that are not asked twice: their tags, and those that are kept.
//!
//! A tag names all that an answer follows from: the schema, its last commit, the query and the representation. What is
//! kept under a tag is right for ever, because a commit leads to another; nothing is ever invalidated.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderName, HeaderValue, LINK, VARY};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use eider_application::ErrorCode;
use eider_domain::Schema;
use eider_formats::UuidForm;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use prometheus_client::metrics::counter::Counter;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::ApiError;
use crate::representation::accept::{self, Representation};

/// A client may keep an answer, and asks before it uses it again.
pub(crate) const REVALIDATE: &str = "no-cache";

/// How many of the largest answers that are kept fill the memory for answers.
const LARGEST_ANSWERS: u64 = 16;

/// Bytes of an answer beside its tag, headers and body: the entries of the cache and of its order.
const OVERHEAD_BYTES: usize = 512;

/// What is asked, but for the commit that answers it.
#[derive(Clone, Copy)]
pub(crate) struct CacheKey<'q> {
    pub(crate) schema: &'q Arc<Schema>,
    /// The query, exactly: the same text only where the answers are equal. It holds values, so it is never logged.
    pub(crate) query: &'q str,
    /// How the answer is written; `None` where there is nothing to choose, and it is plain JSON.
    pub(crate) representation: Option<Representation>,
}

/// An answer, but for the headers that follow from its cache key.
#[derive(Clone)]
pub(crate) struct CachedResponse {
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The cursor of the next page. The link to it is of each request's own URL.
    next: Option<String>,
    /// How many are in the body.
    pub(crate) records: u64,
    pub(crate) body: Bytes,
}

impl CachedResponse {
    pub(crate) fn new(body: Bytes) -> Self {
        // Without the spare room that its buffer was given, which would be kept with it.
        let body = Vec::from(body).into_boxed_slice().into();
        Self { headers: Vec::new(), next: None, records: 0, body }
    }

    /// A document that is made anew only when something was committed.
    ///
    /// # Errors
    /// 500 when it cannot be written, which a document of texts and numbers always can.
    pub(crate) fn json(document: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(document);
        let body = body.map_err(|_| ApiError::new(ErrorCode::Internal, "the answer cannot be written"))?;
        Ok(Self::new(body.into()))
    }

    /// The same answer with a header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same answer with a link to the page at a cursor.
    pub(crate) fn with_next(mut self, cursor: Option<String>) -> Self {
        self.next = cursor;
        self
    }

    /// The same answer, known to hold so many records.
    pub(crate) fn with_records(mut self, records: u64) -> Self {
        self.records = records;
        self
    }

    /// The memory that it takes under a tag, in bytes.
    fn size(&self, tag: &str) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        OVERHEAD_BYTES + tag.len() + headers + self.next.as_ref().map_or(0, String::len) + self.body.len()
    }

    /// As it is sent.
    pub(crate) fn response(self, request: &HttpRequest, cache_key: CacheKey<'_>, tag: &str) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        match &cache_key.representation {
            Some(representation) => {
                response = represented(response, representation);
            }
            None => {
                response.content_type("application/json");
            }
        }
        response.insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, REVALIDATE));
        if let Some(cursor) = self.next {
            response.insert_header((LINK, format!("<{}>; rel=\"next\"", next_url(request, &cursor))));
        }
        for header in self.headers {
            response.insert_header(header);
        }
        response.body(self.body)
    }
}

/// The answers that are kept, those used last first, in memory of so many bytes.
#[derive(Clone)]
pub(crate) struct ResponseCache {
    /// By tag; `None` when nothing is kept.
    kept: Option<Cache<String, CachedResponse>>,
    /// Most bytes of an answer that is kept.
    max_answer_bytes: u64,
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
}

impl ResponseCache {
    /// Keeps up to `max_bytes`; nothing when that is 0.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let kept = (max_bytes > 0).then(|| {
            Cache::builder()
                .max_capacity(max_bytes)
                .weigher(|tag: &String, answer: &CachedResponse| u32::try_from(answer.size(tag)).unwrap_or(u32::MAX))
                // Answers of an earlier commit are used no more, however often they were.
                .eviction_policy(EvictionPolicy::lru())
                .build()
        });
        let max_answer_bytes = max_bytes / LARGEST_ANSWERS;
        Self { kept, max_answer_bytes, hits: Counter::default(), misses: Counter::default() }
    }

    /// How many answers are kept, and in how many bytes.
    pub(crate) fn kept(&self) -> (u64, u64) {
        self.kept.as_ref().map_or((0, 0), |kept| {
            kept.run_pending_tasks();
            (kept.entry_count(), kept.weighted_size())
        })
    }

    /// The answer of a tag, if it is kept.
    pub(crate) fn get(&self, tag: &str) -> Option<CachedResponse> {
        let found = self.kept.as_ref()?.get(tag);
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.inc();
        found
    }

    /// Keeps the answer of a tag, in place of those used longest ago.
    pub(crate) fn keep(&self, tag: String, answer: &CachedResponse) {
        let Some(kept) = self.kept.as_ref().filter(|_| answer.size(&tag) as u64 <= self.max_answer_bytes) else {
            return;
        };
        kept.insert(tag, answer.clone());
        // What is too much goes at once, not with one of the next insertions.
        kept.run_pending_tasks();
    }
}

impl fmt::Debug for ResponseCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCache").field("max_answer_bytes", &self.max_answer_bytes).finish_non_exhaustive()
    }
}

/// An answer with the headers that its representation has.
pub(crate) fn represented(mut response: HttpResponseBuilder, representation: &Representation) -> HttpResponseBuilder {
    response.content_type(representation.media_type.content_type()).insert_header((VARY, accept::VARY));
    if let Some(compression) = representation.compression {
        response.insert_header((CONTENT_ENCODING, compression.name()));
    }
    response
}

/// The number of the commit, then 128 bits of SHA-256 over everything else. A weak tag: while a commit is becoming
/// visible, an answer under the number before it may show it already.
pub(crate) fn tag(cache_key: CacheKey<'_>, commit_seq: u64) -> String {
    let CacheKey { schema, query, representation } = cache_key;
    let (format, compression, uuids) = representation.map_or(("", "", ""), |chosen| {
        let uuids = match chosen.uuids {
            UuidForm::Bytes => "",
            UuidForm::Text => "text",
        };
        (chosen.media_type.name, chosen.compression.map_or("", |compression| compression.name()), uuids)
    });
    let mut text = format!("{} {} {} ", env!("CARGO_PKG_VERSION"), schema.identity(), schema.version());
    let _ = write!(text, "{format} {compression} {uuids} {query}");
    format!("W/\"{commit_seq}-{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..16]))
}

/// The request's own path and query with the cursor put in.
fn next_url(request: &HttpRequest, cursor: &str) -> String {
    let kept = request.query_string().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let cursor = utf8_percent_encode(cursor, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = kept.map(str::to_owned).chain([format!("cursor={cursor}")]).collect();
    format!("{}?{}", request.path(), pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_gone_when_the_next_answer_is_kept() {
        let answers = ResponseCache::new(64 << 10);
        for number in 0..60 {
            answers.keep(format!("{number}"), &CachedResponse::new(vec![0; 2 << 10].into()));
            let kept = answers.kept.as_ref().unwrap();
            let size: usize = kept.iter().map(|(tag, answer)| answer.size(&tag)).sum();
            assert!(size <= 64 << 10, "{size} bytes after {number}");
        }
        assert!(answers.get("59").is_some() && answers.get("0").is_none());
    }
}
