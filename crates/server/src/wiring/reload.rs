//! Settings that change while the server runs: on SIGHUP the configuration is read again.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use eider_application::MemoryGuard;
use eider_http_api::LiveSettings;

use crate::settings::{RELOADABLE, Settings, Sources};
use crate::telemetry::LogFilter;

/// What a running server can be told.
#[derive(Debug)]
pub(crate) struct Reloader {
    sources: Sources,
    /// What is in force.
    settings: Settings,
    http: LiveSettings,
    memory: MemoryGuard,
    log: LogFilter,
}

/// What a reload has done.
#[derive(Debug, PartialEq)]
struct Reload {
    /// What is in force from now on.
    settings: Settings,
    applied: BTreeSet<String>,
    /// Keys whose change waits for the next start.
    waiting: BTreeSet<String>,
}

impl Reloader {
    pub(crate) fn new(
        sources: Sources,
        settings: Settings,
        http: LiveSettings,
        memory: MemoryGuard,
        log: LogFilter,
    ) -> Self {
        Self { sources, settings, http, memory, log }
    }

    /// Reads the configuration again. What is wrong is logged, and everything stays as it is.
    pub(crate) fn reload(&mut self) {
        if let Err(error) = self.apply() {
            tracing::error!(error = format!("{error:#}"), "the configuration was not reloaded; nothing has changed");
        }
    }

    fn apply(&mut self) -> Result<()> {
        let Reload { settings, applied, waiting } = difference(&self.settings, &self.sources.load_again()?)?;
        self.log.set(&settings.log.filter)?;
        self.http.replace(settings.http());
        self.memory.configure(settings.memory_guard());
        self.settings = settings;
        tracing::info!(settings.applied = ?applied, "the configuration was reloaded");
        if !waiting.is_empty() {
            tracing::warn!(settings.waiting = ?waiting, "these settings change at the next start");
        }
        Ok(())
    }
}

/// Takes over what can be.
fn difference(current: &Settings, read: &Settings) -> Result<Reload> {
    let table = |settings: &Settings| toml::Table::try_from(settings).context("the settings cannot be written as TOML");
    let (mut merged, read) = (table(current)?, table(read)?);
    let (mut applied, mut waiting) = (BTreeSet::new(), BTreeSet::new());
    for (section, keys) in &mut merged {
        let (Some(keys), Some(read)) = (keys.as_table_mut(), read.get(section).and_then(toml::Value::as_table)) else {
            continue;
        };
        for (name, value) in keys {
            let Some(new) = read.get(name).filter(|new| *new != value) else { continue };
            let key = format!("{section}.{name}");
            if RELOADABLE.contains(&key.as_str()) {
                value.clone_from(new);
                applied.insert(key);
            } else {
                waiting.insert(key);
            }
        }
    }
    let settings: Settings = merged.try_into().context("the settings do not go together")?;
    settings.check().map_err(anyhow::Error::msg)?;
    Ok(Reload { settings, applied, waiting })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::known_keys;

    #[test]
    fn every_reloadable_key_is_a_setting() {
        let known = known_keys();
        for key in RELOADABLE {
            assert!(known.contains(&(*key).to_owned()), "{key}");
        }
    }

    #[test]
    fn what_cannot_change_stays_until_the_next_start() {
        let current = Settings::default();
        let mut read = current.clone();
        (read.limits.max_page, read.pool.size) = (500, 3);
        let Reload { settings, applied, waiting } = difference(&current, &read).unwrap();
        assert_eq!((settings.limits.max_page, settings.pool.size), (500, current.pool.size));
        assert_eq!(applied, BTreeSet::from(["limits.max_page".to_owned()]));
        assert_eq!(waiting, BTreeSet::from(["pool.size".to_owned()]));
    }

    #[test]
    fn a_setting_that_does_not_go_with_one_that_stays_is_refused() {
        let mut current = Settings::default();
        current.limits.default_page = 200;
        let mut read = current.clone();
        read.limits.max_page = 100;
        difference(&current, &read).unwrap_err();
    }
}
