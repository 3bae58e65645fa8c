//! TLS: handshakes, and certificates that change while the server runs.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eider_application::ingest::IngestLimits;
use eider_http_api::{HttpSettings, TlsFiles};
use rcgen::CertifiedKey;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::app::TestApp;

/// After so long a test has not merely been slow: it hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// Writes a new certificate for `localhost`.
fn write_certificate(files: &TlsFiles) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&files.certificate, cert.pem()).unwrap();
    fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    // An umask gives everybody the right to read.
    fs::set_permissions(&files.key, Permissions::from_mode(0o600)).unwrap();
    cert.der().clone()
}

fn files_in(directory: &Path) -> TlsFiles {
    TlsFiles { certificate: directory.join("server.pem"), key: directory.join("server.key") }
}

fn start(files: &TlsFiles) -> TestApp {
    TestApp::start_with(HttpSettings { tls: Some(files.clone()), ..HttpSettings::default() }, IngestLimits::default())
}

/// A connection that trusts these certificates alone, and the protocol that was agreed on.
fn connect(app: &TestApp, trusted: &[CertificateDer<'static>]) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add(certificate.clone()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let socket = TcpStream::connect(app.base.strip_prefix("https://").unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket)
}

/// Asks once; the head and the body of the answer.
fn ask(connection: &mut StreamOwned<ClientConnection, TcpStream>) -> std::io::Result<String> {
    connection.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut bytes = vec![0; 4096];
    let mut length = 0;
    while !bytes[..length].ends_with(b"}") {
        let read = connection.read(&mut bytes[length..])?;
        assert_ne!(read, 0, "the connection ended");
        length += read;
    }
    Ok(String::from_utf8(bytes[..length].to_vec()).unwrap())
}

fn shown(connection: &StreamOwned<ClientConnection, TcpStream>) -> CertificateDer<'static> {
    connection.conn.peer_certificates().unwrap()[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let files = files_in(directory.path());
    let certificate = write_certificate(&files);
    let app = start(&files);
    let mut connection = connect(&app, std::slice::from_ref(&certificate));
    let answer = ask(&mut connection).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("strict-transport-security: max-age=31536000"), "{answer}");
    assert_eq!(connection.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
    assert_eq!(shown(&connection), certificate);
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    assert!(ask(&mut connect(&app, &[other.cert.der().clone()])).is_err(), "another certificate is not trusted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_to_new_connections_and_old_ones_live_on() {
    let directory = tempfile::tempdir().unwrap();
    let files = files_in(directory.path());
    let old = write_certificate(&files);
    let app = start(&files);
    let mut before = connect(&app, std::slice::from_ref(&old));
    ask(&mut before).unwrap();

    fs::write(&files.certificate, "not a certificate").unwrap();
    let new = write_certificate(&files);
    let trusted = [old.clone(), new.clone()];
    let started = Instant::now();
    loop {
        let mut connection = connect(&app, &trusted);
        ask(&mut connection).unwrap();
        if shown(&connection) == new {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "the new certificate is never shown");
    }
    assert!(ask(&mut before).unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_used_leave_the_certificate_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let files = files_in(directory.path());
    let old = write_certificate(&files);
    let app = start(&files);
    let key = fs::read(&files.key).unwrap();
    let deadline = Instant::now() + Duration::from_millis(1200);
    fs::write(&files.key, "not a key").unwrap();
    while Instant::now() < deadline {
        let mut connection = connect(&app, std::slice::from_ref(&old));
        ask(&mut connection).unwrap();
        assert_eq!(shown(&connection), old);
    }
    // It goes on looking.
    fs::write(&files.key, key).unwrap();
    let new = write_certificate(&files);
    let started = Instant::now();
    while shown_by(&app, &[old.clone(), new.clone()]) != new {
        assert!(started.elapsed() < PATIENCE, "the new certificate is never shown");
    }
}

fn shown_by(app: &TestApp, trusted: &[CertificateDer<'static>]) -> CertificateDer<'static> {
    let mut connection = connect(app, trusted);
    ask(&mut connection).unwrap();
    shown(&connection)
}
