//! Which engine this program is linked with, and which it should be.

use std::fmt;
use std::sync::OnceLock;

use duckdb::Connection;
use eider_application::ports::{StoreError, StoreErrorKind};

use crate::error::store_error;

/// The release that `engine/pin.env` names.
const PINNED_VERSION: &str = env!("ENGINE_VERSION");
/// The commit of that release, as the engine says it.
const PINNED_COMMIT: &str = env!("ENGINE_COMMIT");

/// A release of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineRelease {
    /// The version, such as `v2.0.0`.
    pub version: String,
    /// The first ten digits of the commit.
    pub commit: String,
}

impl EngineRelease {
    /// The release that this program was written for and tested with.
    pub fn pinned() -> Self {
        Self { version: PINNED_VERSION.to_owned(), commit: PINNED_COMMIT.to_owned() }
    }

    /// The release that is linked, as it answers itself. Opens an instance in memory, some milliseconds, once.
    ///
    /// # Errors
    /// `Internal` when the engine does not answer.
    pub fn linked() -> Result<Self, StoreError> {
        static LINKED: OnceLock<EngineRelease> = OnceLock::new();
        if let Some(release) = LINKED.get() {
            return Ok(release.clone());
        }
        let connection = Connection::open_in_memory().map_err(store_error)?;
        let release = connection
            .query_row("SELECT library_version, source_id FROM pragma_version()", [], |row| {
                Ok(Self { version: row.get(0)?, commit: row.get(1)? })
            })
            .map_err(store_error)?;
        Ok(LINKED.get_or_init(|| release).clone())
    }
}

impl fmt::Display for EngineRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.commit)
    }
}

/// How the engine got into this program: compiled in, or a shared library that was found when it started.
pub fn engine_linkage() -> &'static str {
    if cfg!(feature = "bundled") { "static" } else { "shared" }
}

/// Refuses an engine of another release, before it touches a file: it may read one differently, or change its format.
///
/// # Errors
/// `Unsupported`, with both releases; `Internal` when the engine does not answer.
pub fn check() -> Result<(), StoreError> {
    compare(&EngineRelease::linked()?, &EngineRelease::pinned())
}

fn compare(linked: &EngineRelease, pinned: &EngineRelease) -> Result<(), StoreError> {
    if linked == pinned {
        return Ok(());
    }
    let message =
        format!("the engine is DuckDB {linked}, and this program needs {pinned}; link that one (`./dev engine`)");
    Err(StoreError::new(StoreErrorKind::Unsupported, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_that_runs_is_the_pinned_one() {
        assert_eq!(EngineRelease::linked().unwrap(), EngineRelease::pinned());
        check().unwrap();
    }

    #[test]
    fn the_pinned_release_is_that_of_the_crate() {
        let (pin, manifest) = (include_str!("../../engine/pin.env"), include_str!("../../../../Cargo.toml"));
        let value = |key: &str| pin.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap();
        let version = value("ENGINE_CRATE");
        assert!(manifest.contains(&format!("duckdb = {{ version = \"={version}\"")), "Cargo.toml has another crate");
        // The crate's version has the engine's in it: 1.20000.1 is 2.00.00.
        let encoded: u32 = version.split('.').nth(1).unwrap().parse().unwrap();
        let decoded = format!("v{}.{}.{}", encoded / 10_000, encoded / 100 % 100, encoded % 100);
        assert_eq!(decoded, PINNED_VERSION);
    }

    #[test]
    fn an_engine_of_another_release_is_refused_with_both_named() {
        let release = |version: &str, commit: &str| EngineRelease { version: version.into(), commit: commit.into() };
        let pinned = release("v2.0.0", "d54cbbe3df");
        for other in [release("v2.0.1", "d54cbbe3df"), release("v2.0.0", "0000000000")] {
            let error = compare(&other, &pinned).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unsupported);
            let text = error.to_string();
            assert!(text.contains(&other.to_string()) && text.contains(&pinned.to_string()), "{text}");
        }
    }
}
