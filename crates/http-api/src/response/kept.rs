//! A few answers that are dear to make and the same for long.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// Marks an answer with a strong tag that many ask for: what it was compressed to is kept.
pub(crate) struct Lasting;

/// The answers that were made last, by a name that says all that they follow from.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The last at the end.
    answers: Mutex<VecDeque<(String, Bytes)>>,
    most: usize,
}

impl Kept {
    /// Keeps so many at most.
    pub(crate) fn new(most: usize) -> Self {
        Self { answers: Mutex::default(), most }
    }

    /// The answer of a name, if it is kept.
    pub(crate) fn of(&self, name: &str) -> Option<Bytes> {
        let kept = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(of, _)| of == name).map(|(_, answer)| answer.clone())
    }

    /// Keeps the answer of a name, in place of the oldest when there are too many.
    pub(crate) fn keep(&self, name: &str, answer: &Bytes) {
        let mut kept = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(of, _)| of != name);
        kept.push_back((name.to_owned(), answer.clone()));
        while kept.len() > self.most {
            kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first_and_a_name_is_there_once() {
        let kept = Kept::new(2);
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        for (name, answer) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")] {
            kept.keep(name, &bytes(answer));
        }
        assert_eq!(["a", "b", "c"].map(|name| kept.of(name)), [Some(bytes("3")), None, Some(bytes("4"))]);
    }
}
