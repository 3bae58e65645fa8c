//! Where inputs are: what the arguments of the command stand for.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use glob::MatchOptions;

use super::failure::{Because, Cause, Failure};
use super::kind::Kind;

/// Deepest directory that is looked into, below the one that was named.
const MAX_DEPTH: usize = 64;

/// Where an input is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// `-`
    StandardInput,
    /// A file, a pipe or a device.
    Path(PathBuf),
    /// Another server.
    Url(String),
}

impl Place {
    /// What a person calls it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::StandardInput => "standard input".to_owned(),
            Self::Path(path) => path.display().to_string(),
            Self::Url(url) => url.clone(),
        }
    }

    /// What it is called however it was written: a file by its path from the root.
    pub(super) fn identity(&self) -> String {
        match self {
            // A pipe has another path each time.
            Self::Path(path) if path.is_file() => {
                path.canonicalize().map_or_else(|_| self.name(), |path| path.display().to_string())
            }
            Self::StandardInput | Self::Path(_) | Self::Url(_) => self.name(),
        }
    }

    /// What its name says it holds, as far as that goes.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Self::StandardInput => None,
            Self::Path(path) => Kind::of_name(&path.file_name()?.to_string_lossy()),
            Self::Url(url) => Kind::of_name(url.split(['?', '#']).next()?.rsplit('/').next()?),
        }
    }
}

/// The places that arguments stand for, in their order. A directory stands for every file in it, and below it, whose
/// name says that it holds records, in the order of their names; a pattern that is no file for what matches it.
///
/// # Errors
/// When an argument stands for nothing, or for a URL that is not allowed.
pub(crate) fn places_of(arguments: &[PathBuf], allows_urls: bool) -> Result<Vec<Place>, Failure> {
    let mut places = Vec::new();
    for argument in arguments {
        let text = argument.to_string_lossy();
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if argument == Path::new("-") {
            if places.contains(&Place::StandardInput) {
                return Err(Failure::new(Cause::Usage, "standard input can be read once only"));
            }
            places.push(Place::StandardInput);
        } else if matches!(scheme.as_deref(), Some("http" | "https")) {
            if !allows_urls {
                let detail = format!("{text} is fetched from another server only with --allow-url");
                return Err(Failure::new(Cause::Usage, detail));
            }
            places.push(Place::Url(text.into_owned()));
        } else {
            add_paths(argument, &text, &mut places).because(Cause::Unreadable)?;
        }
    }
    Ok(places)
}

fn add_paths(argument: &Path, text: &str, places: &mut Vec<Place>) -> Result<()> {
    let paths = if is_pattern(argument, text)? { matches_of(text)? } else { vec![argument.to_owned()] };
    paths.into_iter().try_for_each(|path| add(path, places))
}

/// Whether an argument is a pattern that the shell has left to the program. A file of that very name is meant itself.
fn is_pattern(path: &Path, text: &str) -> Result<bool> {
    Ok(text.contains(['*', '?', '[']) && !path.try_exists().with_context(|| format!("cannot look at {text}"))?)
}

fn matches_of(pattern: &str) -> Result<Vec<PathBuf>> {
    // As shells have it: what is hidden has to be asked for.
    let options = MatchOptions { require_literal_leading_dot: true, ..MatchOptions::new() };
    let found =
        glob::glob_with(pattern, options).with_context(|| format!("{pattern} is no file, and no pattern of files"))?;
    let mut found: Vec<PathBuf> =
        found.collect::<Result<_, _>>().with_context(|| format!("cannot look for {pattern}"))?;
    if pattern.contains("**") {
        // It follows links to directories, which may lead back.
        let base = Path::new(pattern.split(['*', '?', '[']).next().unwrap_or_default());
        found.retain(|path| !is_below_link(path, base));
    }
    ensure!(!found.is_empty(), "nothing matches {pattern}");
    Ok(found)
}

