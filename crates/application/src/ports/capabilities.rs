//! What a store promises, as values that a client can be shown.

/// What outlives a crash once a commit is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk of this machine.
    Fsync,
    /// Nothing: the store lives in memory.
    Memory,
}

/// How declared indexes serve reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indexes {
    /// They find the records of a value.
    Exact,
    /// They rule out parts of the store that certainly do not have a value, and the rest is read.
    Pruning,
    /// They are declared, and serve no read.
    Ignored,
}

/// Who may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// The one process that has the store open.
    OneProcess,
    /// Any node, each as if it were alone.
    AnyNode,
}

/// Who answers a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// The node that was asked, alone.
    OneNode,
    /// Several nodes together, from one snapshot.
    ManyNodes,
}

/// How backups are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupMethod {
    /// The store hands out a copy of itself: [`crate::BackupSource`].
    File,
    /// By the tools of the services that hold the data.
    External,
    /// Not at all.
    None,
}

/// What a store promises. A promise that only one engine could keep is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreCapabilities {
    /// What a commit's acknowledgement is worth.
    pub durability: Durability,
    /// Whether unique properties and keys are enforced. Ids always are. Schemas with unique keys are refused by a store
    /// that does not.
    pub has_unique_keys: bool,
    /// How declared indexes serve reads.
    pub indexes: Indexes,
    /// Who may write.
    pub writers: Writers,
    /// Who answers a read.
    pub reads: Reads,
    /// How backups are taken.
    pub backup: BackupMethod,
    /// Whether snapshots are kept beyond the reads that see them, so that a later call can read one again.
    pub keeps_snapshots: bool,
}
