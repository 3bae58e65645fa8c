//! "Did you mean": the nearest known name to an unknown one.

/// The candidate nearest to `unknown`, if one is near enough to be a likely misspelling.
///
/// Compares without regard to ASCII case by Damerau-Levenshtein distance; at most a third of the
/// characters, and never more than three, may differ.
pub fn nearest<'a>(unknown: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let unknown = unknown.to_ascii_lowercase();
    if unknown.len() > 128 {
        return None;
    }
    let tolerance = (unknown.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&unknown, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_finds_its_name() {
        assert_eq!(nearest("dep_dealy", ["arr_delay", "dep_delay"]), Some("dep_delay"));
        assert_eq!(nearest("Carier", ["carrier", "origin"]), Some("carrier"));
    }

    #[test]
    fn an_unrelated_word_finds_nothing() {
        assert_eq!(nearest("zebra", ["carrier", "origin"]), None);
    }
}
