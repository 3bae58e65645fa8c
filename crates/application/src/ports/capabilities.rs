//! What a store promises, as values that clients are shown.

macro_rules! promises {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $variant_doc:literal])* $variant:ident = $text:literal,)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $variant_doc])* $variant,)*
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The value as clients see it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

promises! {
    /// What outlives a crash once a commit is acknowledged.
    Durability {
        /// Everything: it is on the disk of this machine.
        Fsync = "fsync",
        /// Nothing: the store lives in memory.
        Memory = "memory",
    }
}

promises! {
    /// How declared indexes serve reads.
    Indexes {
        /// They find the records of a value.
        Exact = "exact",
        /// They rule out parts of the store that certainly do not have a value, and the rest is read.
        Pruning = "pruning",
        /// They are declared, and serve no read.
        Ignored = "ignored",
    }
}

promises! {
    /// Who may write.
    Writers {
        /// The one process that has the store open.
        OneProcess = "one_process",
        /// Any node, each as if it were alone.
        AnyNode = "any_node",
    }
}

promises! {
    /// Who answers a read.
    Reads {
        /// The node that was asked, alone.
        OneNode = "one_node",
        /// Several nodes together, from one snapshot.
        ManyNodes = "many_nodes",
    }
}

promises! {
    /// How backups are taken.
    BackupMethod {
        /// The store hands out a copy of itself: [`BackupSource`](super::BackupSource).
        File = "file",
        /// By the tools of the services that hold the data.
        External = "external",
        /// Not at all.
        None = "none",
    }
}

/// What a store promises. A promise that only one engine could keep is not among them.
///
/// The contract suite asserts what is claimed here: a store that claims [`Durability::Fsync`] is closed and opened
/// again, one that claims [`BackupMethod::File`] has to hand out a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreCapabilities {
    /// What a commit's acknowledgement is worth.
    pub durability: Durability,
    /// Whether the store refuses a second record with the values of a unique property or key, and counts it when the
    /// key is soft. A store that cannot is given no schema with such keys. Ids are always unique.
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
