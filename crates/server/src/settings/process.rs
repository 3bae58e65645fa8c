//! Settings of the process itself, which no other crate knows.

use std::net::SocketAddr;
use std::path::PathBuf;

use bytesize::ByteSize;
use eider_settings::{Auto, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Umask, listen};

/// Where the process listens and has its data, and the memory that it may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProcessSettings {
    /// Address to listen on. Port 0 picks a free port and logs it.
    #[serde(rename = "server.listen", deserialize_with = "listen::deserialize")]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// File of the TLS certificate in PEM, followed by the certificates that sign it. Empty: connections are not
    /// encrypted.
    #[serde(rename = "server.tls_certificate")]
    pub tls_certificate: PathBuf,
    /// File of the private key of the certificate, in PEM. Both files are read again when they change.
    #[serde(rename = "server.tls_key")]
    pub tls_key: PathBuf,
    /// Directory of the data; the file is `eider.duckdb` in it. It is created when it does not exist.
    #[serde(rename = "storage.data_dir")]
    pub data_dir: PathBuf,
    /// Permissions that new files and directories do not get, in octal: 077 leaves them to their owner, 027 lets the
    /// group read.
    #[serde(rename = "storage.umask")]
    #[schemars(with = "String")]
    pub umask: Umask,
    /// Where sorts spill and large writes are staged. `auto`: `tmp` in the data directory.
    #[serde(rename = "storage.temp_directory", with = "Auto")]
    pub temp_directory: Option<String>,
    /// Memory of the engine's buffers, 256 MiB at least. `auto`: a quarter of the memory of the control group or of the
    /// machine.
    #[serde(rename = "storage.memory_limit", with = "Auto")]
    pub engine_memory: Option<ByteSize>,
    /// Most memory of the records of one page. A page with more is refused; a stream may have any number.
    #[serde(rename = "limits.page_size", with = "Size")]
    pub max_page_bytes: usize,
    /// Memory that this process may use. `auto`: what its control group may use, or what the machine has.
    #[serde(rename = "memory.limit", with = "Auto")]
    pub memory_limit: Option<ByteSize>,
}

impl Default for ProcessSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
            data_dir: "./data".into(),
            umask: Umask::default(),
            temp_directory: None,
            engine_memory: None,
            max_page_bytes: 64 << 20,
            memory_limit: None,
        }
    }
}
