use proptest::prelude::*;

use super::*;

/// Texts of one option, each of them another value.
const VALUES: [(&str, &[&str]); 16] = [
    ("columns", &["a", "a,b", "\"a,b\",c", "\"say \"\"a\"\"\",名前"]),
    ("csv.comment", &["#", "%", "none"]),
    ("csv.decimal", &[",", "."]),
    ("csv.delimiter", &[";", "|", "\\t", ", ", "||", "¦", "\u{1}"]),
    ("csv.empty_rows", &["skip", "keep"]),
    ("csv.encoding", &["utf-8", "windows-1252", "utf-16le", "shift_jis"]),
    ("csv.escape", &["\\", "none"]),
    ("csv.header", &["present", "absent", "row_names"]),
    ("csv.header_rows", &["2", "1", "8"]),
    ("csv.line_end", &["lf", "any"]),
    ("csv.quote", &["'", "none", "\""]),
    ("csv.ragged", &["refuse", "pad"]),
    ("csv.skip", &["0", "3"]),
    ("flatten", &[".", "__", "→"]),
    ("records_at", &["", "/data", "/a~1b/~0/0"]),
    ("values", &["declared", "canonical"]),
];

#[test]
fn the_options_are_those_of_the_table() {
    let names: Vec<&str> = OPTIONS.iter().map(|option| option.name).collect();
    assert_eq!(names, VALUES.map(|(name, _)| name));
    assert!(names.is_sorted());
}

#[test]
fn a_value_is_written_as_it_is_read() {
    for (name, texts) in VALUES {
        for text in texts {
            let mut options = ReadOptions::default();
            options.set(name, text).unwrap();
            assert_eq!(options.given(), [(name, (*text).to_owned())]);
        }
    }
}

#[test]
fn a_second_value_is_refused_and_the_same_is_not() {
    for (name, texts) in VALUES {
        let mut options = ReadOptions::default();
        options.set(name, texts[0]).unwrap();
        options.set(name, texts[0]).unwrap();
        if let Some(other) = texts.get(1) {
            assert!(options.set(name, other).unwrap_err().detail.contains("twice"), "{name}");
        }
    }
    let mut options = ReadOptions::default();
    options.set("csv.encoding", "latin1").unwrap();
    options.set("csv.encoding", "CP1252").unwrap();
}

#[test]
fn what_an_option_does_not_take_is_refused() {
    for (name, texts) in [
        ("columns", &["", "a,,b", "\"a", "\"a\"b", "a,"][..]),
        ("csv.comment", &["", "##", "é", " "]),
        ("csv.decimal", &["", ";", "comma"]),
        ("csv.delimiter", &["", "\"", "\n", "123456789", "a\rb"]),
        ("csv.encoding", &["", "klingon", "replacement"]),
        ("csv.header", &["", "yes", "Present"]),
        ("csv.skip", &["", "-1", "1.5", "x"]),
        ("flatten", &["", "123456789", "\n"]),
        ("records_at", &["data", "$.data"]),
        ("values", &["", "Canonical", "iso"]),
        ("csv.colour", &["red"]),
    ] {
        for text in texts {
            assert_eq!(ReadOptions::default().set(name, text).unwrap_err().name, name, "{text:?}");
        }
    }
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let all = [OptionKind::Delimited, OptionKind::Objects, OptionKind::Document];
    let refused = |pairs: &[(&str, &str)], kinds: &[OptionKind]| {
        let mut options = ReadOptions::default();
        for (name, text) in pairs {
            options.set(name, text).unwrap();
        }
        options.check(kinds).err().map(|error| error.name)
    };
    assert_eq!(refused(&[("csv.quote", "'"), ("csv.delimiter", "|")], &all), None);
    assert_eq!(refused(&[("csv.quote", "'"), ("csv.delimiter", "|'|")], &all).as_deref(), Some("csv.quote"));
    assert_eq!(refused(&[("csv.comment", ",")], &all).as_deref(), Some("csv.comment"));
    assert_eq!(refused(&[("csv.escape", "\"")], &all).as_deref(), Some("csv.escape"));
    assert_eq!(refused(&[("csv.escape", "\\"), ("csv.quote", "none")], &all).as_deref(), Some("csv.escape"));
    assert_eq!(refused(&[("columns", "a,b")], &all).as_deref(), Some("columns"));
    assert_eq!(refused(&[("columns", "a,b"), ("csv.header", "absent")], &all), None);
    assert_eq!(refused(&[("csv.skip", "1")], &all[1..]).as_deref(), Some("csv.skip"));
    assert_eq!(refused(&[("flatten", ".")], &all[..1]).as_deref(), Some("flatten"));
    assert_eq!(refused(&[("values", "canonical")], &[]), None, "it is of every format");
    assert_eq!(refused(&[("records_at", "/a")], &all[1..2]).as_deref(), Some("records_at"));
}

proptest! {
    /// A list of any names is read as it was written.
    #[test]
    fn names_come_back_out_of_a_list(names in proptest::collection::vec("[a-z,\" é]{1,6}", 1..6)) {
        prop_assert_eq!(list::parse(&list::text_of(&names)), Ok(names));
    }

    /// Nothing that a call may say has the options panic.
    #[test]
    fn any_text_is_taken_or_refused(place in 0..VALUES.len(), text in "\\PC{0,12}") {
        let mut options = ReadOptions::default();
        if options.set(VALUES[place].0, &text).is_ok() {
            let again = options.given();
            let mut other = ReadOptions::default();
            other.set(again[0].0, &again[0].1).unwrap();
            prop_assert_eq!(options, other);
        }
    }
}
