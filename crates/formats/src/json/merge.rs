//! JSON merge patch (RFC 7396) on texts: what a patch does not touch keeps the text that it had.
//!
//! The patch becomes maps of members, one for each of its objects; the target is walked over once and copied. So the
//! time is that of reading both, and recursion goes as deep as the patch, which was checked before.

use std::borrow::Cow;
use std::collections::HashMap;

use memchr::memchr2;

/// What a patch says of a member.
enum Patch<'p> {
    /// It goes.
    Gone,
    /// It becomes this text.
    Text(&'p str),
    /// An object is merged into it.
    Object(Members<'p>),
}

/// What a patch says of the members of an object.
#[derive(Default)]
struct Members<'p>(HashMap<Cow<'p, str>, Member<'p>>);

struct Member<'p> {
    /// Its place among the members of its object.
    place: usize,
    /// Its key as it is written, quotes included.
    key: &'p str,
    patch: Patch<'p>,
}

/// Merges a patch, the text of an object, into the text of an object. Both are JSON by its grammar and without white
/// space; the patch is nested no deeper than a value may be, and has no key twice. `None` when they are not JSON.
pub(crate) fn merge_patch(target: &str, patch: &str) -> Option<String> {
    let members = Text { text: patch, at: 0 }.members()?;
    let mut out = String::with_capacity(target.len() + patch.len());
    let mut target = Text { text: target, at: 0 };
    target.merge(members, &mut out)?;
    (target.at == target.text.len()).then_some(out)
}

/// A text being read.
struct Text<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Text<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next.then_some(())
    }

    /// Whether another member of an object follows; `true` in front of its key.
    fn has_member(&mut self, is_first: bool) -> Option<bool> {
        match self.peek()? {
            b'}' => {
                self.at += 1;
                Some(false)
            }
            b'"' if is_first => Some(true),
            _ => self.take(b',').map(|()| true),
        }
    }

    /// The key of a member as it is written, behind its colon.
    fn key(&mut self) -> Option<&'t str> {
        let start = self.at;
        self.at = end_of_string(self.text.as_bytes(), start)?;
        let key = self.text.get(start..self.at)?;
        self.take(b':')?;
        Some(key)
    }

    /// The text of a value.
    fn value(&mut self) -> Option<&'t str> {
        let (bytes, start) = (self.text.as_bytes(), self.at);
        let mut depth = 0_usize;
        loop {
            match bytes.get(self.at)? {
                b'"' => {
                    self.at = end_of_string(bytes, self.at)?;
                    if depth == 0 {
                        break;
                    }
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                    if depth == 0 {
                        break;
                    }
                }
                _ if depth > 0 => self.at += 1,
                _ => {
                    let rest = bytes.get(self.at..)?;
                    self.at += rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']')).unwrap_or(rest.len());
                    break;
                }
            }
        }
        self.text.get(start..self.at)
    }

    /// The members of a patch.
    fn members(&mut self) -> Option<Members<'t>> {
        self.take(b'{')?;
        let mut members = Members::default();
        while self.has_member(members.0.is_empty())? {
            let key = self.key()?;
            let patch = match self.peek()? {
                b'{' => Patch::Object(self.members()?),
                b'n' => self.value().map(|_| Patch::Gone)?,
                _ => Patch::Text(self.value()?),
            };
            let place = members.0.len();
            members.0.insert(name(key), Member { place, key, patch });
        }
        Some(members)
    }

    /// Writes the object with what a patch makes of its members: those that it has first, in their order.
    fn merge(&mut self, mut patch: Members<'_>, out: &mut String) -> Option<()> {
        self.take(b'{')?;
        out.push('{');
        let mut is_first = true;
        while self.has_member(is_first)? {
            is_first = false;
            let key = self.key()?;
            match patch.0.remove(name(key).as_ref()).map(|member| member.patch) {
                None => {
                    begin(key, out);
                    out.push_str(self.value()?);
                }
                Some(Patch::Gone) => {
                    self.value()?;
                }
                Some(Patch::Text(text)) => {
                    self.value()?;
                    begin(key, out);
                    out.push_str(text);
                }
                Some(Patch::Object(members)) => {
                    begin(key, out);
                    if self.peek() == Some(b'{') {
                        self.merge(members, out)?;
                    } else {
                        self.value()?;
                        EMPTY.merge_new(members, out)?;
                    }
                }
            }
        }
        let mut new: Vec<Member<'_>> = patch.0.into_values().collect();
        new.sort_unstable_by_key(|member| member.place);
        for Member { key, patch, .. } in new {
            match patch {
                Patch::Gone => {}
                Patch::Text(text) => {
                    begin(key, out);
                    out.push_str(text);
                }
                Patch::Object(members) => {
                    begin(key, out);
                    EMPTY.merge_new(members, out)?;
                }
            }
        }
        out.push('}');
        Some(())
    }

    /// Merges into a copy of this object, so that it can be used again.
    fn merge_new(&self, members: Members<'_>, out: &mut String) -> Option<()> {
        Text { ..*self }.merge(members, out)
    }
}

/// What takes the place of a value that is no object.
const EMPTY: Text<'static> = Text { text: "{}", at: 0 };

/// Begins a member.
fn begin(key: &str, out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
    out.push_str(key);
    out.push(':');
}

/// What a key means. One that means nothing, which only a record of an earlier release can have, is its own name.
fn name(key: &str) -> Cow<'_, str> {
    let inner = key.get(1..key.len().saturating_sub(1)).unwrap_or_default();
    if inner.contains('\\') {
        serde_json::from_str::<String>(key).map_or(Cow::Borrowed(inner), Cow::Owned)
    } else {
        Cow::Borrowed(inner)
    }
}

/// The place behind the string that begins at a quote; `None` when there is none, or it is not closed.
fn end_of_string(bytes: &[u8], quote: usize) -> Option<usize> {
    if bytes.get(quote) != Some(&b'"') {
        return None;
    }
    let mut at = quote + 1;
    loop {
        let found = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[found] == b'"' {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

#[cfg(test)]
mod tests;
