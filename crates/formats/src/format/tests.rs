//! The table is free of contradictions.

use std::collections::HashSet;

use super::*;

#[test]
fn no_two_formats_share_a_name_a_media_type_or_an_ending() {
    let all = || Format::ALL.into_iter().flat_map(Format::media_types);
    let names: Vec<&str> = all().map(|media_type| media_type.name).collect();
    let essences: Vec<&str> =
        all().flat_map(|m| std::iter::once(&m.essence).chain(m.synonyms).chain(m.bodies)).copied().collect();
    let endings: Vec<&str> = all().flat_map(|media_type| media_type.endings).copied().collect();
    for words in [names, essences, endings] {
        assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len(), "{words:?}");
        assert!(words.iter().all(|word| !word.is_empty() && *word == word.to_ascii_lowercase()), "{words:?}");
    }
}

#[test]
fn every_format_is_found_by_what_it_is_called() {
    for format in Format::ALL {
        assert!(!format.media_types().is_empty());
        for media_type in format.media_types() {
            assert!(media_type.content_type.starts_with(media_type.essence));
            assert!(!media_type.endings.is_empty(), "an answer needs a name as a file");
            assert_eq!(Format::of_name(media_type.name), Some(format));
            assert_eq!(Format::of_media_type(media_type.essence), Some(format));
            let others = media_type.synonyms.iter().chain(media_type.bodies);
            assert!(others.into_iter().all(|essence| Format::of_media_type(essence) == Some(format)));
            assert!(media_type.endings.iter().all(|ending| Format::of_ending(ending) == Some(format)));
        }
    }
    assert_eq!(Format::of_media_type("application/*"), None);
    assert_eq!(Format::of_ending(""), None);
}
