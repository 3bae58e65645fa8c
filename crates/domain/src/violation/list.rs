//! What is wrong with one record or one document, as far as it is named.

use super::{Violation, ViolationCode};
use crate::nearest;

/// Violations of one record or document that are named. Who made so many mistakes has made one.
const MAX_NAMED: usize = 100;
/// Names that are compared with those that there are, to find what was meant.
const MAX_HINTS: usize = 32;

/// Gathers violations at a cost that is bounded, however many there are.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    named: Vec<Violation>,
    others: u64,
    hints: usize,
}

impl Violations {
    pub(crate) fn push(&mut self, violation: Violation) {
        if self.named.len() < MAX_NAMED {
            self.named.push(violation);
        } else {
            self.others += 1;
        }
    }

    /// How many there are, named or not.
    pub(crate) fn count(&self) -> u64 {
        self.named.len() as u64 + self.others
    }

    /// The known name that an unknown one is likely to stand for. None for violations that are not named, nor after some dozens
    /// of names.
    pub(crate) fn hint<'k>(&mut self, unknown: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
        if self.named.len() >= MAX_NAMED || self.hints >= MAX_HINTS {
            return None;
        }
        self.hints += 1;
        nearest(unknown, known)
    }

    /// Hands them out, the last one about those that are not named. Hints stay used up: the next record is of the same sender.
    pub(crate) fn take(&mut self) -> Vec<Violation> {
        let mut named = std::mem::take(&mut self.named);
        let others = std::mem::take(&mut self.others);
        if others > 0 {
            let detail = format!("{others} more violations are not named");
            named.push(Violation::new("", ViolationCode::MoreViolations, detail));
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_named_and_the_others_counted() {
        let mut violations = Violations::default();
        let violation = |place: usize| Violation::new(format!("/{place}"), ViolationCode::UnknownProperty, "");
        for place in 0..MAX_NAMED {
            violations.push(violation(place));
        }
        assert_eq!(violations.take().len(), MAX_NAMED);
        for place in 0..MAX_NAMED + 7 {
            violations.push(violation(place));
        }
        assert_eq!(violations.count(), MAX_NAMED as u64 + 7);
        let taken = violations.take();
        assert_eq!(taken[MAX_NAMED - 1].pointer, format!("/{}", MAX_NAMED - 1));
        assert_eq!((taken.len(), taken[MAX_NAMED].code), (MAX_NAMED + 1, ViolationCode::MoreViolations));
        assert_eq!(taken[MAX_NAMED].detail, "7 more violations are not named");
        assert_eq!(violations.take(), []);
    }

    #[test]
    fn hints_come_to_an_end() {
        let mut violations = Violations::default();
        let hints = (0..1_000).filter(|_| violations.hint("carier", ["carrier"]).is_some());
        assert_eq!(hints.count(), MAX_HINTS);
    }
}
