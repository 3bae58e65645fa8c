//! Whether a value that breaks a rule is refused or counted.

use strum::{EnumCount, IntoStaticStr};

/// How much a broken rule matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, EnumCount, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Severity {
    /// A record that breaks it is refused.
    #[default]
    Error,
    /// A record that breaks it is stored, and counted.
    Warning,
}

impl Severity {
    /// Both, the graver first.
    pub const ALL: [Self; Self::COUNT] = [Self::Error, Self::Warning];

    /// The severity as it stands on the wire.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The severity of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }
}
