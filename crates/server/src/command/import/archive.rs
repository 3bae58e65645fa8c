//! Members of zip archives. Nothing is unpacked onto the disk, so what a member is called harms nothing.

use std::io::{self, Read};

use anyhow::{Context, Result};
use zip::ZipArchive;

use super::container::{Container, Positioned};
use super::packing::HEAD_BYTES;

/// A file in an archive.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// Its first bytes.
    pub(super) head: Vec<u8>,
    /// The archive, whose list of members all of them share.
    archive: ZipArchive<Positioned>,
    place: usize,
}

/// Whether an archive is a workbook, as its members say.
pub(super) fn is_workbook(container: &Container) -> Result<bool> {
    let mut archive = opened(container)?;
    if archive.file_names().flatten().any(|name| name.starts_with("xl/workbook.")) {
        return Ok(true);
    }
    let mut kind = String::new();
    if let Ok(member) = archive.by_name("mimetype") {
        // What is no text is no media type.
        let _ = member.take(256).read_to_string(&mut kind);
    }
    Ok(kind.starts_with("application/vnd.oasis.opendocument.spreadsheet"))
}

/// The files of an archive, but for hidden ones and what an operating system adds of its own, in the order of names.
pub(super) fn members(container: &Container) -> Result<Vec<Member>> {
    let mut archive = opened(container)?;
    let mut found = Vec::new();
    for place in 0..archive.len() {
        let member = archive.by_index(place).with_context(|| format!("member {} cannot be read", place + 1))?;
        let name: String = member.name().map_or_else(|_| format!("member {}", place + 1), Into::into);
        let is_hidden = name.split(['/', '\\']).any(|part| part.starts_with('.') && !part.trim_matches('.').is_empty());
        if member.is_dir() || is_hidden || name.starts_with("__MACOSX/") {
            continue;
        }
        let mut head = Vec::new();
        member.take(HEAD_BYTES).read_to_end(&mut head).with_context(|| format!("{name} cannot be read"))?;
        found.push((name, head, place));
    }
    found.sort();
    let member = |(name, head, place)| Member { name, head, archive: archive.clone(), place };
    Ok(found.into_iter().map(member).collect())
}

impl Member {
    /// Writes what the member holds, as it is unpacked.
    pub(super) fn write(&self, container: &Container, output: &mut dyn io::Write) -> Result<()> {
        let mut archive = self.archive.clone();
        let mut member = archive.by_index(self.place).with_context(|| format!("{} cannot be read", self.name))?;
        io::copy(&mut member, output)?;
        container.ensure_unchanged()
    }
}

fn opened(container: &Container) -> Result<ZipArchive<Positioned>> {
    ZipArchive::new(container.open()?).context("it is no whole zip archive")
}
