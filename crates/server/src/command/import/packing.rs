//! Compression of inputs, told by their first bytes.

use std::io::{BufReader, Read, Result};

use bzip2::read::MultiBzDecoder;
use eider_http_api::Compression;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;

/// Bytes that tell how an input is compressed, and what it is otherwise.
pub(super) const HEAD_BYTES: u64 = 16;
/// Memory that a stream of xz may ask for: what `xz -9` writes needs 65 MiB.
const MAX_XZ_KIB: u32 = 256 << 10;

/// How data is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames.
    Zstd,
    /// Any number of streams.
    Bzip2,
    /// Any number of streams.
    Xz,
}

impl Packing {
    pub(super) const ALL: [Self; 4] = [Self::Gzip, Self::Zstd, Self::Bzip2, Self::Xz];

    /// How data is compressed that begins so; no records do.
    pub(super) fn of_head(head: &[u8]) -> Option<Self> {
        // A header line of CSV may begin with `BZh9`, but not with what follows it: the digits of pi, or of its root
        // where there is no data.
        let is_bzip2 = matches!(head, [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..]
            if rest.starts_with(b"\x31\x41\x59\x26\x53\x59") || rest.starts_with(b"\x17\x72\x45\x38\x50\x90"));
        match head {
            _ if head.starts_with(b"\x1f\x8b\x08") => Some(Self::Gzip),
            _ if head.starts_with(b"\x28\xb5\x2f\xfd") => Some(Self::Zstd),
            _ if head.starts_with(b"\xfd7zXZ\0") => Some(Self::Xz),
            _ if is_bzip2 => Some(Self::Bzip2),
            _ => None,
        }
    }

    /// What names end with.
    pub(super) fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Gzip => &[".gz"],
            Self::Zstd => &[".zst", ".zstd"],
            Self::Bzip2 => &[".bz2"],
            Self::Xz => &[".xz"],
        }
    }

    /// What the server calls it, if it reads it itself.
    pub(super) fn compression(self) -> Option<Compression> {
        match self {
            Self::Gzip => Some(Compression::Gzip),
            Self::Zstd => Some(Compression::Zstd),
            Self::Bzip2 | Self::Xz => None,
        }
    }

    /// What is compressed, in memory that does not grow with it.
    pub(super) fn unpacked<R: Read + Send + 'static>(self, packed: R) -> Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Self::Zstd => Box::new(zstd::Decoder::new(packed)?),
            Self::Bzip2 => Box::new(MultiBzDecoder::new(packed)),
            Self::Xz => Box::new(XzReader::new_mem_limit(BufReader::new(packed), true, MAX_XZ_KIB)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use proptest::prelude::*;

    use super::*;

    fn packed(packing: Packing, bytes: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        match packing {
            Packing::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(&mut output, flate2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap();
            }
            Packing::Zstd => output = zstd::encode_all(bytes, 1).unwrap(),
            Packing::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(&mut output, bzip2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap();
            }
            Packing::Xz => {
                let options = lzma_rust2::XzOptions::with_preset(0);
                let mut encoder = lzma_rust2::XzWriter::new(&mut output, options).unwrap();
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap();
            }
        }
        output
    }

    fn unpacked(packing: Packing, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let mut output = Vec::new();
        packing.unpacked(Cursor::new(bytes))?.read_to_end(&mut output)?;
        Ok(output)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// One stream behind another is what both hold, and one that is cut off is no stream.
        #[test]
        fn what_was_packed_is_unpacked(
            first in prop::collection::vec(any::<u8>(), 0..3_000),
            second in prop::collection::vec(any::<u8>(), 0..3_000),
            cut in any::<prop::sample::Index>(),
        ) {
            for packing in Packing::ALL {
                let both = [packed(packing, &first), packed(packing, &second)].concat();
                prop_assert_eq!(Packing::of_head(&both), Some(packing));
                prop_assert_eq!(unpacked(packing, both).unwrap(), [&first[..], &second].concat());
                let mut one = packed(packing, &first);
                one.truncate(cut.index(one.len() - 1) + 1);
                prop_assert!(unpacked(packing, one).is_err(), "{:?}", packing);
            }
        }
    }

    #[test]
    fn records_are_not_compressed() {
        for head in [&b""[..], b"\x1f\x8b", b"{\"a\":1}", b"BZh9,name\n1,2\n", b"PAR1", b"\xff\xff\xff\xff", b"\xfd7zX"]
        {
            assert_eq!(Packing::of_head(head), None, "{head:?}");
        }
    }
}
