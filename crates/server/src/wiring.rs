//! The composition root: a store, the use cases over it, the HTTP API over those.

mod reload;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use eider_application::access::KeyRing;
use eider_application::ports::Store;
use eider_application::runtime::{FileReports, FileStamp, KeyFile, MemoryGuard, SystemClock, UuidV7Generator};
use eider_application::{BackupService, QueryService, RecordService, SchemaService, ValidationService};
use eider_http_api::{DroppedLines, HttpServer, Services, Stopper};

pub(crate) use self::reload::Reloader;
use crate::memory::SystemMemory;
use crate::settings::{Settings, Sources};
use crate::store::OpenStore;
use crate::telemetry::LogFilter;

/// Directory of the reports of failures, in that of the data.
const REPORTS: &str = "imports";

/// A server that is bound to its address and has its store open.
pub(crate) struct Server {
    store: OpenStore,
    http: HttpServer,
    keys: Keys,
    memory: MemoryGuard,
    scheme: &'static str,
}

/// The keys of clients, and where they come from.
struct Keys {
    ring: KeyRing,
    file: KeyFile,
    seen: Option<FileStamp>,
}

impl Server {
    /// Binds the address, opens the store and puts everything together.
    pub(crate) async fn open(settings: &Settings, dropped_lines: DroppedLines) -> Result<Self> {
        let listen = settings.process.listen;
        let http_settings = settings.for_http();
        let scheme = if http_settings.tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
        let data_dir = &settings.process.data_dir;
        fs::create_dir_all(data_dir)
            .with_context(|| format!("cannot create the data directory {}", data_dir.display()))?;
        let keys = Keys::open(data_dir, listen)?;
        let store_settings = settings.for_store();
        let temp_directory = store_settings.temp_directory.clone();
        let store = OpenStore::open(store_settings).await.context("cannot open the store")?;
        let memory = MemoryGuard::new(settings.for_memory_guard());
        if let Some(probe) = SystemMemory::new(settings.process.memory_limit.map(|limit| limit.as_u64())) {
            memory.watch(probe).context("cannot watch the memory")?;
        }
        let reservable = memory.statistics().reservable_bytes;
        if reservable < settings.http.bulk_call_memory_bytes {
            tracing::warn!(
                memory.reservable_bytes = reservable,
                "beside the engine and the caches there is little memory for requests; give it more, or lower \
                 `storage.memory_limit` and the caches"
            );
        }
        let services = services(&store, settings, &temp_directory, keys.ring.clone(), memory.clone(), dropped_lines);
        let http = HttpServer::new(listener, services, http_settings).context("cannot start the HTTP server")?;
        Ok(Self { store, http, keys, memory, scheme })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.http.address()
    }

    pub(crate) fn stopper(&self) -> Stopper {
        self.http.stopper()
    }

    /// Completes when the store can do no more and the process has to be started again.
    pub(crate) fn engine_stopped(&self) -> impl Future<Output = ()> + use<> {
        let store = self.store.clone();
        async move { store.engine_stopped().await }
    }

    /// What changes settings while this server runs.
    pub(crate) fn reloader(&self, sources: Sources, settings: Settings, log: LogFilter) -> Reloader {
        Reloader::new(sources, settings, self.http.settings(), self.memory.clone(), log)
    }

    /// Serves until stopped, then closes the store with a checkpoint.
    pub(crate) async fn run(self) -> Result<()> {
        let (address, scheme, keys) = (self.address(), self.scheme, self.keys);
        tracing::info!(server.address = %address, "listening on {scheme}://{address}");
        let following = tokio::spawn(keys.file.follow(keys.ring, keys.seen));
        let outcome = self.http.run().await.context("the HTTP server failed");
        following.abort();
        outcome?;
        self.store.close().await.context("the store did not close as it should")?;
        tracing::info!("stopped");
        Ok(())
    }
}

impl Keys {
    /// Reads the keys, and looks whether they will do for the address.
    fn open(data_dir: &Path, listen: SocketAddr) -> Result<Self> {
        let (ring, file) = (KeyRing::open(Arc::new(SystemClock)), KeyFile::new(data_dir.to_owned()));
        let seen = file.stamp();
        if let Some(keys) = file.read()? {
            ring.replace(keys);
        }
        if !listen.ip().to_canonical().is_loopback() && !ring.has_valid_key() {
            bail!(
                "{listen} can be reached by others and there is no valid key; make one: eider keys create --name admin \
                 --verbs admin --data-dir {}",
                data_dir.display()
            );
        }
        if !ring.is_enforced() {
            tracing::warn!("there are no keys: everybody on this machine may do everything");
        }
        Ok(Self { ring, file, seen })
    }
}

fn services(
    store: &OpenStore,
    settings: &Settings,
    temp_directory: &Path,
    keys: KeyRing,
    memory: MemoryGuard,
    dropped_lines: DroppedLines,
) -> Services {
    let records: Arc<dyn Store> = Arc::new(store.clone());
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidV7Generator));
    let reports = Arc::new(FileReports::new(settings.process.data_dir.join(REPORTS)));
    Services {
        schemas: SchemaService::new(Arc::clone(&records), Arc::clone(&clock) as _).with_limits(settings.schemas),
        ingest: RecordService::new(
            Arc::clone(&records),
            Arc::clone(&clock) as _,
            Arc::clone(&ids) as _,
            reports,
            settings.for_ingest(),
        )
        .with_spool_directory(temp_directory.to_owned())
        .with_memory(memory.clone()),
        backup: BackupService::new(Arc::clone(&records), Arc::clone(&clock) as _, Arc::clone(&ids) as _),
        validations: ValidationService::new(Arc::clone(&records), clock, ids, settings.for_validations()),
        query: QueryService::new(records).with_max_page_bytes(settings.process.max_page_bytes),
        memory,
        keys,
        dropped_lines,
    }
}
