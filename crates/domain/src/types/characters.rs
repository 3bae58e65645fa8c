//! Sets of characters, written as they stand between the brackets of a regular expression.

/// The characters that a text may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CharacterSet {
    text: String,
    ranges: Vec<(char, char)>,
}

impl CharacterSet {
    /// Parses characters and ranges such as `A-Z`; `-` in front or at the end is itself. `None` when there are none, or a
    /// range ends before it begins.
    pub fn parse(text: &str) -> Option<Self> {
        let characters: Vec<char> = text.chars().collect();
        let (mut ranges, mut at) = (Vec::new(), 0);
        while let Some(first) = characters.get(at).copied() {
            match (characters.get(at + 1), characters.get(at + 2).copied()) {
                (Some('-'), Some(last)) if first <= last => {
                    ranges.push((first, last));
                    at += 3;
                }
                (Some('-'), Some(_)) => return None,
                _ => {
                    ranges.push((first, first));
                    at += 1;
                }
            }
        }
        (!ranges.is_empty()).then(|| Self { text: text.to_owned(), ranges })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first and the last character of each range.
    pub fn ranges(&self) -> &[(char, char)] {
        &self.ranges
    }

    /// Whether a text may have this character.
    pub fn contains(&self, character: char) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&character))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_single_characters_stand_beside_each_other() {
        let set = CharacterSet::parse("-A-Cx9^]é-").unwrap();
        let found: String = ('\0'..='ÿ').filter(|character| set.contains(*character)).collect();
        assert_eq!(found, "-9ABC]^xé");
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_none() {
        assert_eq!(CharacterSet::parse("Z-A"), None);
        assert_eq!(CharacterSet::parse(""), None);
    }
}
