//! JSON within values and as documents: what may stand in it, and its text without white space.
//!
//! A text is walked over once, from its beginning to its end, without recursion and without a tree. What grows with it is
//! the keys of the objects that are open, and the text without white space where there was any.

use std::borrow::Cow;

use memchr::memchr2;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::ViolationCode;
use crate::names::abbreviate;
use crate::violation::pointer_to;

/// How deep objects and arrays are nested at most where nothing else is configured; `[]` is nested one deep.
pub const DEFAULT_JSON_DEPTH: usize = 128;
/// The most that can be configured: what reads documents recurses.
pub const MAX_JSON_DEPTH: usize = 512;
/// Bytes after which a pointer ends, at a value that has the fault within.
const MAX_POINTER_BYTES: usize = 1024;
/// No double has as many digits before its point.
const MAX_DIGITS: usize = 309;

/// What JSON text has that no value may have: readers would take it for different values, or refuse all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFault {
    /// JSON Pointer (RFC 6901) from the text's own value.
    pub pointer: String,
    /// What is wrong.
    pub code: ViolationCode,
    /// A sentence for a person.
    pub detail: String,
}

/// An object or array that is open.
#[derive(Debug, Clone, Copy)]
enum Frame {
    /// Its keys begin here among those of all open objects; the last one is that of the value being read.
    Object { first_key: usize },
    /// The place of the element being read.
    Array { index: usize },
}

/// Checks JSON text and takes the white space outside its strings away. Numbers, escapes and the order of keys stay as
/// they were written.
///
/// `text` is JSON by its grammar; of any other text the outcome has no meaning.
///
/// # Errors
/// The first fault: an object or array nested deeper than `max_depth`, a key that comes twice in its object, a number
/// beyond a double, an escape of half a surrogate pair.
pub fn compacted(text: &str, max_depth: usize) -> Result<Cow<'_, str>, JsonFault> {
    let mut walk = Walk { text, max_depth, frames: Vec::new(), keys: Vec::new(), is_key: false };
    let bytes = text.as_bytes();
    let mut kept: Option<String> = None;
    // Where the text begins that has no white space so far, and what comes next.
    let (mut start, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            kept.get_or_insert_default().push_str(&text[start..at]);
            at += 1;
            start = at;
        } else {
            at = walk.token(at, *byte)?;
        }
    }
    Ok(match kept {
        None => Cow::Borrowed(text),
        Some(mut kept) => {
            kept.push_str(&text[start..]);
            Cow::Owned(kept)
        }
    })
}

/// Checks JSON text as [`compacted`] does.
///
/// # Errors
/// As [`compacted`].
pub fn check_json(text: &str, max_depth: usize) -> Result<(), JsonFault> {
    compacted(text, max_depth).map(drop)
}

/// The document that a text is. One nested deeper than [`MAX_JSON_DEPTH`] is refused, whatever is configured.
///
/// # Errors
/// When it is no JSON.
pub fn parse_json(text: &str) -> serde_json::Result<Json> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    if is_at_most(text, MAX_JSON_DEPTH) {
        deserializer.disable_recursion_limit();
    }
    let document = Json::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(document)
}

/// How many values JSON text has, nested ones too; keys are none.
pub fn count_values(text: &str) -> u64 {
    let (mut count, mut at) = (1, 0);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'"' => {
                at = end_of_string(text.as_bytes(), at);
                continue;
            }
            // What is empty is counted with a value in it.
            b',' | b'[' | b'{' => count += 1,
            _ => {}
        }
        at += 1;
    }
    count
}

/// Whether no object or array is nested deeper.
fn is_at_most(text: &str, max_depth: usize) -> bool {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                at = end_of_string(text.as_bytes(), at);
                continue;
            }
            _ => {}
        }
        if depth > max_depth {
            return false;
        }
        at += 1;
    }
    true
}

struct Walk<'t> {
    text: &'t str,
    max_depth: usize,
    frames: Vec<Frame>,
    /// The keys of the open objects, outermost first.
    keys: Vec<Cow<'t, str>>,
    /// The next string is a key.
    is_key: bool,
}

impl<'t> Walk<'t> {
    /// Takes the token at a place; where the next one is.
    fn token(&mut self, at: usize, byte: u8) -> Result<usize, JsonFault> {
        match byte {
            b'{' | b'[' => self.open(byte == b'{')?,
            b'}' | b']' => self.close()?,
            b',' => match self.frames.last_mut() {
                Some(Frame::Array { index }) => *index += 1,
                Some(Frame::Object { .. }) => self.is_key = true,
                None => {}
            },
            b'"' => {
                let end = end_of_string(self.text.as_bytes(), at);
                self.string(&self.text[at..end])?;
                return Ok(end);
            }
            b'-' | b'0'..=b'9' => {
                let rest = &self.text[at..];
                let is_other = |byte: u8| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let length = rest.bytes().position(is_other).unwrap_or(rest.len());
                if !is_finite(&rest[..length]) {
                    let detail = "the number is beyond those that 64 bits of floating point hold";
                    return Err(self.fault(ViolationCode::OutOfRange, detail));
                }
                return Ok(at + length);
            }
            _ => {}
        }
        Ok(at + 1)
    }

