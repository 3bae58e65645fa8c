//! Patterns, compiled within a bound for each and for all of one document.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

/// Longest text of a pattern, in bytes: what it is read into takes a hundred times as many.
const MAX_TEXT_BYTES: usize = 64 << 10;
/// Largest compiled form of a pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;
/// The least that a pattern counts for, in bytes.
const MIN_PATTERN_BYTES: usize = 4 << 10;
/// Most that the patterns of a document count for together, in bytes: 1,600 simple ones, or six of the largest.
const MAX_BYTES_TOGETHER: usize = 32 << 20;
/// What a thread keeps of a search for the next one, in compiled forms.
const KEPT_FORMS: usize = 4;

/// Why a pattern is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unreadable,
    TooLarge,
    TooLargeTogether,
}

/// The patterns of one document. A pattern that it has several times is compiled once.
#[derive(Debug)]
pub(crate) struct Patterns {
    known: HashMap<String, Result<Regex, Refusal>>,
    left_bytes: usize,
}

impl Default for Patterns {
    fn default() -> Self {
        Self { known: HashMap::new(), left_bytes: MAX_BYTES_TOGETHER }
    }
}

impl Patterns {
    pub(crate) fn unbounded() -> Self {
        Self { left_bytes: usize::MAX, ..Self::default() }
    }

    pub(crate) fn compiled(&mut self, text: &str) -> Result<Regex, Refusal> {
        if let Some(known) = self.known.get(text) {
            return known.clone();
        }
        let compiled = self.compile(text);
        self.known.insert(text.to_owned(), compiled.clone());
        compiled
    }

    /// Compiles with four times the room until there is enough, which costs a third more than to know the size.
    fn compile(&mut self, text: &str) -> Result<Regex, Refusal> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Refusal::TooLarge);
        }
        let mut room = MIN_PATTERN_BYTES;
        loop {
            let needed = room * (1 + KEPT_FORMS);
            if needed > self.left_bytes {
                return Err(Refusal::TooLargeTogether);
            }
            let compiled = match RegexBuilder::new(text).size_limit(room).dfa_size_limit(room * KEPT_FORMS).build() {
                Ok(pattern) => Ok(pattern),
                Err(regex::Error::CompiledTooBig(_)) if room < MAX_PATTERN_BYTES => {
                    room *= 4;
                    continue;
                }
                Err(regex::Error::CompiledTooBig(_)) => Err(Refusal::TooLarge),
                Err(_) => return Err(Refusal::Unreadable),
            };
            // To find out that one is too large costs as much as one that is not.
            self.left_bytes -= needed;
            return compiled;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_room_for_its_patterns_together() {
        let refusals = |pattern: &dyn Fn(usize) -> String, count: usize| {
            let mut patterns = Patterns::default();
            (0..count).filter_map(|place| patterns.compiled(&pattern(place)).err()).collect::<Vec<_>>()
        };
        assert_eq!(refusals(&|place| format!("^N[0-9]{{1,5}}[A-Z]{{0,2}}{place}$"), 1_000), []);
        assert_eq!(refusals(&|_| r"\w{18}".to_owned(), 10_000), [], "one pattern, however often");
        let refused = refusals(&|place| format!(r"\w{{18}}{place}"), 2_000);
        assert!(refused.len() > 1_900 && refused.iter().all(|refusal| *refusal == Refusal::TooLargeTogether));
        assert_eq!(refusals(&|_| r"\w{1000}".to_owned(), 1), [Refusal::TooLarge]);
        assert_eq!(refusals(&|_| "a".repeat(MAX_TEXT_BYTES + 1), 1), [Refusal::TooLarge]);
        let refused = refusals(&|place| format!(r"\w{{1000}}{place}"), 2_000);
        assert_eq!(refused.iter().filter(|refusal| **refusal == Refusal::TooLarge).count(), 6);
        assert_eq!(refusals(&|_| "(".to_owned(), 1), [Refusal::Unreadable]);
    }

    #[test]
    fn what_was_accepted_is_compiled_all_the_same() {
        let mut patterns = Patterns::unbounded();
        assert!((0..60).all(|place| patterns.compiled(&format!(r"\w{{18}}{place}")).is_ok()));
    }
}
