//! What others may do with the files that are made.

use std::fmt;
use std::str::FromStr;

use rustix::fs::Mode;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Permissions that new files and directories do not have, in octal as for `umask`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Umask(u32);

impl Umask {
    /// Puts it in force for every file that the process makes from now on.
    pub(crate) fn apply(self) {
        rustix::process::umask(Mode::from_raw_mode(self.0));
    }
}

impl Default for Umask {
    /// Nobody but the owner.
    fn default() -> Self {
        Self(0o077)
    }
}

impl FromStr for Umask {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let detail =
            "it takes three octal digits such as 077 or 027, the first of them 0: the owner keeps all permissions";
        let mask = u32::from_str_radix(text, 8).ok().filter(|mask| text.len() == 3 && *mask <= 0o077);
        mask.map(Self).ok_or(detail)
    }
}

impl fmt::Display for Umask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03o}", self.0)
    }
}

impl Serialize for Umask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Umask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_keeps_every_permission() {
        for (text, shown) in [("077", Some("077")), ("027", Some("027")), ("000", Some("000"))] {
            assert_eq!(text.parse::<Umask>().ok().map(|mask| mask.to_string()).as_deref(), shown);
        }
        for text in ["", "7", "77", "0077", "177", "080", "-77", "rwx"] {
            assert!(text.parse::<Umask>().is_err(), "{text}");
        }
    }
}
