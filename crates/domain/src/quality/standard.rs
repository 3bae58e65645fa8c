//! The standard form of a text.

use std::borrow::Cow;

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
    /// Character by character, so that their number stays.
    fn of(self, text: &str) -> String {
        let change = |character: char| match self {
            Self::Lower => only(character.to_lowercase()).unwrap_or(character),
            Self::Upper => only(character.to_uppercase()).unwrap_or(character),
        };
        text.chars().map(change).collect()
    }
}

/// The character, if it is one.
fn only(mut characters: impl Iterator<Item = char>) -> Option<char> {
    characters.next().filter(|_| characters.next().is_none())
}

/// How a text should be written: white space, then case, then spelling.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StandardForm {
    /// White space around the text goes.
    pub trims: bool,
    /// White space becomes a single space wherever it is.
    pub collapses: bool,
    /// Letters are brought to a case.
    pub case: Option<LetterCase>,
    /// Other spellings, and what they become. They are compared in the form that the rest of this gives; what they become
    /// stays as it is.
    pub spellings: Vec<(String, String)>,
}

impl StandardForm {
    /// The standard form of a text, which has itself as its standard form.
    pub fn of<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.spellings.iter().any(|(_, new)| new == text) {
            return Cow::Borrowed(text);
        }
        let formed = self.formed(text);
        let spelling = self.spellings.iter().find(|(old, _)| self.formed(old) == formed);
        spelling.map_or(formed, |(_, new)| Cow::Owned(new.clone()))
    }

    /// The text without another spelling.
    pub(super) fn formed<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut formed = Cow::Borrowed(if self.trims { text.trim_matches(WHITE_SPACE) } else { text });
        if self.collapses {
            formed = Cow::Owned(collapsed(&formed));
        }
        if let Some(case) = self.case {
            formed = Cow::Owned(case.of(&formed));
        }
        formed
    }
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

/// The one of some values that is the text but for case and the white space around it.
pub(super) fn only_like(text: &str, allowed: &[Value]) -> Option<Value> {
    let folded = |text: &str| LetterCase::Lower.of(text.trim_matches(WHITE_SPACE));
    let wanted = folded(text);
    let is_like = |value: &&Value| matches!(value, ValueRef::Text(text) if folded(text) == wanted);
    let mut alike = allowed.iter().filter(is_like);
    let first = alike.next()?;
    alike.all(|other| other == first).then(|| first.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(spellings: &[(&str, &str)]) -> StandardForm {
        let spellings = spellings.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect();
        StandardForm { trims: true, collapses: true, case: Some(LetterCase::Upper), spellings }
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
        let allowed = ["UA", "Delta", "delta"].map(|text| Value::Text(text.into()));
        assert_eq!(only_like(" ua", &allowed), Some(allowed[0].clone()));
        assert_eq!(only_like("DELTA", &allowed), None);
        assert_eq!(only_like("AA", &allowed), None);
    }

    proptest! {
        #[test]
        fn a_standard_form_is_its_own(text in "[ \\t\u{a0}a-dA-Dßİ]{0,6}", old in "[ a-d]{0,3}", new in "[ a-dA-D]{0,3}") {
            let form = form(&[(&old, &new)]);
            let standard = form.of(&text).into_owned();
            prop_assert_eq!(form.of(&standard), standard.as_str());
        }
    }
}
