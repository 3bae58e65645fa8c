//! The running server that records are sent to, and what it answers.

use anyhow::Context;
use eider_domain::SchemaName;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value as Json;

use super::failure::{Because, Cause, Failure};

/// Characters of a refusal that are shown.
const SHOWN: usize = 500;

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    client: Client,
    base: String,
    key: Option<String>,
}

/// How many records went which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) received: u64,
    pub(super) stored: u64,
    pub(super) ignored: u64,
    pub(super) failed: u64,
}

/// The receipt of a bulk call.
#[derive(Debug)]
pub(super) struct Receipt {
    pub(super) counts: Counts,
    /// Whether nothing was stored because of what was refused.
    pub(super) is_refused: bool,
    /// Whether it is that of an earlier call.
    pub(super) is_replayed: bool,
    pub(super) json: Json,
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.received += other.received;
        self.stored += other.stored;
        self.ignored += other.ignored;
        self.failed += other.failed;
    }
}

impl Server {
    pub(super) fn new(url: &str, key: Option<String>) -> Self {
        Self { client: Client::new(), base: format!("{}/api/v1", url.trim_end_matches('/')), key }
    }

    pub(super) fn post(&self, address: Url) -> RequestBuilder {
        self.client.post(address)
    }

    pub(super) fn address(&self, path: &str) -> Result<Url, Failure> {
        let address = format!("{}{path}", self.base);
        Url::parse(&address).with_context(|| format!("{address} is no address")).because(Cause::Usage)
    }

    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let request = if let Some(key) = &self.key { request.bearer_auth(key) } else { request };
        let sent = request.send().await.with_context(|| format!("{} does not answer", self.base));
        sent.because(Cause::Unreachable)
    }

    /// Creates a schema; `false` when there is one of its name.
    pub(super) async fn create(&self, schema: &Json) -> Result<bool, Failure> {
        let response = self.send(self.post(self.address("/schemas")?).json(schema)).await?;
        let status = response.status();
        if status == StatusCode::CONFLICT {
            return Ok(false);
        }
        if !status.is_success() {
            return Err(refusal(status, &response.text().await.unwrap_or_default()));
        }
        Ok(true)
    }

    /// The definition of a schema.
    pub(super) async fn schema(&self, name: &SchemaName) -> Result<Json, Failure> {
        let response = self.send(self.client.get(self.address(&format!("/schemas/{name}"))?)).await?;
        let status = response.status();
        let text = response.text().await.context("the answer broke off").because(Cause::Unreachable)?;
        if !status.is_success() {
            return Err(refusal(status, &text));
        }
        serde_json::from_str(&text).context("the answer is no JSON").because(Cause::Unreachable)
    }

    /// Sends a bulk call.
    pub(super) async fn bulk(&self, request: RequestBuilder) -> Result<Receipt, Failure> {
        let response = self.send(request).await?;
        let status = response.status();
        let text = response.text().await.context("the answer broke off").because(Cause::Unreachable)?;
        let json: Json = serde_json::from_str(&text).unwrap_or_default();
        let of = |count: &str| json[count].as_u64();
        let (Some(received), Some(created), Some(failed)) = (of("received"), of("created"), of("failed")) else {
            return Err(refusal(status, &text));
        };
        let stored = created + of("updated").unwrap_or_default();
        let counts = Counts { received, stored, ignored: of("ignored").unwrap_or_default(), failed };
        let is_replayed = json["replayed"] == true;
        Ok(Receipt { counts, is_refused: status == StatusCode::UNPROCESSABLE_ENTITY, is_replayed, json })
    }

    /// Hands on the failures of a receipt one by one: those that it names, or those of the report that it says there is.
    pub(super) async fn each_failure(
        &self,
        receipt: &Json,
        mut take: impl FnMut(Json) -> anyhow::Result<()>,
    ) -> Result<(), Failure> {
        let Some(import) = receipt["import_id"].as_str() else {
            let mut failures = receipt["failures"].as_array().into_iter().flatten().cloned();
            return failures.try_for_each(take).because(Cause::Unreadable);
        };
        let request = self.client.get(self.address(&format!("/imports/{import}/failures"))?);
        let mut response = self.send(request).await?;
        if !response.status().is_success() {
            return Err(refusal(response.status(), &response.text().await.unwrap_or_default()));
        }
        let mut text = Vec::new();
        while let Some(piece) = response.chunk().await.context("the report broke off").because(Cause::Unreachable)? {
            text.extend_from_slice(&piece);
            let Some(end) = text.iter().rposition(|byte| *byte == b'\n') else { continue };
            let rest = text.split_off(end + 1);
            for failure in serde_json::Deserializer::from_slice(&text).into_iter() {
                take(failure.context("the report is no NDJSON").because(Cause::Unreachable)?)
                    .because(Cause::Unreadable)?;
            }
            text = rest;
        }
        Ok(())
    }
}

/// What the server said instead of doing what it was asked for.
fn refusal(status: StatusCode, text: &str) -> Failure {
    let problem: Json = serde_json::from_str(text).unwrap_or_default();
    let cause = match status {
        _ if problem["code"] == "idempotency_in_progress" => Cause::Unreachable,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Cause::RefusedAll,
        StatusCode::TOO_MANY_REQUESTS => Cause::Unreachable,
        status if status.is_server_error() => Cause::Unreachable,
        _ => Cause::Refused,
    };
    let shown: String = text.chars().take(SHOWN).collect();
    let advice = if problem["code"] == "idempotency_mismatch" {
        "a part of this input was stored with other content or other options within 24 hours; to load all of it anew, \
         leave out --resume. "
    } else {
        ""
    };
    Failure::new(cause, format!("{advice}the server answered {status}: {shown}"))
}
