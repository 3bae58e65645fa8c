//! The standard form of a text.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::folding::{composed, folded};
use crate::{Value, ValueRef};

/// The characters with the property `White_Space` (Unicode, `PropList.txt`).
pub const WHITE_SPACE: [char; 25] = [
    '\t', '\n', '\u{b}', '\u{c}', '\r', ' ', '\u{85}', '\u{a0}', '\u{1680}', '\u{2000}', '\u{2001}', '\u{2002}',
    '\u{2003}', '\u{2004}', '\u{2005}', '\u{2006}', '\u{2007}', '\u{2008}', '\u{2009}', '\u{200a}', '\u{2028}',
    '\u{2029}', '\u{202f}', '\u{205f}', '\u{3000}',
];

/// To which case letters are brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterCase {
    /// `ua`
    Lower,
    /// `UA`
    Upper,
}

impl LetterCase {
    /// The full mapping of Unicode, which may change how many characters there are: `ß` becomes `SS`, and a `Σ` at the end of a
    /// word `ς`.
    fn of(self, text: &str) -> String {
        match self {
            Self::Lower => text.to_lowercase(),
            Self::Upper => text.to_uppercase(),
        }
    }
}

/// How a text should be written: white space, then case, in normal form C; then spelling.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StandardForm {
    /// White space around the text goes.
    pub trims: bool,
    /// White space becomes a single space wherever it is.
    pub collapses: bool,
    /// Letters are brought to a case.
    pub case: Option<LetterCase>,
    /// What spellings become, by their [keys](StandardForm::key).
    spellings: HashMap<String, String>,
    /// What they become; these texts stay as they are.
    targets: HashSet<String>,
}

impl StandardForm {
    /// A form without spellings.
    pub fn new(trims: bool, collapses: bool, case: Option<LetterCase>) -> Self {
        Self { trims, collapses, case, ..Self::default() }
    }

    /// Adds another spelling, and what it becomes, which stays as it is. False, and nothing is added, when a text could be
    /// this spelling and one that was added before. Added last: the rest of the form says what is the same.
    pub fn add_spelling(&mut self, old: &str, new: &str) -> bool {
        let key = self.key(old);
        let is_new = !self.spellings.contains_key(&key);
        if is_new {
            self.spellings.insert(key, new.to_owned());
            self.targets.insert(new.to_owned());
        }
        is_new
    }

    /// The standard form of a text, which has itself as its standard form.
    pub fn of<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.targets.contains(text) {
            return Cow::Borrowed(text);
        }
        let formed = self.formed(text);
        if self.spellings.is_empty() {
            return formed;
        }
        match self.spellings.get(&self.keyed(&formed)) {
            Some(new) => Cow::Owned(new.clone()),
            None => formed,
        }
    }

    /// What a text shares with those that are the same spelling.
    fn key(&self, text: &str) -> String {
        self.keyed(&self.formed(text))
    }

    /// The key of a text without white space and case of its own. Where case does not count, it does not count in full.
    fn keyed(&self, formed: &str) -> String {
        if self.case.is_some() { folded(formed) } else { formed.to_owned() }
    }

    /// The text without another spelling.
    fn formed<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut formed = composed(Cow::Borrowed(if self.trims { text.trim_matches(WHITE_SPACE) } else { text }));
        if self.collapses && has_white_space_to_collapse(&formed) {
            formed = Cow::Owned(collapsed(&formed));
        }
        if let Some(case) = self.case {
            let cased = case.of(&formed);
            if cased != *formed {
                formed = composed(Cow::Owned(cased));
            }
        }
        formed
    }
}

fn has_white_space_to_collapse(text: &str) -> bool {
    let mut is_after = false;
    text.chars().any(|character| {
        let is_white = WHITE_SPACE.contains(&character);
        let found = is_white && (is_after || character != ' ');
        is_after = is_white;
        found
    })
}

fn collapsed(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for character in text.chars() {
        if !WHITE_SPACE.contains(&character) {
            collapsed.push(character);
        } else if !collapsed.ends_with(' ') {
            collapsed.push(' ');
        }
    }
    collapsed
}

/// The texts of a list, and which of them others are but for case, normal form and the white space around them.
#[derive(Debug, Clone, Default)]
pub(super) struct ListedTexts {
    exact: HashSet<String>,
    /// The only one of a key; `None` when there are several.
    alike: HashMap<String, Option<String>>,
}

