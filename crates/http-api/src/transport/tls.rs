//! TLS: certificates from files, read again when the files change.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use eider_application::runtime::{FileStamp, blocking};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// How often the files are looked at. What has changed is read once it stays as it is for as long.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The bit of a mode that lets everybody read.
const READ_BY_OTHERS: u32 = 0o004;

/// Files in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, those that it is signed by behind it.
    pub certificate: PathBuf,
    /// The private key, which not everybody may read.
    pub key: PathBuf,
}

type Stamps = [Option<FileStamp>; 2];

impl TlsFiles {
    /// Blocks.
    fn load(&self, provider: &CryptoProvider) -> io::Result<CertifiedKey> {
        let failed = |path: &PathBuf, error: &dyn fmt::Display| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
        };
        let chain = CertificateDer::pem_file_iter(&self.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|error| failed(&self.certificate, &error))?;
        if chain.is_empty() {
            return Err(failed(&self.certificate, &"there is no certificate in it"));
        }
        let key = private(&self.key)?;
        let key = PrivateKeyDer::from_pem_reader(BufReader::new(key)).map_err(|error| failed(&self.key, &error))?;
        CertifiedKey::from_der(chain, key, provider).map_err(|error| failed(&self.certificate, &error))
    }

    fn stamps(&self) -> Stamps {
        [&self.certificate, &self.key].map(|path| FileStamp::of(path).ok())
    }
}

/// The file of a key, which nobody may read but its owner and its group. Blocks.
///
/// # Errors
/// When it cannot be opened; `PermissionDenied` when anybody may read it.
fn private(path: &Path) -> io::Result<File> {
    let in_file = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(in_file)?;
    let mode = file.metadata().map_err(in_file)?.permissions().mode();
    if mode & READ_BY_OTHERS == 0 {
        return Ok(file);
    }
    let detail = format!("every user of this machine can read it (mode {:04o}); `chmod o-rwx` it", mode & 0o7777);
    Err(in_file(io::Error::new(io::ErrorKind::PermissionDenied, detail)))
}

/// The certificate that is shown now. Clones share it.
#[derive(Clone)]
pub(crate) struct Certificates {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    current: Arc<ArcSwap<CertifiedKey>>,
    seen: Stamps,
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// When they cannot be read, or the key is not that of the certificate.
    pub(crate) fn load(files: TlsFiles) -> io::Result<Self> {
        let (provider, seen) = (Arc::new(ring::default_provider()), files.stamps());
        let current = Arc::new(ArcSwap::from_pointee(files.load(&provider)?));
        Ok(Self { files, provider, current, seen })
    }

    /// How connections are accepted.
    ///
    /// # Errors
    /// Never, since the provider knows the versions of the protocol.
    pub(crate) fn server_config(&self) -> io::Result<ServerConfig> {
        let config = ServerConfig::builder_with_provider(Arc::clone(&self.provider));
        let config = config.with_safe_default_protocol_versions().map_err(io::Error::other)?;
        Ok(config.with_no_client_auth().with_cert_resolver(Arc::new(self.clone())))
    }

    /// Shows the new certificate when the files have changed; never ends. Files that cannot be used change nothing and
    /// are logged. Connections go on with the certificate that they began with.
    pub(crate) async fn follow(self) {
        let mut ticks = tokio::time::interval(POLL_INTERVAL);
        let (mut used, mut refused, mut before) = (self.seen, self.seen, self.seen);
        loop {
            ticks.tick().await;
            let files = self.files.clone();
            let Ok(now) = blocking::run(move || files.stamps()).await else { return };
            if now == before && now != used {
                let (files, provider) = (self.files.clone(), Arc::clone(&self.provider));
                match blocking::run(move || files.load(&provider)).await {
                    Ok(Ok(certificate)) => {
                        self.current.store(Arc::new(certificate));
                        used = now;
                        tracing::info!("the certificate has changed");
                    }
                    // Said once and tried again each time: it may be for want of a file descriptor.
                    Ok(Err(_)) if now == refused => {}
                    Ok(Err(error)) => {
                        tracing::error!(error.message = %error, "the new certificate cannot be used; the old one is kept");
                    }
                    Err(_) => return,
                }
                refused = now;
            }
            before = now;
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_key_that_everybody_may_read_is_refused_also_behind_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (key, link) = (directory.path().join("key"), directory.path().join("link"));
        fs::write(&key, "a key").unwrap();
        symlink(&key, &link).unwrap();
        for mode in 0o400..=0o777 {
            fs::set_permissions(&key, Permissions::from_mode(mode | 0o400)).unwrap();
            for path in [&key, &link] {
                match private(path) {
                    Ok(_) => assert_eq!(mode & 0o004, 0, "{mode:o} is taken"),
                    Err(error) => {
                        assert_eq!((error.kind(), mode & 0o004), (io::ErrorKind::PermissionDenied, 0o004));
                        assert!(error.to_string().contains("chmod o-rwx"), "{error}");
                    }
                }
            }
        }
    }
}