    fn open(&mut self, is_object: bool) -> Result<(), JsonFault> {
        if self.frames.len() >= self.max_depth {
            let detail = format!("objects and arrays are nested {} deep at most", self.max_depth);
            return Err(self.fault(ViolationCode::TooDeep, detail));
        }
        let first_key = self.keys.len();
        self.frames.push(if is_object { Frame::Object { first_key } } else { Frame::Array { index: 0 } });
        self.is_key = is_object;
        Ok(())
    }

    fn close(&mut self) -> Result<(), JsonFault> {
        self.is_key = false;
        let Some(Frame::Object { first_key }) = self.frames.pop() else { return Ok(()) };
        let Some(keys) = self.keys.get_mut(first_key..) else { return Ok(()) };
        keys.sort_unstable();
        if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            let key = pair[0].clone();
            self.keys.truncate(first_key);
            let (code, detail) =
                (ViolationCode::DuplicateKey, format!("the key `{}` is given twice", abbreviate(&key)));
            return Err(JsonFault { pointer: bounded(self.pointer(), &key), code, detail });
        }
        self.keys.truncate(first_key);
        Ok(())
    }

    fn string(&mut self, quoted: &'t str) -> Result<(), JsonFault> {
        let is_escaped = quoted.contains('\\');
        if is_escaped && has_half_pair(quoted.as_bytes()) {
            let detail = "an escape stands for half of a surrogate pair, which is no character";
            return Err(self.fault(ViolationCode::MalformedJson, detail));
        }
        if std::mem::take(&mut self.is_key) {
            self.keys.push(if is_escaped {
                serde_json::from_str::<String>(quoted).map_or(Cow::Borrowed(quoted), Cow::Owned)
            } else {
                Cow::Borrowed(quoted.trim_matches('"'))
            });
        }
        Ok(())
    }

    fn fault(&self, code: ViolationCode, detail: impl Into<String>) -> JsonFault {
        JsonFault { pointer: self.pointer(), code, detail: detail.into() }
    }

    /// Where the value is that is being read, or the object whose next key is.
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for (place, frame) in self.frames.iter().enumerate() {
            match frame {
                Frame::Array { index } => pointer = bounded(pointer, &index.to_string()),
                Frame::Object { first_key } => {
                    let mut further = self.frames[place + 1..].iter();
                    let end = further.find_map(|frame| match frame {
                        Frame::Object { first_key } => Some(*first_key),
                        Frame::Array { .. } => None,
                    });
                    let end = end.unwrap_or(self.keys.len());
                    let is_between = place + 1 == self.frames.len() && self.is_key;
                    match self.keys.get(*first_key..end).and_then(<[_]>::last) {
                        Some(key) if !is_between => pointer = bounded(pointer, key),
                        _ => return pointer,
                    }
                }
            }
            if pointer.len() >= MAX_POINTER_BYTES {
                break;
            }
        }
        pointer
    }
}

/// A pointer with another token, as long as it is of a readable length.
fn bounded(pointer: String, token: &str) -> String {
    if pointer.len() >= MAX_POINTER_BYTES { pointer } else { pointer_to(&pointer, token) }
}

/// Whether the number of a text is one that a double holds, rounded or not.
fn is_finite(number: &str) -> bool {
    let is_plain = number.len() < MAX_DIGITS && !number.bytes().any(|byte| matches!(byte, b'e' | b'E'));
    is_plain || number.parse::<f64>().is_ok_and(f64::is_finite)
}

/// The place behind the string that begins at a quote.
fn end_of_string(bytes: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        if bytes[at + found] == b'"' {
            return at + found + 1;
        }
        at += found + 2;
    }
    bytes.len()
}

/// Whether an escape of a surrogate stands without its other half.
fn has_half_pair(quoted: &[u8]) -> bool {
    let unit = |at: usize| {
        let digits = quoted.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut at = 0;
    while at < quoted.len() {
        if quoted[at] != b'\\' {
            at += 1;
            continue;
        }
        match unit(at) {
            Some(0xD800..=0xDBFF) => match unit(at + 6) {
                Some(0xDC00..=0xDFFF) => at += 12,
                _ => return true,
            },
            Some(0xDC00..=0xDFFF) => return true,
            _ => at += 2,
        }
    }
    false
}

#[cfg(test)]
mod tests;
