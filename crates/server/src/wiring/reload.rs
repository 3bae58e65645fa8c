//! Settings that change while the server runs: on SIGHUP the configuration is read again.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use eider_application::runtime::MemoryGuard;
use eider_http_api::LiveSettings;

use crate::settings::reference::REFERENCE;
use crate::settings::{Settings, Sources};
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
        self.log.set(&settings.telemetry.filter)?;
        self.http.replace(settings.for_http());
        self.memory.configure(settings.for_memory_guard());
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
    let table = |settings: &Settings| settings.table().context("the settings cannot be written as TOML");
    let (mut merged, read) = (table(current)?, table(read)?);
    let (mut applied, mut waiting) = (BTreeSet::new(), BTreeSet::new());
    for setting in REFERENCE.iter() {
        let (Some(value), Some(new)) = (merged.get_mut(&setting.key), read.get(&setting.key)) else { continue };
        if value == new {
            continue;
        }
        if setting.is_reloaded {
            value.clone_from(new);
            applied.insert(setting.key.clone());
        } else {
            waiting.insert(setting.key.clone());
        }
    }
    let settings: Settings = merged.try_into().context("the settings do not go together")?;
    settings.check().map_err(anyhow::Error::msg)?;
    Ok(Reload { settings, applied, waiting })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_change_stays_until_the_next_start() {
        let current = Settings::default();
        let mut read = current.clone();
        (read.http.max_page_limit, read.store.pool.size) = (500, 3);
        let Reload { settings, applied, waiting } = difference(&current, &read).unwrap();
        assert_eq!((settings.http.max_page_limit, settings.store.pool.size), (500, current.store.pool.size));
        assert_eq!(applied, BTreeSet::from(["limits.max_page".to_owned()]));
        assert_eq!(waiting, BTreeSet::from(["pool.size".to_owned()]));
    }

    #[test]
    fn a_setting_that_does_not_go_with_one_that_stays_is_refused() {
        let mut current = Settings::default();
        current.http.default_page_limit = 200;
        let mut read = current.clone();
        read.http.max_page_limit = 100;
        difference(&current, &read).unwrap_err();
    }
}