/// Whether a path leads through a link below a directory.
fn is_below_link(path: &Path, base: &Path) -> bool {
    let mut below =
        path.ancestors().skip(1).take_while(|directory| directory.as_os_str().len() > base.as_os_str().len());
    below.any(Path::is_symlink)
}

fn add(path: PathBuf, places: &mut Vec<Place>) -> Result<()> {
    if !path.is_dir() {
        places.push(Place::Path(path));
        return Ok(());
    }
    let before = places.len();
    add_directory(&path, 0, places)?;
    if places.len() == before {
        bail!("{} is a directory without a file whose name ends as one with records does", path.display());
    }
    Ok(())
}

fn add_directory(directory: &Path, depth: usize, places: &mut Vec<Place>) -> Result<()> {
    let cannot_read = || format!("cannot read the directory {}", directory.display());
    ensure!(depth <= MAX_DEPTH, "{} is more than {MAX_DEPTH} directories deep", directory.display());
    let mut entries: Vec<_> = fs::read_dir(directory)
        .and_then(Iterator::collect::<Result<Vec<fs::DirEntry>, _>>)
        .with_context(cannot_read)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        // A link to a directory is not followed: it may lead back.
        let is_directory = entry.file_type().with_context(cannot_read)?.is_dir();
        if is_hidden {
            continue;
        }
        if is_directory {
            add_directory(&path, depth + 1, places)?;
            continue;
        }
        let place = Place::Path(path);
        let is_file = matches!(&place, Place::Path(path) if path.is_file());
        if is_file && place.kind().is_some() {
            places.push(place);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(root: &Path, arguments: &[&str]) -> Result<Vec<String>, Failure> {
        let arguments: Vec<PathBuf> = arguments.iter().map(|argument| root.join(argument)).collect();
        let places = places_of(&arguments, false)?;
        let name = |place: &Place| place.name().trim_start_matches(&root.display().to_string()).to_owned();
        Ok(places.iter().map(name).collect())
    }

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in ["b.csv", "a.ndjson.gz", "README.md", ".hidden.csv", "sub/10.csv", "sub/2.csv", "x[1].csv", "z/no"]
        {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "a\n1\n").unwrap();
        }
        std::os::unix::fs::symlink(root.path(), root.path().join("sub/loop")).unwrap();
        root
    }

    #[test]
    fn a_directory_stands_for_the_files_with_records_in_it_by_name() {
        let root = tree();
        let found = names(root.path(), &[""]).unwrap();
        assert_eq!(found, ["/a.ndjson.gz", "/b.csv", "/sub/10.csv", "/sub/2.csv", "/x[1].csv"]);
        let nothing = names(root.path(), &["z"]).unwrap_err().to_string();
        assert!(nothing.contains("is a directory without a file"), "{nothing}");
    }

    #[test]
    fn a_pattern_stands_for_what_matches_it_and_a_file_for_itself() {
        let root = tree();
        assert_eq!(names(root.path(), &["*.csv"]).unwrap(), ["/b.csv", "/x[1].csv"]);
        assert_eq!(names(root.path(), &["**/*.csv"]).unwrap(), ["/b.csv", "/sub/10.csv", "/sub/2.csv", "/x[1].csv"]);
        assert_eq!(names(root.path(), &["x[1].csv", "README.md"]).unwrap(), ["/x[1].csv", "/README.md"]);
        assert!(names(root.path(), &["*.parquet"]).unwrap_err().to_string().contains("nothing matches"));
    }

    #[test]
    fn other_servers_are_asked_only_when_that_is_allowed() {
        let url = [PathBuf::from("HTTPS://example.org/a.csv?x=1.json")];
        assert!(places_of(&url, false).unwrap_err().to_string().contains("--allow-url"));
        let places = places_of(&url, true).unwrap();
        assert_eq!(places[0].kind(), Kind::of_name("a.csv"));
        let twice = [PathBuf::from("-"), PathBuf::from("-")];
        assert!(places_of(&twice, false).unwrap_err().to_string().contains("once only"));
    }
}
