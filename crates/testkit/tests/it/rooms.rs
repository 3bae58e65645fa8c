//! The rooms of a crate, the modules at the top of its `src`, and which of them uses which.
//!
//! Sources are read as tokens, from `lib.rs` along the `mod` declarations: comments do not count, what a macro is given
//! does, and what is compiled for tests alone does not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Most rooms beside each other.
const MAX_ROOMS: usize = 12;

/// The files of a crate: their paths below `src` with `/`, and their texts.
pub(crate) type Files = BTreeMap<String, String>;

/// Reads every Rust file below a directory.
pub(crate) fn read_files(src: &Path) -> Files {
    fn read(directory: &Path, prefix: &str, files: &mut Files) {
        for entry in fs::read_dir(directory).expect("the directory can be read") {
            let path = entry.expect("the entry can be read").path();
            let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
            if path.is_dir() {
                read(&path, &format!("{name}/"), files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.insert(name, fs::read_to_string(&path).expect("the file can be read"));
            }
        }
    }
    let mut files = Files::new();
    read(src, "", &mut files);
    files
}

/// The rooms of a crate and what each imports.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    names: BTreeSet<String>,
    /// From a room to another, with the files that say so.
    edges: BTreeMap<(String, String), BTreeSet<String>>,
    /// Paths that lead to no room: `crate::*`, or an item of `lib.rs` itself.
    unresolved: Vec<String>,
}

impl Rooms {
    /// Reads a crate whose root is `lib.rs`.
    pub(crate) fn of(files: &Files) -> Self {
        let mut reader = Reader { files, rooms: BTreeSet::new(), names: BTreeMap::new(), references: Vec::new() };
        reader.file("lib.rs", &[]);
        let mut rooms = Self { names: reader.rooms.clone(), ..Self::default() };
        for Reference { file, from, path } in &reader.references {
            match reader.room_of(path) {
                Some(to) if to == *from => {}
                Some(to) => {
                    rooms.edges.entry((from.clone(), to)).or_default().insert(file.clone());
                }
                None => rooms.unresolved.push(format!("{file}: `crate::{}` leads to no room", path.join("::"))),
            }
        }
        rooms
    }

    /// Everything that differs from the stated order, which begins with the room that may import all others.
    pub(crate) fn differences(&self, stated: &[&str]) -> Vec<String> {
        let place = |room: &String| stated.iter().position(|name| name == room);
        let mut differences = self.unresolved.clone();
        if self.names.len() > MAX_ROOMS {
            differences.push(format!("{} rooms beside each other; {MAX_ROOMS} at most", self.names.len()));
        }
        let gone = stated.iter().filter(|name| !self.names.contains(**name));
        differences.extend(gone.map(|name| format!("`{name}` is stated but there is no such room")));
        let new = self.names.iter().filter(|name| place(name).is_none());
        differences.extend(new.map(|name| format!("`{name}` has no place in the order")));
        for ((from, to), files) in &self.edges {
            if place(from) > place(to) {
                let files: Vec<&str> = files.iter().map(String::as_str).collect();
                differences.push(format!("`{from}` imports `{to}`, which is above it: {}", files.join(", ")));
            }
        }
        differences
    }

    /// An order to state, if there is one; beneath it what keeps the rest from having one.
    pub(crate) fn proposal(&self) -> String {
        let mut left = self.names.clone();
        let mut order = Vec::new();
        let imports = |room: &String, left: &BTreeSet<String>| {
            let to = self.edges.keys().filter(|(from, to)| from == room && left.contains(to));
            to.map(|(_, to)| to.clone()).collect::<Vec<_>>()
        };
        while let Some(lowest) = left.iter().find(|room| imports(room, &left).is_empty()).cloned() {
            left.remove(&lowest);
            order.insert(0, format!("\"{lowest}\""));
        }
        let mut lines = vec![format!("&[{}], {} rooms", order.join(", "), self.names.len())];
        let in_the_way =
            |room| format!("  in a circle, or above one: `{room}` imports {}", imports(room, &left).join(", "));
        lines.extend(left.iter().map(in_the_way));
        lines.extend(self.unresolved.iter().map(|path| format!("  {path}")));
        lines.join("\n")
    }
}

/// A path from a room to somewhere in the crate.
#[derive(Debug)]
struct Reference {
    file: String,
    from: String,
    /// From the root of the crate.
    path: Vec<String>,
}

#[derive(Debug)]
struct Reader<'f> {
    files: &'f Files,
    rooms: BTreeSet<String>,
    /// Names that `lib.rs` imports, and macros, with the path or the room that each comes from.
    names: BTreeMap<String, Vec<String>>,
    references: Vec<Reference>,
}

