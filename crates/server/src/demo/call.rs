//! One call of the demo: made, timed, and printed as the curl line that does the same.

use std::io::{Write, stdout};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};
use serde_json::Value as Json;

/// Characters of a line of an answer that are printed.
const WIDTH: usize = 96;
/// Lines of an answer that are printed.
const LINES: usize = 12;

/// A call and what it should answer.
pub(super) struct Call {
    title: &'static str,
    path: &'static str,
    /// Media type, text, and the file of the repository that holds it; none for text that fits on the line.
    body: Option<(&'static str, &'static str, &'static str)>,
    expected: StatusCode,
}

/// What a call answered.
pub(super) struct Shown {
    pub(super) body: String,
    /// Records in the answer.
    pub(super) rows: usize,
}

impl Call {
    pub(super) fn get(title: &'static str, path: &'static str) -> Self {
        Self { title, path, body: None, expected: StatusCode::OK }
    }

    pub(super) fn post(
        title: &'static str,
        path: &'static str,
        media_type: &'static str,
        body: &'static str,
        file: &'static str,
    ) -> Self {
        Self { title, path, body: Some((media_type, body, file)), expected: StatusCode::OK }
    }

    pub(super) fn expect(mut self, status: StatusCode) -> Self {
        self.expected = status;
        self
    }

    /// Makes the call and prints it.
    ///
    /// # Errors
    /// When the server answers with another status.
    pub(super) async fn show(&self, base: &str) -> Result<Shown> {
        let url = format!("{base}{}", self.path);
        let client = Client::new();
        let request = match self.body {
            None => client.get(&url),
            Some((media_type, body, _)) => client.post(&url).header(CONTENT_TYPE, media_type).body(body),
        };
        let started = Instant::now();
        let response = request.send().await.with_context(|| format!("{url} does not answer"))?;
        let status = response.status();
        let body = response.text().await.with_context(|| format!("the answer of {url} broke off"))?;
        let elapsed_ms = started.elapsed().as_secs_f64() * 1e3;
        let rows = rows_of(&body);
        self.print(&url, status, &body, rows, elapsed_ms)?;
        ensure!(status == self.expected, "{url} answered {status} instead of {}", self.expected);
        Ok(Shown { body, rows })
    }

    fn print(&self, url: &str, status: StatusCode, body: &str, rows: usize, elapsed_ms: f64) -> Result<()> {
        let mut out = stdout().lock();
        writeln!(out, "\n# {}", self.title)?;
        match self.body {
            None => writeln!(out, "curl -s '{url}'")?,
            Some((media_type, _, file)) if !file.is_empty() => {
                writeln!(out, "curl -s '{url}' \\\n     -H 'Content-Type: {media_type}' --data-binary @{file}")?;
            }
            Some((media_type, body, _)) => {
                writeln!(out, "curl -s '{url}' \\\n     -H 'Content-Type: {media_type}' -d '{body}'")?;
            }
        }
        let lines = readable(body);
        for line in lines.iter().take(LINES) {
            writeln!(out, "  {}", cut(line))?;
        }
        if lines.len() > LINES {
            writeln!(out, "  … {} more lines", lines.len() - LINES)?;
        }
        let unit = if rows == 1 { "record" } else { "records" };
        writeln!(out, "→ {}, {rows} {unit}, {} bytes, {elapsed_ms:.1} ms", status.as_u16(), body.len())?;
        Ok(())
    }
}

/// Lines of an answer for a person: NDJSON and pages a record a line, other JSON indented.
fn readable(body: &str) -> Vec<String> {
    match serde_json::from_str::<Json>(body) {
        Ok(document) => match document.get("data").and_then(Json::as_array) {
            Some(records) => records.iter().map(Json::to_string).collect(),
            None => serde_json::to_string_pretty(&document).unwrap_or_default().lines().map(str::to_owned).collect(),
        },
        Err(_) => body.lines().map(str::to_owned).collect(),
    }
}

/// Records that an answer holds or says it created.
fn rows_of(body: &str) -> usize {
    let Ok(document) = serde_json::from_str::<Json>(body) else { return body.lines().count() };
    let created = document.get("created").and_then(Json::as_u64);
    match (document.get("data").and_then(Json::as_array), created) {
        (Some(records), _) => records.len(),
        (None, Some(count)) => usize::try_from(count).unwrap_or(usize::MAX),
        (None, None) => usize::from(document.get("id").is_some()),
    }
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
