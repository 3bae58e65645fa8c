//! The schema in the footer of a Parquet file, looked over before the library reads it, which recurses as deep as it is
//! nested.

use std::io::{self, BufRead};

use super::thrift::{Compact, I32, LIST, STRUCT};

/// How deep groups are nested at most.
const MAX_GROUPS: usize = 64;

/// Whether the schema of a `FileMetaData` (parquet-format, `parquet.thrift`) is nested deeper than is read.
///
/// # Errors
/// When it is no such thing.
pub(super) fn is_too_deep(footer: impl BufRead) -> io::Result<bool> {
    let mut reader = Compact { input: footer };
    let mut last = 0;
    while let Some((id, kind)) = reader.field(last)? {
        if (id, kind) == (2, LIST) {
            return reader.is_schema_too_deep();
        }
        reader.skip(kind, 0)?;
        last = id;
    }
    Ok(false)
}

impl<R: BufRead> Compact<R> {
    /// Of a list of `SchemaElement`s, each group before its members.
    fn is_schema_too_deep(&mut self) -> io::Result<bool> {
        let (length, kind) = self.list()?;
        if kind != STRUCT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // The members that are still to come of each open group.
        let mut open: Vec<u64> = Vec::new();
        for _ in 0..length {
            let members = u64::try_from(self.members()?).unwrap_or(0);
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if members > 0 {
                open.push(members);
            }
            if open.len() > MAX_GROUPS {
                return Ok(true);
            }
            while open.last() == Some(&0) {
                open.pop();
            }
        }
        Ok(false)
    }

    /// How many members a `SchemaElement` has; none that is no group.
    fn members(&mut self) -> io::Result<i64> {
        let (mut members, mut last) = (0, 0);
        while let Some((id, kind)) = self.field(last)? {
            match (id, kind) {
                (5, I32) => members = self.integer()?,
                _ => self.skip(kind, 0)?,
            }
            last = id;
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer of so many groups, each within the one before, and a value in the innermost.
    fn footer(groups: usize) -> Vec<u8> {
        // Version 1, then the list, whose length may take three bytes of seven bits.
        let mut bytes = vec![0x15, 0x02, 0x19, 0xfc];
        let length = groups + 1;
        let seven = |place: u32| u8::try_from(length >> (7 * place) & 0x7f).unwrap();
        bytes.extend([0x80 | seven(0), 0x80 | seven(1), seven(2)]);
        for _ in 0..groups {
            // Name `g`, one member.
            bytes.extend([0x48, 1, b'g', 0x15, 0x02, 0x00]);
        }
        bytes.extend([0x15, 0x02, 0x38, 1, b'v', 0x00]);
        bytes
    }

    #[test]
    fn a_schema_is_nested_as_deep_as_its_groups() {
        assert!(!is_too_deep(footer(MAX_GROUPS).as_slice()).unwrap());
        for groups in [MAX_GROUPS + 1, 100_000] {
            assert!(is_too_deep(footer(groups).as_slice()).unwrap());
        }
        assert!(is_too_deep(&footer(3)[..9]).is_err(), "it breaks off");
    }

    #[test]
    fn groups_side_by_side_are_not_nested() {
        // A root of three groups of a value each, again and again.
        let mut bytes = vec![0x19, 0x7c, 0x48, 1, b'r', 0x15, 0x06, 0x00];
        for _ in 0..3 {
            bytes.extend([0x48, 1, b'g', 0x15, 0x02, 0x00, 0x48, 1, b'v', 0x00]);
        }
        bytes[1] = 0x7c;
        assert!(!is_too_deep([&[0x15, 0x02][..], &bytes].concat().as_slice()).unwrap());
    }
}
