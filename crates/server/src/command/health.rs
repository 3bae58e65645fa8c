//! `eider health`: whether a server is ready, for container runtimes that have no shell to ask with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::settings::Settings;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the server that these settings make, on this machine. Of one that speaks TLS only whether it accepts
/// connections: its certificate is for other names than that of the loopback address.
///
/// # Errors
/// When it does not answer in time, or answers that it is not ready.
pub(crate) async fn check(settings: &Settings) -> Result<()> {
    let address = reachable(settings.process.listen);
    if !settings.process.tls_certificate.as_os_str().is_empty() {
        let connected = timeout(PATIENCE, TcpStream::connect(address)).await.context("no connection in time")?;
        return connected.map(drop).with_context(|| format!("cannot connect to {address}"));
    }
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().context("cannot make a request")?;
    let answer = client.get(format!("http://{address}/health/ready")).send().await;
    let answer = answer.with_context(|| format!("{address} does not answer"))?;
    ensure!(answer.status().is_success(), "{address} is not ready: {}", answer.status());
    Ok(())
}

/// Where a server can be reached that listens on an address: one that listens everywhere does so on the loopback address.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_the_loopback_address() {
        let of = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(of("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(of("[::]:80"), "[::1]:80");
        assert_eq!(of("10.1.2.3:8080"), "10.1.2.3:8080");
    }
}
