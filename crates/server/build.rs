//! Links the engine, and says which commit is built.

use std::path::Path;
use std::process::Command;

#[path = "../engine-duckdb/engine/link.rs"]
mod link;

fn main() {
    println!("cargo:rerun-if-changed=../engine-duckdb/engine/link.rs");
    link::link_engine();
    println!("cargo:rustc-env=EIDER_COMMIT={}", commit());
}

/// The commit of the checkout, in ten digits: `EIDER_COMMIT` where a package is built without one, else what git says.
fn commit() -> String {
    println!("cargo:rerun-if-env-changed=EIDER_COMMIT");
    if let Ok(given) = std::env::var("EIDER_COMMIT") {
        return given;
    }
    // What moves when a commit is made or checked out: HEAD, and the log that git keeps of it.
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) =
            git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).try_exists().unwrap_or(false))
        {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=10", "HEAD"]).unwrap_or_else(|| "unknown".to_owned())
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
