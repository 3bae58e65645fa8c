//! The composition root: a store, the use cases over it, the HTTP API over those.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use eider_application::{
    BackupService, FileReports, IngestService, MemoryGuard, QueryService, RecordStore, SchemaCatalog, SchemaService,
    SystemClock, UuidV7Generator,
};
use eider_http_api::{HttpServer, Services, Stopper};
use eider_store_duckdb::DuckDbStore;
use tokio::signal::unix::{SignalKind, signal};

use crate::memory::SystemMemory;
use crate::settings::{Settings, bytes};

/// Directory of the reports of failures, in that of the data.
const REPORTS: &str = "imports";

/// A server that is bound to its address and has its store open.
pub(crate) struct Server {
    store: DuckDbStore,
    http: HttpServer,
}

impl Server {
    /// Binds the address, opens the store and puts everything together.
    pub(crate) async fn open(settings: &Settings) -> Result<Self> {
        let listen = settings.server.listen;
        let listener = TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
        let data_dir = &settings.storage.data_dir;
        fs::create_dir_all(data_dir)
            .with_context(|| format!("cannot create the data directory {}", data_dir.display()))?;
        let store_settings = settings.store();
        let temp_directory = store_settings.temp_directory.clone();
        let store = DuckDbStore::open(store_settings).await.context("cannot open the store")?;
        let memory = MemoryGuard::new(settings.memory_guard());
        if let Some(probe) = SystemMemory::new(settings.memory.limit.map(|limit| limit.as_u64())) {
            memory.watch(probe).context("cannot watch the memory")?;
        }
        let services = services(&store, settings, &temp_directory, memory);
        let http = HttpServer::new(listener, services, settings.http()).context("cannot start the HTTP server")?;
        Ok(Self { store, http })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.http.address()
    }

    pub(crate) fn stopper(&self) -> Stopper {
        self.http.stopper()
    }

    /// Serves until stopped, then closes the store with a checkpoint.
    pub(crate) async fn run(self) -> Result<()> {
        let address = self.address();
        tracing::info!(server.address = %address, "listening on http://{address}");
        self.http.run().await.context("the HTTP server failed")?;
        self.store.close().await.context("the store did not close as it should")?;
        tracing::info!("stopped");
        Ok(())
    }
}

fn services(store: &DuckDbStore, settings: &Settings, temp_directory: &Path, memory: MemoryGuard) -> Services {
    let store = Arc::new(store.clone());
    let (catalog, records): (Arc<dyn SchemaCatalog>, Arc<dyn RecordStore>) = (Arc::clone(&store) as _, store);
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidV7Generator));
    let reports = Arc::new(FileReports::new(settings.storage.data_dir.join(REPORTS)));
    Services {
        schemas: SchemaService::new(catalog, Arc::clone(&records), Arc::clone(&clock) as _),
        ingest: IngestService::new(
            Arc::clone(&records),
            Arc::clone(&clock) as _,
            Arc::clone(&ids) as _,
            reports,
            settings.ingest(),
        )
        .with_spool_directory(temp_directory.to_owned()),
        backup: BackupService::new(Arc::clone(&records), clock, ids),
        query: QueryService::new(records).with_max_page_bytes(bytes(settings.limits.page_size)),
        memory,
    }
}

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn serve(settings: &Settings) -> Result<()> {
    let server = Server::open(settings).await?;
    let stopper = server.stopper();
    let mut signal = Box::pin(stop_signal()?);
    let mut running = Box::pin(server.run());
    tokio::select! {
        result = &mut running => return result,
        () = &mut signal => {}
    }
    tracing::info!("stopping: no new connections, running requests may end");
    let (result, ()) = tokio::join!(running, stopper.stop());
    result
}

/// Ends when the process is asked to stop.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
