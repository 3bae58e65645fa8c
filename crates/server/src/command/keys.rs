//! `eider keys`: the keys of clients.

use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use eider_application::access::ApiKey;
use eider_application::ports::{Clock, KeyId};
use eider_application::runtime::{KeyFile, SystemClock};
use eider_domain::{Grant, SchemaPattern, Timestamp, temporal};
use humantime_serde::re::humantime;
use rand::TryRng;
use rand::rngs::SysRng;
use serde_json::{Value as Json, json};

/// Longest name of a key, in characters.
const MAX_NAME_CHARS: usize = 64;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a key and writes it to standard output. It is shown this once and kept nowhere.
    Create(Create),
    /// Lists the keys, also those that hold no longer.
    List {
        /// As JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Ends a key.
    Revoke {
        /// What stands between the underscores of the key, and in the list.
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What the key is for.
    #[arg(long)]
    name: String,
    /// schemas:read, schemas:write, records:read, records:append, records:write, metrics:read or admin; or reader,
    /// appender or writer for those that go together.
    #[arg(long, value_name = "VERB,…", value_delimiter = ',', required = true)]
    verbs: Vec<String>,
    /// Names of schemas, or their beginnings with a `*`.
    #[arg(long, value_name = "PATTERN,…", value_delimiter = ',', default_value = "*")]
    schemas: Vec<String>,
    /// When the key ends: after so long (30d, 12h) or at a time (RFC 3339).
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// Makes none when there is a valid key already: for the first start of a service.
    #[arg(long)]
    if_none: bool,
}

impl Command {
    pub(crate) fn run(self, data_dir: PathBuf) -> Result<()> {
        let (file, now) = (KeyFile::new(data_dir), SystemClock.now());
        match self {
            Self::Create(create) => create.run(&file, now),
            Self::List { json } => list(&file, now, json),
            Self::Revoke { id } => revoke(&file, now, &id),
        }
    }
}

impl Create {
    fn run(self, file: &KeyFile, now: Timestamp) -> Result<()> {
        let name = self.name.trim().to_owned();
        let is_name = !name.is_empty() && name.chars().count() <= MAX_NAME_CHARS && !name.chars().any(char::is_control);
        ensure!(is_name, "a key has a name of 1 to {MAX_NAME_CHARS} characters");
        let verbs = Grant::parse_verbs(self.verbs.iter().map(|verb| verb.trim()))?;
        let pattern = |text: &String| SchemaPattern::parse(text.trim()).with_context(|| format!("`{text}`"));
        let schemas = self.schemas.iter().map(pattern).collect::<Result<_>>()?;
        let expires_at = self.expires.map(|text| end(&text, now)).transpose()?;
        let mut entropy = [0; ApiKey::ENTROPY_BYTES];
        SysRng.try_fill_bytes(&mut entropy).context("the system gives no randomness")?;
        let (key, text) = ApiKey::issue(name, Grant::new(verbs, schemas), &entropy, now, expires_at);
        let id = key.id;
        let made = file.change(|keys| {
            let has_one = keys.iter().any(|key| key.is_valid_at(now));
            let is_wanted = !(self.if_none && has_one);
            is_wanted.then(|| keys.push(key))
        })?;
        if made.is_none() {
            writeln!(stderr(), "There is a valid key already; none was made.")?;
            return Ok(());
        }
        writeln!(stdout(), "{text}")?;
        writeln!(stderr(), "The key {id}; it is not shown again.")?;
        Ok(())
    }
}

/// The time that a text means.
fn end(text: &str, now: Timestamp) -> Result<Timestamp> {
    let after = |duration: Duration| {
        let micros = i64::try_from(duration.as_micros()).ok()?.checked_add(now.as_micros())?;
        temporal::is_in_range(micros).then(|| Timestamp::from_micros(micros))
    };
    let at = temporal::parse_datetime(text).map(Timestamp::from_micros);
    let end = at.or_else(|| after(humantime::parse_duration(text).ok()?));
    match end {
        Some(end) if end > now => Ok(end),
        Some(end) => bail!("the key would have ended at {end}"),
        None => bail!("`{text}` is neither a duration such as 30d nor a time such as 2027-01-31T08:00:00Z"),
    }
}

/// What there is to say of a key at a time.
fn state(key: &ApiKey, now: Timestamp) -> &'static str {
    match (key.revoked_at, key.is_valid_at(now)) {
        (Some(_), _) => "revoked",
        (None, true) => "valid",
        (None, false) => "expired",
    }
}

fn list(file: &KeyFile, now: Timestamp, as_json: bool) -> Result<()> {
    let keys = file.read()?.unwrap_or_default();
    if as_json {
        let keys: Vec<Json> = keys.iter().map(|key| document(key, now)).collect();
        writeln!(stdout(), "{}", serde_json::to_string_pretty(&keys)?)?;
        return Ok(());
    }
    let row = |key: &ApiKey| {
        let expires = key.expires_at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let (verbs, schemas) = (joined(key.grant.verbs()), joined(key.grant.schemas()));
        [key.id.to_string(), key.name.clone(), verbs, schemas, expires, state(key, now).to_owned()]
    };
    let head = ["ID", "NAME", "VERBS", "SCHEMAS", "EXPIRES", "STATE"].map(str::to_owned);
    let rows: Vec<_> = [head].into_iter().chain(keys.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..6).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        writeln!(stdout(), "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

fn joined(items: impl IntoIterator<Item = impl ToString>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}

fn document(key: &ApiKey, now: Timestamp) -> Json {
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "id": key.id.to_string(),
        "name": key.name,
        "verbs": key.grant.verbs().map(|verb| verb.to_string()).collect::<Vec<_>>(),
        "schemas": key.grant.schemas().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "created_at": key.created_at.to_string(),
        "expires_at": text(key.expires_at),
        "revoked_at": text(key.revoked_at),
        "state": state(key, now),
    })
}

fn revoke(file: &KeyFile, now: Timestamp, text: &str) -> Result<()> {
    // Whoever passes the whole key means its id too.
    let id = KeyId::parse(text).or_else(|| KeyId::of_key(text));
    let ended = file.change(|keys| {
        let key = keys.iter_mut().find(|key| Some(key.id) == id)?;
        Some(*key.revoked_at.get_or_insert(now))
    })?;
    let Some(at) = ended else { bail!("there is no key of this id; `eider keys list` shows those that there are") };
    writeln!(stderr(), "Revoked at {at}.")?;
    Ok(())
}
