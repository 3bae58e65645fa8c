//! What a key of a client is called.

use std::fmt;

/// What every key begins with.
pub(crate) const PREFIX: &str = "eider_";
/// Bytes of a key that name it.
pub(crate) const ID_BYTES: usize = 6;

/// What a key is called: twelve hexadecimal digits, which are no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(crate) [u8; ID_BYTES]);

impl KeyId {
    /// Parses an id.
    pub fn parse(text: &str) -> Option<Self> {
        bytes_of(text).map(Self)
    }

    /// The id that a text has, if it has the form of a key; whether there is such a key is another question.
    pub fn of_key(sent: &str) -> Option<Self> {
        Self::parse(parts(sent).0)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hexadecimal(&self.0))
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// The bytes that so many hexadecimal digits, in lower case, stand for.
pub(crate) fn bytes_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    let is_lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 2 * N || !text.bytes().all(is_lower) {
        return None;
    }
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
}

/// The id and the secret of a key; no id if the text is no key.
pub(crate) fn parts(sent: &str) -> (&str, &str) {
    sent.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).unwrap_or(("", sent))
}