impl Reader<'_> {
    /// The room that a path from the root leads to; names that the root re-exports lead to where they are from.
    fn room_of(&self, path: &[String]) -> Option<String> {
        let first = path.first()?;
        if self.rooms.contains(first) {
            return Some(first.clone());
        }
        self.names.get(first).filter(|origin| origin.first() != Some(first)).and_then(|origin| self.room_of(origin))
    }

    /// Reads the file of a module.
    fn module(&mut self, module: &[String]) {
        let stem = module.join("/");
        let candidates = [format!("{stem}.rs"), format!("{stem}/mod.rs")];
        let file = candidates.iter().find(|file| self.files.contains_key(*file));
        let file = file.unwrap_or_else(|| panic!("`{}` has no file", module.join("::")));
        self.file(file, module);
    }

    fn file(&mut self, file: &str, module: &[String]) {
        let text = self.files.get(file).unwrap_or_else(|| panic!("there is no {file}"));
        let tokens = TokenStream::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.tokens(tokens, file, module);
    }

    fn tokens(&mut self, tokens: TokenStream, file: &str, module: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let word = |at: usize| match tokens.get(at) {
            Some(TokenTree::Ident(ident)) => ident.to_string(),
            _ => String::new(),
        };
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' && is_for_tests(tokens.get(at)) => {
                    at = end_of_item(&tokens, at + 1);
                }
                TokenTree::Ident(ident) if ident == "mod" && !word(at).is_empty() => {
                    let inner = [module, &[word(at)]].concat();
                    if module.is_empty() {
                        self.rooms.insert(word(at));
                    }
                    if let Some(TokenTree::Group(body)) = tokens.get(at + 1) {
                        self.tokens(body.stream(), file, &inner);
                    } else {
                        self.module(&inner);
                    }
                    at += 2;
                }
                TokenTree::Ident(ident) if ident == "use" && !is_punct(tokens.get(at), '<') => {
                    let end = at + tokens[at..].iter().position(|token| is_punct(Some(token), ';')).unwrap_or(0);
                    for (path, name) in leaves(&tokens[at..end], &[]) {
                        self.import(&path, name, file, module);
                    }
                    at = end;
                }
                TokenTree::Ident(ident) if ident == "macro_rules" => {
                    self.names.insert(word(at + 1), module.to_vec());
                }
                TokenTree::Ident(ident) if (ident == "crate" || ident == "super") && is_path(&tokens, at) => {
                    let mut path = vec![ident.to_string()];
                    while is_path(&tokens, at) && !word(at + 2).is_empty() {
                        path.push(word(at + 2));
                        at += 3;
                    }
                    self.refer(&path, file, module);
                }
                TokenTree::Group(group) => self.tokens(group.stream(), file, module),
                _ => {}
            }
        }
    }

    /// A name that a `use` brings into a module.
    fn import(&mut self, path: &[String], name: String, file: &str, module: &[String]) {
        if module.is_empty() {
            let origin = path.iter().filter(|part| !["crate", "self"].contains(&part.as_str())).cloned().collect();
            self.names.insert(name, origin);
        } else {
            self.refer(path, file, module);
        }
    }

    /// A path that begins with `crate` or `super`, from anywhere but the root. Others lead out of the crate or stay.
    fn refer(&mut self, path: &[String], file: &str, module: &[String]) {
        let up = path.iter().take_while(|part| *part == "super").count();
        let path = match path.first().map(String::as_str) {
            Some("crate") => path[1..].to_vec(),
            Some("super") => [&module[..module.len().saturating_sub(up)], &path[up..]].concat(),
            _ => return,
        };
        if let Some(from) = module.first() {
            self.references.push(Reference { file: file.to_owned(), from: from.clone(), path });
        }
    }
}

fn is_punct(token: Option<&TokenTree>, character: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == character)
}

/// Whether a path goes on.
fn is_path(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

/// Whether an attribute keeps its item out of everything but tests.
fn is_for_tests(attribute: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = attribute else { return false };
    let text: String = group.stream().to_string().split_whitespace().collect();
    group.delimiter() == Delimiter::Bracket && text == "cfg(test)"
}

/// Behind the `;` or the braces that end an item.
fn end_of_item(tokens: &[TokenTree], from: usize) -> usize {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        other => is_punct(Some(other), ';'),
    };
    tokens[from..].iter().position(is_end).map_or(tokens.len(), |length| from + length + 1)
}

