//! When two texts are the same to a reader: Unicode's normal forms and full case folding.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// A text in normal form C, which canonically equivalent texts share.
pub(super) fn composed(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_ascii() {
        return text;
    }
    match text {
        Cow::Borrowed(text) => ComposingNormalizerBorrowed::new_nfc().normalize(text),
        Cow::Owned(text) => Cow::Owned(ComposingNormalizerBorrowed::new_nfc().normalize(&text).into_owned()),
    }
}

/// What a text shares with those that differ from it in case or canonically alone (Unicode, D145), in no language of its own:
/// `ß`, `ẞ` and `SS` are the same, `σ` and `ς` too; `İ` is `i` with a dot above, and no `i`.
pub(super) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposing = DecomposingNormalizerBorrowed::new_nfd();
    let decomposed = decomposing.normalize(text);
    decomposing.normalize(&CaseMapper::new().fold_string(&decomposed)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_takes_for_the_same_is_folded_to_the_same() {
        for alike in [
            &["stra\u{df}e", "STRASSE", "STRA\u{1e9e}E"][..],
            &["ΟΔΟΣ", "οδος", "οδοσ"],
            &["\u{e9}", "e\u{301}", "E\u{301}", "\u{c9}"],
            &["\u{212b}", "\u{e5}", "A\u{30a}"],
            &["\u{1fb4}", "\u{3b1}\u{301}\u{345}", "\u{3b1}\u{345}\u{301}", "\u{391}\u{301}\u{399}"],
            &["\u{13a0}", "\u{ab70}"],
            &["\u{130}", "i\u{307}"],
            &["\u{fb01}", "FI"],
        ] {
            let keys: Vec<String> = alike.iter().map(|text| folded(text)).collect();
            assert!(keys.iter().all(|key| *key == keys[0]), "{alike:?}: {keys:?}");
        }
        for (one, other) in [("i", "\u{130}"), ("i", "\u{131}"), ("e", "\u{e9}"), ("a", "\u{ff41}")] {
            assert_ne!(folded(one), folded(other));
        }
    }
}
