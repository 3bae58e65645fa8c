//! Inputs that another server has.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ureq::Agent;
use ureq::config::Config;

/// How long a server may take to be reached, and to begin its answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a URL stands for, read while it arrives. Waits until the answer begins.
///
/// # Errors
/// When the server does not answer, or refuses.
pub(super) fn fetched(url: &str) -> Result<Box<dyn Read + Send>> {
    let config = Config::builder().timeout_connect(Some(PATIENCE)).timeout_recv_response(Some(PATIENCE));
    let agent = Agent::new_with_config(config.http_status_as_error(false).build());
    let response = agent.get(url).call().with_context(|| format!("cannot fetch {url}"))?;
    let status = response.status();
    if !status.is_success() {
        bail!("cannot fetch {url}: the answer is {status}");
    }
    Ok(Box::new(response.into_body().into_reader()))
}
