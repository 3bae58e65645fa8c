//! Metrics that the engine and the disk have to be asked for, looked at once a second so that nobody waits for them.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use eider_application::runtime::blocking;

use crate::file::observed::observe;
use crate::table::Shared;

/// How often they are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks again and again until the store is dropped or closed.
pub(crate) async fn run(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(shared) = shared.upgrade() else { return };
        if shared.pool.is_closed() {
            return;
        }
        let (connection, settings) = (Arc::clone(shared.observed.connection()), shared.settings.clone());
        let look = move || observe(&connection.lock().unwrap_or_else(PoisonError::into_inner), &settings);
        match blocking::run(look).await.flatten() {
            Ok(observation) => shared.observed.set(observation),
            Err(error) => tracing::debug!(%error, "the engine gave no statistics"),
        }
    }
}
