//! One call of the demo: made, timed, and printed as the curl line that does the same.

use std::fmt::Write as _;
use std::io::{Write, stdout};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};
use serde_json::Value as Json;

/// Characters of a line of an answer that are printed.
const WIDTH: usize = 96;
/// Lines of an answer that are printed.
const LINES: usize = 12;

/// Makes the server store what a call sends once, however often it is made.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// A call and what it should answer.
pub(super) struct Call<'s> {
    title: &'static str,
    path: &'static str,
    /// Media type and text.
    body: Option<(&'static str, &'static str)>,
    /// The file that holds the body; none for a text that fits on the line.
    file: Option<&'s Path>,
    /// What the call is known by, if it is to be made once.
    key: Option<&'static str>,
    expected: StatusCode,
}

/// What a call answered.
pub(super) struct Shown {
    pub(super) body: String,
    /// Records in the answer.
    pub(super) rows: usize,
}

impl<'s> Call<'s> {
    pub(super) fn get(title: &'static str, path: &'static str) -> Self {
        Self { title, path, body: None, file: None, key: None, expected: StatusCode::OK }
    }

    pub(super) fn post(title: &'static str, path: &'static str, media_type: &'static str, body: &'static str) -> Self {
        Self { body: Some((media_type, body)), ..Self::get(title, path) }
    }

    /// Says which file holds the body, to be named on the line instead of the body.
    pub(super) fn in_file(mut self, file: &'s Path) -> Self {
        self.file = Some(file);
        self
    }

    /// Gives the call a name, so that it changes nothing when it is made again.
    pub(super) fn once(mut self, key: &'static str) -> Self {
        self.key = Some(key);
        self
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
        let mut request = match self.body {
            None => client.get(&url),
            Some((media_type, body)) => client.post(&url).header(CONTENT_TYPE, media_type).body(body),
        };
        if let Some(key) = self.key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
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

    /// The line for a shell that makes the call, in any directory.
    fn command(&self, url: &str) -> Result<String> {
        let mut command = format!("curl -s {}", quoted(url));
        if let Some(key) = self.key {
            write!(command, " \\\n     -H {}", quoted(&format!("{IDEMPOTENCY_KEY}: {key}")))?;
        }
        if let Some((media_type, body)) = self.body {
            write!(command, " \\\n     -H {} ", quoted(&format!("Content-Type: {media_type}")))?;
            match self.file {
                None => write!(command, "-d {}", quoted(body))?,
                Some(file) => {
                    let file = file.to_str().context("the path of the sample is not text")?;
                    write!(command, "--data-binary {}", quoted(&format!("@{file}")))?;
                }
            }
        }
        Ok(command)
    }

    fn print(&self, url: &str, status: StatusCode, body: &str, rows: usize, elapsed_ms: f64) -> Result<()> {
        let mut out = stdout().lock();
        writeln!(out, "\n# {}", self.title)?;
        writeln!(out, "{}", self.command(url)?)?;
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

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
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
