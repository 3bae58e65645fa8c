//! What files hold, as their names end.

use eider_application::ingest::BodyFormat;

use super::packing::Packing;

/// What a file holds below its compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Records in a format that the server reads.
    Records(BodyFormat),
    /// Files, any number of them.
    Archive,
    /// Sheets of cells.
    Workbook,
    /// A database of SQLite.
    Database,
}

/// What names of files end with that the table of formats does not have.
const CONTAINERS: [(&str, Kind); 9] = [
    ("zip", Kind::Archive),
    ("xlsx", Kind::Workbook),
    ("xlsm", Kind::Workbook),
    ("xlsb", Kind::Workbook),
    ("xls", Kind::Workbook),
    ("ods", Kind::Workbook),
    ("sqlite", Kind::Database),
    ("sqlite3", Kind::Database),
    ("db", Kind::Database),
];

impl Kind {
    /// What the end of a name says, in front of that of its compression.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let plain = Packing::ALL.into_iter().flat_map(Packing::endings).find_map(|ending| name.strip_suffix(ending));
        let (_, ending) = plain.unwrap_or(&name).rsplit_once('.')?;
        let container = CONTAINERS.into_iter().find(|(known, _)| *known == ending).map(|(_, kind)| kind);
        container.or_else(|| BodyFormat::of_ending(ending).map(Self::Records))
    }

    /// What the first bytes say, where they cannot be those of records.
    pub(super) fn of_head(head: &[u8]) -> Option<Self> {
        const MAGICS: [(&[u8], Kind); 4] = [
            (b"PK\x03\x04", Kind::Archive),
            (b"PK\x05\x06", Kind::Archive),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Workbook),
            (b"SQLite format 3\0", Kind::Database),
        ];
        MAGICS.into_iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_files_hold() {
        for (name, kind) in [
            ("a.ndjson", Some(Kind::Records(BodyFormat::Ndjson))),
            ("A.CSV.GZ", Some(Kind::Records(BodyFormat::Csv))),
            ("a.b.parquet", Some(Kind::Records(BodyFormat::Parquet))),
            ("a.json.bz2", Some(Kind::Records(BodyFormat::JsonArray))),
            ("a.tsv.xz", Some(Kind::Records(BodyFormat::Tsv))),
            ("a.zip", Some(Kind::Archive)),
            ("Book 1.XLSX", Some(Kind::Workbook)),
            ("a.db.zst", Some(Kind::Database)),
            ("a.gz", None),
            ("csv", None),
            ("a.txt", None),
        ] {
            assert_eq!(Kind::of_name(name), kind, "{name}");
        }
    }
}
