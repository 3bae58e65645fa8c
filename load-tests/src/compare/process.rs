//! Processes of other stores: started in a directory of their own, ended with them.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

/// How long a store may take to answer for the first time.
const START_STEPS: u32 = 300;
const STEP: Duration = Duration::from_millis(100);

/// A process with a directory.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Removed with it.
    _directory: TempDir,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command, directory: TempDir) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let log = fs::File::create(directory.path().join("log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { child, _directory: directory })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its data is thrown away.
        for pid in family(self.child.id()) {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        }
        let _ = self.child.wait();
    }
}

/// A directory of a store.
pub(crate) fn directory(parent: &Path, store: &str) -> Result<TempDir> {
    Ok(tempfile::Builder::new().prefix(&format!("eider-compare-{store}-")).tempdir_in(parent)?)
}

/// A port that is free now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Tries until it succeeds, for half a minute.
pub(crate) async fn ready<F: Future<Output = Result<T>>, T>(store: &str, attempt: impl Fn() -> F) -> Result<T> {
    let mut last = None;
    for _ in 0..START_STEPS {
        match attempt().await {
            Ok(answer) => return Ok(answer),
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(STEP).await;
    }
    match last {
        Some(error) => Err(error).context(format!("{store} does not answer")),
        None => bail!("{store} was never asked"),
    }
}

/// A process and all that it started.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let children = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = children.flat_map(|task| {
        let listed = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()
    });
    [pid].into_iter().chain(children.flat_map(family)).collect()
}

/// A program by its environment variable, or else under its name in the path.
pub(crate) fn program(variable: &str, name: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| PathBuf::from(name), PathBuf::from)
}
