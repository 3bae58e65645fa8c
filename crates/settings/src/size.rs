//! Sizes in bytes, as people write them.

use bytesize::ByteSize;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// The form of a number of bytes: `"64 MiB"`, or the number itself.
#[derive(Debug)]
pub struct Size;

impl Size {
    /// Writes `"64.0 MiB"`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<T: Copy + TryInto<u64>, S: Serializer>(bytes: &T, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = (*bytes).try_into().map_err(|_| ser::Error::custom("a size is a number of 64 bits"))?;
        ByteSize(bytes).serialize(serializer)
    }

    /// Reads `"64 MiB"`, or a number of bytes.
    ///
    /// # Errors
    /// Those of [`ByteSize`], and when the size is more than this machine can address.
    pub fn deserialize<'de, T: TryFrom<u64>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let size = ByteSize::deserialize(deserializer)?;
        size.as_u64().try_into().map_err(|_| de::Error::custom(format!("{size} is more than this machine can address")))
    }
}
