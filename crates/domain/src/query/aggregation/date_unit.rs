//! Units of time that instants and days are cut to.

use strum::{EnumCount, IntoStaticStr};

use crate::UnknownName;

/// A unit of time, from the shortest to the longest. Weeks begin on Monday (ISO 8601).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, EnumCount, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum DateUnit {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
    /// A quarter of a year.
    Quarter,
    /// A year.
    Year,
}

impl DateUnit {
    /// All units.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Second, Self::Minute, Self::Hour, Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year];

    /// The name in queries.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The unit of a name.
    ///
    /// # Errors
    /// [`UnknownName`] with the nearest name, or all of them.
    pub fn parse(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|unit| unit.name() == name);
        found.ok_or_else(|| UnknownName::new("unit", name, Self::ALL.map(Self::name)))
    }
}
