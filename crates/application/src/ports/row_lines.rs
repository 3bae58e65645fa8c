//! Where the rows of a write stood in the body that they came in.

/// The line of each row of a write.
///
/// ```
/// use eider_application::ports::RowLines;
///
/// // A CSV body with a header, and a blank line before its second record.
/// let mut lines = RowLines::default();
/// lines.push(0, 2);
/// lines.push(1, 4);
/// assert_eq!((lines.line_of(0), lines.line_of(1)), (2, 4));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowLines {
    /// Where the lines jump: (row, line of that row); they go on by one in between.
    jumps: Vec<(u64, u64)>,
}

impl RowLines {
    /// The line of a row, both counted over the whole body: rows from 0, lines from 1.
    pub fn line_of(&self, row: u64) -> u64 {
        let next = self.jumps.partition_point(|(first, _)| *first <= row);
        match next.checked_sub(1).map(|index| self.jumps[index]) {
            Some((first, line)) => line + (row - first),
            None => row + 1,
        }
    }

    /// Takes note of the line of the next row.
    pub fn push(&mut self, row: u64, line: u64) {
        let expected = self.jumps.last().map_or(1, |(first, line)| line + (row - first));
        if line != expected {
            self.jumps.push((row, line));
        }
    }
}
