//! Metrics of records and bytes, in and out, by format.

use eider_application::ingest::{BodyFormat, BulkReceipt, StoredRecord, WarningCount};
use eider_domain::{Schema, SchemaName, ViolationCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

use crate::representation::media_type::MediaType;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Format {
    format: &'static str,
}

/// A counter for each format. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct ByFormat {
    family: Family<Format, Counter>,
    /// In the order of [`BodyFormat`], to count without a look-up.
    counters: Vec<Counter>,
}

impl ByFormat {
    pub(crate) fn of(&self, format: BodyFormat) -> &Counter {
        &self.counters[format as usize]
    }
}

impl Default for ByFormat {
    fn default() -> Self {
        let family = Family::<Format, Counter>::default();
        let counter = |format| family.get_or_create_owned(&Format { format: MediaType::of(format).name });
        let counters = BodyFormat::ALL.map(counter).to_vec();
        Self { family, counters }
    }
}

/// Counts what comes in and goes out. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordMetrics {
    received: ByFormat,
    stored: ByFormat,
    pub(crate) received_bytes: ByFormat,
    sent: ByFormat,
    sent_bytes: ByFormat,
    warnings: Family<Warning, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Warning {
    schema: String,
    code: &'static str,
}

/// The counters of records that are sent in one format.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) records: Counter,
    pub(crate) bytes: Counter,
}

impl RecordMetrics {
    /// Counts the records of a bulk call.
    pub(crate) fn loaded(&self, schema: &Schema, format: BodyFormat, receipt: &BulkReceipt) {
        self.received.of(format).inc_by(receipt.received);
        if !receipt.is_dry_run {
            self.stored.of(format).inc_by(receipt.created + receipt.updated);
            if receipt.commit_seq.is_some() {
                self.warned(schema, &receipt.warnings);
            }
        }
    }

    /// Counts a single record that was stored.
    pub(crate) fn stored_one(&self, schema: &Schema, stored: &StoredRecord) {
        self.received.of(BodyFormat::JsonArray).inc();
        self.stored.of(BodyFormat::JsonArray).inc();
        self.warned(schema, &stored.warnings);
    }

    fn warned(&self, schema: &Schema, warnings: &[WarningCount]) {
        for WarningCount { code, records, .. } in warnings {
            let warning = Warning { schema: schema.name().key(), code: code.name() };
            self.warnings.get_or_create_owned(&warning).inc_by(*records);
        }
    }

    /// Takes away what is counted of a schema that is gone.
    pub(crate) fn forget(&self, schema: &SchemaName) {
        for code in ViolationCode::ALL {
            self.warnings.remove(&Warning { schema: schema.key(), code: code.name() });
        }
    }

    pub(crate) fn sent(&self, format: BodyFormat) -> Sent {
        Sent { records: self.sent.of(format).clone(), bytes: self.sent_bytes.of(format).clone() }
    }

    /// Counts an answer that is sent at once.
    pub(crate) fn sent_whole(&self, format: BodyFormat, records: u64, bytes: usize) {
        self.sent.of(format).inc_by(records);
        self.sent_bytes.of(format).inc_by(bytes as u64);
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Stored records that lack what a property should have, by schema and code";
        registry.register("record_warnings", help, self.warnings.clone());
        registry.register("records_received", "Records in bodies, by format", self.received.family.clone());
        registry.register(
            "records_stored",
            "Records that were created or replaced, by format",
            self.stored.family.clone(),
        );
        let help = "Bytes of the bodies of records, decompressed, by format";
        registry.register_with_unit("received", help, Unit::Bytes, self.received_bytes.family.clone());
        registry.register("records_sent", "Records and groups that were sent, by format", self.sent.family.clone());
        let help = "Bytes of records and groups as they were sent, by format";
        registry.register_with_unit("sent", help, Unit::Bytes, self.sent_bytes.family.clone());
    }
}
