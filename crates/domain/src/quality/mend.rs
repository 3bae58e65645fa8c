//! What rules make of a text together.

use std::collections::BTreeSet;

use super::Rule;
use crate::Field;

/// How often rules go over a text until they leave it as it is. Few need more than two: one that changes, and one that does not.
const MAX_ROUNDS: usize = 16;

/// What rules that suggest make of a text, one after the other, until none has anything else to suggest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mended {
    /// They leave it as it is, if perhaps only together.
    Unchanged,
    /// It becomes another, which they leave as it is.
    Changed {
        /// The other.
        text: String,
        /// The places of the rules that changed it.
        by: Vec<usize>,
    },
    /// They come to no end.
    Unsettled {
        /// The places of the rules that undo each other.
        by: Vec<usize>,
    },
}

/// Has the rules at some places go over a text.
pub fn mended(rules: &[Rule], places: &[usize], text: &str) -> Mended {
    let (mut current, mut by) = (text.to_owned(), BTreeSet::new());
    for _ in 0..MAX_ROUNDS {
        let (mut next, mut changing) = (current.clone(), BTreeSet::new());
        for place in places {
            let suggestion = rules[*place].suggestion(&next).map(std::borrow::Cow::into_owned);
            if let Some(suggestion) = suggestion {
                next = suggestion;
                changing.insert(*place);
            }
        }
        if next == current {
            let is_changed = current != text;
            let by = by.into_iter().collect();
            return if is_changed { Mended::Changed { text: current, by } } else { Mended::Unchanged };
        }
        current = next;
        by.extend(changing);
    }
    Mended::Unsettled { by: by.into_iter().collect() }
}

/// The fields that rules change, each with the places of its rules in their order.
pub fn chains(rules: &[Rule]) -> Vec<(Field, Vec<usize>)> {
    let mut chains: Vec<(Field, Vec<usize>)> = Vec::new();
    for (place, rule) in rules.iter().enumerate() {
        let Some(field) = rule.fields().first() else { continue };
        match chains.iter_mut().find(|(known, _)| known == field) {
            Some((_, places)) => places.push(place),
            None => chains.push((field.clone(), vec![place])),
        }
    }
    chains
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::{RuleSet, Schema, SchemaDefinition, Timestamp};

    fn rules(documents: &[Json]) -> Vec<Rule> {
        let document = json!({"name": "s", "properties": [{"name": "a", "type": "string"}]});
        let schema = Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0));
        let rules = documents.iter().map(|rule| {
            let mut rule = rule.clone();
            rule["property"] = "a".into();
            rule
        });
        RuleSet::parse(&json!({"rules": rules.collect::<Vec<_>>()}), &schema).unwrap().rules().to_vec()
    }

    fn of(documents: &[Json], text: &str) -> Mended {
        let rules = rules(documents);
        mended(&rules, &(0..rules.len()).collect::<Vec<_>>(), text)
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers write `spelling(json!(…))`")]
    fn spelling(spellings: Json) -> Json {
        json!({"rule": "standardize", "spellings": spellings})
    }

    #[test]
    fn rules_that_undo_each_other_are_settled_or_refused() {
        let there_and_back = [spelling(json!({"x": "y"})), spelling(json!({"y": "x"}))];
        assert_eq!(of(&there_and_back, "x"), Mended::Unchanged);
        assert_eq!(of(&there_and_back, "y"), Mended::Changed { text: "x".into(), by: vec![1] });
        let case = [json!({"rule": "standardize", "case": "upper"}), json!({"rule": "values", "values": ["Ua"]})];
        assert_eq!(of(&case, "ua"), Mended::Changed { text: "Ua".into(), by: vec![0, 1] });
        assert_eq!(of(&case, "Ua"), Mended::Unchanged);
        let in_turn = [spelling(json!({"x": "m", "y": "n"})), spelling(json!({"m": "y", "n": "x"}))];
        assert_eq!(of(&in_turn, "x"), Mended::Unsettled { by: vec![0, 1] });
    }

    proptest! {
        #[test]
        fn what_is_mended_stays(spellings in vec(vec(("[a-d]", "[a-d]"), 1..4), 1..5), text in "[a-d]") {
            let documents: Vec<Json> =
                spellings.into_iter().map(|pairs| spelling(pairs.into_iter().map(|(old, new)| (old, new.into())).collect::<serde_json::Map<_, _>>().into())).collect();
            if let Mended::Changed { text: mended, .. } = of(&documents, &text) {
                prop_assert_ne!(&mended, &text);
                prop_assert_eq!(of(&documents, &mended), Mended::Unchanged);
            }
        }
    }
}
