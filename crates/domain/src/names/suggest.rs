//! "Did you mean": the nearest known name to an unknown one.

use super::{MAX_PROPERTY_NAME_CHARS, abbreviate};

/// A query names something that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {kind} `{name}`; {hint}")]
pub struct UnknownName {
    kind: &'static str,
    /// As the client wrote it, cut to a readable length.
    name: String,
    hint: String,
}

impl UnknownName {
    /// Something of a kind (`operator`, say) that is none of `known`, with the nearest of those, or all of them.
    pub fn new<'a>(kind: &'static str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let hint = nearest(name, known.iter().copied())
            .map_or_else(|| format!("the {kind}s are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
        Self { kind, name: abbreviate(name), hint }
    }
}

/// The candidate nearest to `unknown`, if one is near enough to be a likely misspelling.
///
/// Compares without regard to ASCII case by Damerau-Levenshtein distance; at most a third of the
/// characters, and never more than three, may differ.
pub fn nearest<'a>(unknown: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let unknown = unknown.to_ascii_lowercase();
    let chars = unknown.chars().count();
    if chars > MAX_PROPERTY_NAME_CHARS {
        return None;
    }
    let tolerance = (chars / 3).clamp(1, 3);
    // One that is so much longer or shorter need not be compared.
    let is_as_long = |candidate: &&str| candidate.chars().count().abs_diff(chars) <= tolerance;
    candidates
        .into_iter()
        .filter(is_as_long)
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