/// The paths of a tree of imports, each with the name that it is known by.
fn leaves(tokens: &[TokenTree], prefix: &[String]) -> Vec<(Vec<String>, String)> {
    let mut path = prefix.to_vec();
    let mut all = Vec::new();
    let mut name = None;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(ident) if ident == "as" => name = tokens.get(at + 1).map(ToString::to_string),
            TokenTree::Ident(ident) if name.is_none() => path.push(ident.to_string()),
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let parts = inner.split(|token| is_punct(Some(token), ','));
                return parts.filter(|part| !part.is_empty()).flat_map(|part| leaves(part, &path)).collect();
            }
            _ => {}
        }
    }
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
    all.push((path, name));
    all
}

fn files(texts: &[(&str, &str)]) -> Files {
    texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn differences(texts: &[(&str, &str)], stated: &[&str]) -> Vec<String> {
    Rooms::of(&files(texts)).differences(stated)
}

#[test]
fn imports_that_point_down_are_in_order() {
    let texts = [
        ("lib.rs", "mod query; mod types; pub use types::Value;"),
        ("query.rs", "mod filter; use crate::{Value, types::{self, text::Text}};"),
        ("query/filter.rs", "use super::Operator; use super::super::Value; fn f() { crate::types::g() }"),
        ("types/mod.rs", "mod text; use self::text::Text; use std::fmt;"),
        ("types/text.rs", "pub struct Text;"),
    ];
    assert_eq!(differences(&texts, &["query", "types"]), [""; 0]);
    assert_eq!(
        differences(&texts, &["types", "query"]),
        ["`query` imports `types`, which is above it: query.rs, query/filter.rs"]
    );
}

#[test]
fn every_way_to_name_a_room_is_seen() {
    for text in [
        "use crate::above::Thing;",
        "use crate::{above::Thing, below};",
        "use crate::Thing;",
        "use crate::Renamed;",
        "use super::above;",
        "fn f(thing: &crate::above::Thing) {}",
        "fn f() { super::above::g::<u8>() }",
        "fn f() { assert_eq!(vec![crate::Thing], []) }",
        "mod inner { use super::super::above; }",
        "pub(crate) use crate::above::Thing as Other;",
        "impl crate::Thing { }",
        "fn f() { crate::made!() }",
        "#[cfg(unix)] use crate::above::Thing;",
    ] {
        let root = "mod above; mod below; pub use above::{Thing, Thing as Renamed};";
        let texts = [("lib.rs", root), ("above.rs", "macro_rules! made { () => {} }"), ("below.rs", text)];
        assert_eq!(differences(&texts, &["above", "below"]).len(), 1, "{text}");
    }
}

#[test]
fn comments_tests_and_other_crates_do_not_count() {
    for text in [
        "// crate::above",
        "/// See [`crate::above::Thing`].\nstruct S;",
        "const TEXT: &str = \"crate::above\";",
        "#[cfg(test)] mod tests { use crate::above::Thing; }",
        "#[cfg(test)] use crate::above::Thing;",
        "#[cfg(test)] mod tests;",
        "use other::above; use std::{fmt, io}; pub(crate) struct S(pub(super) u8);",
        "fn f<'a>(text: &'a str) -> impl Sized + use<'a> { text }",
    ] {
        let texts = [("lib.rs", "mod above; mod below;"), ("above.rs", "pub struct Thing;"), ("below.rs", text)];
        assert_eq!(differences(&texts, &["above", "below"]), [""; 0], "{text}");
    }
}

#[test]
fn a_crate_states_its_rooms_all_of_them_and_no_others() {
    let texts = [("lib.rs", "mod one; mod two;"), ("one.rs", ""), ("two.rs", "")];
    assert_eq!(differences(&texts, &["one"]), ["`two` has no place in the order"]);
    assert_eq!(differences(&texts, &["one", "two", "three"]), ["`three` is stated but there is no such room"]);
}

#[test]
fn what_leads_to_no_room_is_refused() {
    for text in ["use crate::*;", "use super::*;", "use crate::Unknown;"] {
        let texts = [("lib.rs", "mod one; fn own() {}"), ("one.rs", text)];
        assert_eq!(differences(&texts, &["one"]).len(), 1, "{text}");
    }
}

#[test]
fn too_many_rooms_are_refused() {
    let names: Vec<String> = (0..=MAX_ROOMS).map(|index| format!("room{index}")).collect();
    let root = format!("mod {} {{}}", names.join(" {} mod "));
    let stated: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(differences(&[("lib.rs", &root)], &stated), ["13 rooms beside each other; 12 at most"]);
}

#[test]
fn a_proposal_names_what_stands_in_its_way() {
    let texts = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "use crate::{a::A, c::C};"),
        ("c.rs", ""),
    ];
    let proposal = Rooms::of(&files(&texts)).proposal();
    assert!(proposal.starts_with("&[\"c\"], 3 rooms"), "{proposal}");
    assert!(proposal.contains("`a` imports b") && proposal.contains("`b` imports a"), "{proposal}");
}
