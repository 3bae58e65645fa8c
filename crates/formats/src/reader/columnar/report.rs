//! What is wrong with the rows of a batch, collected column by column.

use eider_domain::Violation;

/// The rows that are refused, and the first of their violations by row.
#[derive(Debug)]
pub(super) struct BatchReport {
    is_bad: Vec<bool>,
    /// Most violations that are named.
    room: usize,
    named: Vec<(usize, Violation)>,
    /// Violations in `named` before the current column.
    earlier: usize,
    are_more: bool,
}

impl BatchReport {
    /// A report on `rows` rows that names at most `room` violations.
    pub(super) fn new(rows: usize, room: usize) -> Self {
        Self { is_bad: vec![false; rows], room, named: Vec::new(), earlier: 0, are_more: false }
    }

    /// Refuses a row. The rows of one column come in order.
    pub(super) fn refuse(&mut self, row: usize, violations: Vec<Violation>) {
        self.is_bad[row] = true;
        for violation in violations {
            if self.named.len() - self.earlier < self.room {
                self.named.push((row, violation));
            } else {
                self.are_more = true;
            }
        }
    }

    /// Ends a column: keeps the first violations by row, those of earlier columns first.
    pub(super) fn end_column(&mut self) {
        if self.named.len() > self.earlier {
            self.named.sort_by_key(|(row, _)| *row);
            self.are_more |= self.named.len() > self.room;
            self.named.truncate(self.room);
            self.earlier = self.named.len();
        }
    }

    /// Whether each row is refused.
    pub(super) fn is_bad(&self) -> &[bool] {
        &self.is_bad
    }

    /// Whether there were more violations than are named.
    pub(super) fn are_more(&self) -> bool {
        self.are_more
    }

    /// The violations by row.
    pub(super) fn into_violations(self) -> Vec<(usize, Violation)> {
        self.named
    }
}
