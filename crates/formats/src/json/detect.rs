//! Where a document has its records, if it is one object and not a record itself.

use super::framing::{Nesting, is_space};
use crate::options::{JsonPointer, ReadOptions};
use crate::reader::rows::BYTE_ORDER_MARK;
use crate::reader::sample::Finding;

/// Levels of objects that are searched.
const MAX_LEVELS: usize = 3;
/// Keys that are usual for records in a document, the most usual first.
const USUAL: [&str; 12] = [
    "data",
    "features",
    "results",
    "records",
    "items",
    "rows",
    "value",
    "values",
    "entries",
    "hits",
    "documents",
    "list",
];

/// Proposes `records_at` for a document that begins so: one object that holds one array of objects.
pub(super) fn detect(beginning: &[u8], is_whole: bool, options: &mut ReadOptions) -> Vec<Finding> {
    let text = beginning.strip_prefix(BYTE_ORDER_MARK).unwrap_or(beginning);
    if options.records_at.is_some() {
        return Vec::new();
    }
    let mut search = Search { text, found: Vec::new() };
    let Some(start) = search.behind_spaces(0).filter(|start| text[*start] == b'{') else { return Vec::new() };
    let end = search.object(start, &mut Vec::new());
    // Several objects are records, one behind the other.
    if end.is_some_and(|end| search.behind_spaces(end).is_some()) || (end.is_none() && is_whole) {
        return Vec::new();
    }
    let Some(levels) = search.found.iter().map(Vec::len).min() else { return Vec::new() };
    let mut nearest: Vec<&Vec<String>> = search.found.iter().filter(|path| path.len() == levels).collect();
    let usual = |path: &[String]| USUAL.iter().position(|key| path.last().is_some_and(|last| last == key));
    nearest.sort_by_key(|path| usual(path).unwrap_or(USUAL.len()));
    let (path, is_usual) = (nearest[0].clone(), usual(nearest[0]).is_some());
    if nearest.len() > 1 && !is_usual {
        return Vec::new();
    }
    let confidence = match (is_usual, end.is_none()) {
        (true, _) => 0.9,
        (false, true) => 0.8,
        (false, false) => 0.5,
    };
    let pointer = JsonPointer::of(path);
    let detail = format!(
        "the document is one object, with an array of objects at `{pointer}`; what is beside it is passed over"
    );
    let finding = Finding { option: "records_at", value: pointer.to_string(), confidence, detail };
    options.records_at = Some(pointer);
    vec![finding]
}

/// A search for arrays of objects.
struct Search<'t> {
    text: &'t [u8],
    found: Vec<Vec<String>>,
}

impl Search<'_> {
    /// Searches the object that begins at `start`; the place behind it, or `None` when it goes on behind the text.
    fn object(&mut self, start: usize, path: &mut Vec<String>) -> Option<usize> {
        let mut at = start + 1;
        loop {
            at = self.behind_spaces(at)?;
            match self.text[at] {
                b'}' => return Some(at + 1),
                b',' => at += 1,
                b'"' => {
                    let (key, behind) = self.key(at)?;
                    path.push(key);
                    let value = self.behind_spaces(behind)?;
                    let end = match self.text[value] {
                        b'{' if path.len() < MAX_LEVELS => self.object(value, path),
                        _ => {
                            self.note_array(value, path);
                            Nesting::of_member().end_of_element(&self.text[value..]).map(|length| value + length)
                        }
                    };
                    path.pop();
                    at = end?;
                }
                _ => return None,
            }
        }
    }

    /// The key of a member that begins at `at`, and the place behind its colon.
    fn key(&self, at: usize) -> Option<(String, usize)> {
        let mut stream = serde_json::Deserializer::from_slice(&self.text[at..]).into_iter::<String>();
        let key = stream.next()?.ok()?;
        let colon = self.behind_spaces(at + stream.byte_offset())?;
        (self.text[colon] == b':').then_some((key, colon + 1))
    }

    /// Notes an array whose first element is an object.
    fn note_array(&mut self, at: usize, path: &[String]) {
        let first = || self.behind_spaces(at + 1).map(|first| self.text[first]);
        if self.text[at] == b'[' && first() == Some(b'{') {
            self.found.push(path.to_vec());
        }
    }

    fn behind_spaces(&self, at: usize) -> Option<usize> {
        self.text.get(at..)?.iter().position(|byte| !is_space(*byte)).map(|spaces| at + spaces)
    }
}
