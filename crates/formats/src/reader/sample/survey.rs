//! A sample while it is read: its columns, and the records that no schema could take.

use eider_domain::{DataType, MAX_PROPERTIES};

use super::column::{Column, Fit, Identity, Noted, Room, VALUES_A_REPETITION};
use crate::reader::ReadError;

/// Values that are remembered of all columns together, to be told from others.
const REMEMBERED_VALUES: usize = 2_000_000;

/// What has been seen of a sample. Memory does not grow with its values.
#[derive(Debug)]
pub struct Survey {
    /// The columns, in the order in which they were met.
    pub columns: Vec<Column>,
    /// Records that a schema could take.
    pub readable: Noted,
    /// Records that are none of any schema: malformed, too large, with a key twice.
    pub unreadable: Noted,
    room: Room,
}

impl Survey {
    /// Of a sample of so many records at most.
    pub(crate) fn new(most_records: u64) -> Self {
        let room = Room { values: REMEMBERED_VALUES, max_repeated: most_records / VALUES_A_REPETITION };
        Self { columns: Vec::new(), readable: Noted::default(), unreadable: Noted::default(), room }
    }

    /// Records looked at.
    pub fn records(&self) -> u64 {
        self.readable.count + self.unreadable.count
    }

    /// How many columns there are.
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// A column that the records up to now lacked; its place.
    ///
    /// # Errors
    /// [`ReadError::MalformedBody`] when there are more columns than a schema may have properties.
    pub(crate) fn add_column(&mut self, name: String, types: &[DataType]) -> Result<usize, ReadError> {
        if self.columns.len() > MAX_PROPERTIES {
            let detail = format!("the sample has more than {MAX_PROPERTIES} properties");
            return Err(ReadError::MalformedBody { detail });
        }
        self.columns.push(Column::new(name, types, &self.readable));
        Ok(self.columns.len() - 1)
    }

    /// Takes note of a value: what each type of its column makes of it.
    pub(crate) fn observe(&mut self, column: usize, line: u64, fits: &[Fit], identity: Identity<'_>) {
        self.columns[column].observe(line, fits, identity, &mut self.room);
    }

    /// Takes note of a record without a value.
    pub(crate) fn lack(&mut self, column: usize, line: u64) {
        self.columns[column].lack(line);
    }

    /// Ends a record of which every column has been noted.
    pub(crate) fn accept(&mut self, line: u64) {
        self.readable.add(line);
    }

    /// Takes note of a record that is none of any schema.
    pub(crate) fn refuse(&mut self, line: u64) {
        self.unreadable.add(line);
    }
}