impl ListedTexts {
    pub(super) fn new(allowed: &[Value]) -> Self {
        let mut listed = Self::default();
        for value in allowed {
            let ValueRef::Text(text) = value else { continue };
            if !listed.exact.insert(text.to_string()) {
                continue;
            }
            let entry = listed.alike.entry(key_of(text));
            entry.and_modify(|only| *only = None).or_insert_with(|| Some(text.to_string()));
        }
        listed
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        self.exact.contains(text)
    }

    /// The one that a text is but for case, normal form and the white space around it.
    pub(super) fn only_like(&self, text: &str) -> Option<&str> {
        self.alike.get(&key_of(text))?.as_deref()
    }
}

fn key_of(text: &str) -> String {
    folded(text.trim_matches(WHITE_SPACE))
}

#[cfg(test)]
mod tests {
    use icu_normalizer::DecomposingNormalizerBorrowed;
    use proptest::prelude::*;

    use super::*;

    fn form(spellings: &[(&str, &str)]) -> StandardForm {
        let mut form = StandardForm::new(true, true, Some(LetterCase::Upper));
        assert!(spellings.iter().all(|(old, new)| form.add_spelling(old, new)));
        form
    }

    #[test]
    fn white_space_and_case_come_before_spelling() {
        let form = form(&[("united  air", "UA"), ("aa", "American")]);
        for (text, standard) in
            [(" ua\t", "UA"), ("United\u{a0}\n Air ", "UA"), ("Aa", "American"), ("American", "American"), ("", "")]
        {
            assert_eq!(form.of(text), standard, "{text:?}");
        }
    }

    #[test]
    fn white_space_is_that_of_unicode() {
        let all: Vec<char> = ('\0'..=char::MAX).filter(|character| character.is_whitespace()).collect();
        assert_eq!(all, WHITE_SPACE);
    }

    #[test]
    fn a_text_is_like_an_allowed_one_only_if_it_is_like_no_other() {
        let allowed = ["UA", "Delta", "delta", "ΟΔΟΣ", "caf\u{e9}", "UA"].map(|text| Value::Text(text.into()));
        let listed = ListedTexts::new(&allowed);
        let found = |text: &str| listed.only_like(text).map(str::to_owned);
        assert_eq!(found(" ua"), Some("UA".to_owned()));
        assert_eq!((found("DELTA"), found("AA")), (None, None));
        assert_eq!((found("οδος"), found("CAFE\u{301}")), (Some("ΟΔΟΣ".to_owned()), Some("caf\u{e9}".to_owned())));
    }

    #[test]
    fn spellings_that_are_one_to_a_reader_are_not_told_apart() {
        for (case, one, other, is_new) in [
            (Some(LetterCase::Upper), "stra\u{df}e", "STRA\u{1e9e}E", false),
            (Some(LetterCase::Lower), "\u{130}", "i", true),
            (Some(LetterCase::Lower), "οδος", "ΟΔΟΣ", false),
            (None, "\u{e9}", "e\u{301}", false),
            (None, "a", "A", true),
        ] {
            let mut form = StandardForm::new(false, false, case);
            assert!(form.add_spelling(one, "S"));
            assert_eq!(form.add_spelling(other, "T"), is_new, "{one} {other}");
            assert_eq!(form.of(one), "S");
            assert_eq!(form.of(other), if is_new { "T" } else { "S" });
        }
    }

    #[test]
    fn a_standard_form_is_in_normal_form_c() {
        let form = StandardForm::new(true, false, None);
        assert_eq!((form.of("e\u{301} "), form.of("\u{e9}")), ("\u{e9}".into(), "\u{e9}".into()));
        assert_eq!(StandardForm::new(false, false, Some(LetterCase::Upper)).of("stra\u{df}e"), "STRASSE");
        assert_eq!(StandardForm::new(false, false, Some(LetterCase::Lower)).of("ΟΔΟΣ"), "οδος");
    }

    proptest! {
        #[test]
        fn a_standard_form_is_its_own(
            text in "([ \\t\u{a0}a-dA-DßİΣσςǰΐᾳ\u{301}\u{307}\u{345}]|\\PC){0,6}", old in "[ a-dßÉ]{0,3}", new in "[ a-dA-D]{0,3}",
            trims: bool, collapses: bool, is_upper: Option<bool>
        ) {
            let case = is_upper.map(|is_upper| if is_upper { LetterCase::Upper } else { LetterCase::Lower });
            let mut form = StandardForm::new(trims, collapses, case);
            form.add_spelling(&old, &new);
            let standard = form.of(&text).into_owned();
            prop_assert_eq!(form.of(&standard), standard.as_str());
            let equivalent = DecomposingNormalizerBorrowed::new_nfd().normalize(&text).into_owned();
            prop_assert_eq!(form.formed(&equivalent), form.formed(&text));
        }
    }
}
