//! Telling the cells of one record apart.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem};

use crate::options::CsvDialect;

/// A cell of a record.
#[derive(Debug, Clone)]
pub(crate) struct Cell<'a> {
    /// Without its quotes.
    pub(crate) text: Cow<'a, str>,
    pub(crate) is_quoted: bool,
}

impl Cell<'_> {
    /// A cell that a record lacks.
    pub(super) const MISSING: Self = Cell { text: Cow::Borrowed(""), is_quoted: false };

    /// Whether there is nothing in it, not even quotes.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && !self.is_quoted
    }
}

/// A quote stands within an unquoted cell or behind a quoted one.
#[derive(Debug)]
pub(crate) struct Misquoted;

/// The cells of a record; nothing after the first error.
pub(crate) struct Cells<'a, 'd> {
    rest: Option<&'a str>,
    dialect: &'d CsvDialect,
}

impl<'a, 'd> Cells<'a, 'd> {
    pub(crate) fn of(record: &'a str, dialect: &'d CsvDialect) -> Self {
        Self { rest: Some(record), dialect }
    }

    /// Takes a cell that begins behind an opening quote.
    fn quoted(&mut self, inner: &'a str, quote: u8) -> Result<Cell<'a>, Misquoted> {
        let bytes = inner.as_bytes();
        let delimiter = self.dialect.delimiter.as_bytes();
        let mut end = 0;
        let mut is_escaped = false;
        loop {
            let rest = bytes.get(end..).ok_or(Misquoted)?;
            let found = match self.dialect.escape {
                None => memchr(quote, rest),
                Some(escape) => memchr2(quote, escape, rest),
            };
            end += found.ok_or(Misquoted)?;
            if bytes[end] != quote || bytes.get(end + 1) == Some(&quote) {
                is_escaped = true;
                end += 2;
                continue;
            }
            match &bytes[end + 1..] {
                [] => {}
                behind if behind.starts_with(delimiter) => self.rest = Some(&inner[end + 1 + delimiter.len()..]),
                _ => return Err(Misquoted),
            }
            break;
        }
        let text = &inner[..end];
        let text = if is_escaped { Cow::Owned(self.unescaped(text, quote)) } else { Cow::Borrowed(text) };
        Ok(Cell { text, is_quoted: true })
    }

    /// The text of a cell: of two quotes one, and what the sign that escapes stands before, where that is a quote or
    /// the sign itself. Before anything else it is text.
    fn unescaped(&self, text: &str, quote: u8) -> String {
        let mut plain = String::with_capacity(text.len());
        let mut rest = text;
        let is_sign = |byte: u8| byte == quote || Some(byte) == self.dialect.escape;
        while let Some(found) = rest.bytes().position(is_sign) {
            let (sign, next) = (rest.as_bytes()[found], rest.as_bytes().get(found + 1));
            let stands_for_next = next.is_some_and(|next| is_sign(*next) && (sign != quote || *next == quote));
            let kept = if stands_for_next { found } else { found + 1 };
            plain.push_str(&rest[..kept]);
            rest = &rest[found + 1..];
            if stands_for_next {
                plain.push_str(&rest[..1]);
                rest = &rest[1..];
            }
        }
        plain.push_str(rest);
        plain
    }

    fn unquoted(&mut self, rest: &'a str) -> Result<Cell<'a>, Misquoted> {
        let delimiter = self.dialect.delimiter.as_bytes();
        let found = match delimiter {
            [byte] => memchr(*byte, rest.as_bytes()),
            several => memmem::find(rest.as_bytes(), several),
        };
        let text = match found {
            Some(end) => {
                self.rest = Some(&rest[end + delimiter.len()..]);
                &rest[..end]
            }
            None => rest,
        };
        if self.dialect.quote.is_some_and(|quote| memchr(quote, text.as_bytes()).is_some()) {
            return Err(Misquoted);
        }
        Ok(Cell { text: Cow::Borrowed(text), is_quoted: false })
    }
}

impl<'a> Iterator for Cells<'a, '_> {
    type Item = Result<Cell<'a>, Misquoted>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let cell = match self.dialect.quote {
            Some(quote) if rest.as_bytes().first() == Some(&quote) => self.quoted(&rest[1..], quote),
            _ => self.unquoted(rest),
        };
        if cell.is_err() {
            self.rest = None;
        }
        Some(cell)
    }
}
