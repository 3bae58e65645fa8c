//! One column of a sample: which types take its values, where it lacks one, and which values come again.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use eider_domain::{DataType, Family, MAX_DECIMAL_PRECISION};

use super::forms::{Forms, null_word};

/// Lines that are named of the records that break a choice.
const NAMED_LINES: usize = 5;
/// Of so many values one may come again for a column to be of interest as a key.
pub const VALUES_A_REPETITION: u64 = 100;
/// So many may come again before the values of a column are no longer told apart, and one more for each of
/// [`VALUES_A_REPETITION`] that are different.
const FORGIVEN_REPETITIONS: u64 = 100;
/// Longest value, in bytes, that is compared with the one before it.
const MAX_ASCENT_BYTES: usize = 64;
/// Most different texts of a column that could be an enumeration.
const ENUM_VALUES: usize = 20;
/// Longest text of an enumeration, in bytes.
const ENUM_TEXT_BYTES: usize = 100;

/// What a type makes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It takes it.
    Fits,
    /// A decimal takes it that has so many digits before and after the point.
    Digits(usize, usize),
    /// It takes it, and forgets digits of it.
    Rounds,
    /// It takes it for null.
    Null,
    /// It refuses it.
    Breaks,
}

/// As what a value is told from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Identity<'a> {
    /// A text.
    Text(&'a str),
    /// Anything else that is compared, as its own text.
    Other(&'a str),
    /// Nested JSON is not compared.
    None,
}

/// Records that something is true of: how many, and the lines of the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// How many.
    pub count: u64,
    /// The lines of the first.
    pub lines: Vec<u64>,
}

impl Noted {
    fn join(&mut self, other: &Self) {
        self.count += other.count;
        self.lines.extend(&other.lines);
        self.lines.sort_unstable();
        self.lines.truncate(NAMED_LINES);
    }

    pub(crate) fn add(&mut self, line: u64) {
        self.count += 1;
        if self.lines.len() < NAMED_LINES {
            self.lines.push(line);
        }
    }
}

/// A type that a column may have, and what it makes of the values.
#[derive(Debug)]
pub struct Candidate {
    /// The type as it was tried; a decimal whose digits are counted has others.
    pub data_type: DataType,
    /// Values that it takes as they are.
    pub fits: u64,
    /// Values that it takes and forgets digits of.
    pub rounded: Noted,
    /// Most digits before and after the point, of a decimal whose digits were counted.
    digits: Option<(usize, usize)>,
    /// Records with values that it does not take.
    pub broken: Noted,
    /// How many of them are words that stand for null elsewhere.
    pub nullish: u64,
    /// Records with values that it takes once the white space around them is gone.
    pub padded: Noted,
    /// Records without a value; until the sample has ended, those with one that the type takes for null.
    pub lacking: Noted,
}

/// The values of a column, as far as they are told apart.
#[derive(Debug, Default)]
pub struct Values {
    /// The hashes of the values; `None` once too many came again, or there are too many to remember.
    seen: Option<HashSet<u64>>,
    /// The values, as long as each comes behind the one before it, so that none comes twice however many there are.
    ascent: Ascent,
    /// Whether there were too many to remember.
    pub is_forgotten: bool,
    /// Records whose value came before.
    pub repeated: Noted,
    /// The texts, in the order in which they came; `None` once they are no enumeration.
    pub texts: Option<Vec<String>>,
}

/// Values that come one behind the other, the shorter first and then by their bytes, as numbers do that are counted.
#[derive(Debug, Default)]
enum Ascent {
    /// There was none.
    #[default]
    Before,
    /// The last of them.
    At(String),
    /// One did not come behind the one before it, or was too long to tell.
    Broken,
}

impl Ascent {
    fn observe(&mut self, value: &str) {
        match self {
            _ if value.len() > MAX_ASCENT_BYTES => *self = Self::Broken,
            Self::Before => *self = Self::At(value.to_owned()),
            Self::At(last) if (last.len(), last.as_str()) < (value.len(), value) => {
                last.clear();
                last.push_str(value);
            }
            Self::At(_) => *self = Self::Broken,
            Self::Broken => {}
        }
    }
}

/// A column of a sample.
#[derive(Debug)]
pub struct Column {
    /// Its name in the source.
    pub name: String,
    /// What becomes of the type that it has in the source, where that is none of a property.
    pub form: Option<String>,
    /// The strictest first, and at least one.
    pub candidates: Vec<Candidate>,
    /// Records with a value.
    met: u64,
    /// The lines of the first records without one, which no type has to be asked for.
    lacking: Vec<u64>,
    /// What is known of its values.
    pub values: Values,
    /// What is known of its texts.
    pub forms: Forms,
}

/// What is seen of a text at once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Glance {
    /// There is white space around it.
    pub(crate) is_padded: bool,
    /// The word that it is, of those that stand for null elsewhere.
    pub(crate) null_word: Option<&'static str>,
}

impl Glance {
    /// At a text.
    pub(crate) fn at(text: &str) -> Self {
        let trimmed = text.trim();
        Self { is_padded: trimmed.len() < text.len(), null_word: null_word(trimmed) }
    }
}

impl Column {
    /// A column that may have one of these types, the strictest first; the records of `earlier` lack it.
    pub(crate) fn new(name: String, types: &[DataType], earlier: &Noted) -> Self {
        let candidate = |data_type: &DataType| Candidate {
            data_type: *data_type,
            fits: 0,
            rounded: Noted::default(),
            digits: None,
            broken: Noted::default(),
            nullish: 0,
            padded: Noted::default(),
            lacking: Noted::default(),
        };
        let values = Values { seen: Some(HashSet::new()), texts: Some(Vec::new()), ..Values::default() };
        let candidates = types.iter().map(candidate).collect();
        Self { name, form: None, candidates, met: 0, lacking: earlier.lines.clone(), values, forms: Forms::default() }
    }

    /// Takes note of a record without a value. Not every one has to be: they are counted by those that have one.
    pub(crate) fn lack(&mut self, line: u64) {
        if self.wants_lacking() {
            self.lacking.push(line);
        }
    }

    /// Whether records without a value are still of interest.
    pub(crate) fn wants_lacking(&self) -> bool {
        self.lacking.len() < NAMED_LINES
    }

    /// Ends a sample of so many records: each type is told of those without a value.
    pub(crate) fn settle(&mut self, records: u64) {
        let lacking = Noted { count: records.saturating_sub(self.met), lines: std::mem::take(&mut self.lacking) };
        for candidate in &mut self.candidates {
            candidate.lacking.join(&lacking);
        }
    }

    /// Takes note of a value: what each type makes of it, in the order of the types; of a text without the white space
    /// around it, unless it is of the type.
    pub(crate) fn observe(&mut self, line: u64, fits: &[Fit], glance: Glance, identity: Identity<'_>, room: &mut Room) {
        self.met += 1;
        for (candidate, fit) in self.candidates.iter_mut().zip(fits) {
            let is_read = *fit != Fit::Breaks || glance.null_word.is_some();
            if glance.is_padded && candidate.is_trimmed() && is_read {
                candidate.padded.add(line);
            }
            match fit {
                Fit::Fits => candidate.fits += 1,
                Fit::Rounds => candidate.rounded.add(line),
                Fit::Digits(whole, fraction) => {
                    candidate.fits += 1;
                    let (most_whole, most_fraction) = candidate.digits.unwrap_or_default();
                    candidate.digits = Some((most_whole.max(*whole), most_fraction.max(*fraction)));
                }
                Fit::Null => candidate.lacking.add(line),
                Fit::Breaks => {
                    candidate.broken.add(line);
                    candidate.nullish += u64::from(glance.null_word.is_some());
                }
            }
        }
        self.values.observe(line, identity, room);
    }

    /// Takes over what is known of a column that has values where this one has none, of so many records.
    pub(crate) fn join(&mut self, other: Self, records: u64) {
        for (one, other) in self.candidates.iter_mut().zip(other.candidates) {
            one.fits += other.fits;
            one.rounded.join(&other.rounded);
            one.broken.join(&other.broken);
            one.nullish += other.nullish;
            one.padded.join(&other.padded);
            one.digits = match (one.digits, other.digits) {
                (Some((whole, fraction)), Some((other_whole, other_fraction))) => {
                    Some((whole.max(other_whole), fraction.max(other_fraction)))
                }
                (one, other) => one.or(other),
            };
            // Each lacks what the other has.
            one.lacking.count = (one.lacking.count + other.lacking.count).saturating_sub(records);
            one.lacking.lines.retain(|line| other.lacking.lines.contains(line));
        }
        self.values.join(other.values);
        self.forms.join(other.forms);
    }

    /// The type that the column is best given: the strictest that keeps every value as it is, but for words that stand
    /// for null, or else the one that takes most; without any value text, if it may be.
    pub fn choice(&self) -> Option<&Candidate> {
        let possible = || self.candidates.iter().filter(|candidate| candidate.is_possible());
        let keeps_all =
            |candidate: &&Candidate| candidate.fits > 0 && candidate.takes_all() && candidate.rounded.count == 0;
        let whole = possible().find(keeps_all);
        // Of those that take most, the one that keeps most, and then the strictest.
        let taken = |candidate: &&Candidate| (candidate.fits + candidate.rounded.count, candidate.fits);
        let most = || possible().rev().max_by_key(taken);
        let text = || self.candidates.iter().find(|candidate| candidate.data_type == DataType::String);
        let without_values = || text().or(self.candidates.first());
        whole.or_else(|| most().filter(|candidate| taken(candidate).0 > 0)).or_else(without_values)
    }
}

impl Candidate {
    /// Whether it takes every value that is no word for null, where a property of the type can say which those are.
    pub fn takes_all(&self) -> bool {
        let may_say_so = self.data_type.family() != Family::Nested;
        self.broken.count == if may_say_so { self.nullish } else { 0 }
    }

    /// Whether white space around its values is none of them.
    pub(crate) fn is_trimmed(&self) -> bool {
        is_trimmed(self.data_type)
    }

    /// Whether there is such a type: a decimal has so many digits and no more.
    fn is_possible(&self) -> bool {
        self.digits.is_none_or(|(whole, fraction)| whole + fraction <= usize::from(MAX_DECIMAL_PRECISION))
    }

    /// Whether it is a decimal that is made of what numbers need.
    pub fn counts_digits(&self) -> bool {
        self.digits.is_some()
    }

    /// The type itself. A decimal has all the digits that there are, so that values beyond the sample find room.
    pub fn data_type(&self) -> DataType {
        match self.digits {
            Some((_, fraction)) => DataType::Decimal {
                precision: MAX_DECIMAL_PRECISION,
                scale: u8::try_from(fraction).unwrap_or(MAX_DECIMAL_PRECISION),
            },
            None => self.data_type,
        }
    }
}

/// Whether white space around values of a type is none of them.
pub(crate) fn is_trimmed(data_type: DataType) -> bool {
    !matches!(data_type.family(), Family::Text | Family::Nested)
}

/// How many values are remembered to be told from others.
#[derive(Debug)]
pub(crate) struct Room {
    /// What values of all columns are told apart by.
    pub(crate) hasher: RandomState,
    /// Values that can still be remembered, of all columns.
    pub(crate) values: usize,
}

impl Values {
    fn observe(&mut self, line: u64, identity: Identity<'_>, room: &mut Room) {
        match identity {
            Identity::None => {
                room.values += self.seen.take().map_or(0, |seen| seen.len());
                (self.texts, self.ascent) = (None, Ascent::Broken);
            }
            Identity::Other(text) => {
                self.texts = None;
                self.ascent.observe(text);
            }
            Identity::Text(text) => {
                self.observe_text(text);
                self.ascent.observe(text);
            }
        }
        let Some(seen) = &mut self.seen else { return };
        let is_new = seen.insert(room.hasher.hash_one(identity));
        if is_new {
            room.values = room.values.saturating_sub(1);
        } else {
            self.repeated.add(line);
        }
        let different = seen.len() as u64;
        if room.values == 0 || self.repeated.count > FORGIVEN_REPETITIONS + different / VALUES_A_REPETITION {
            self.is_forgotten = room.values == 0;
            room.values += seen.len();
            self.seen = None;
        }
    }

    fn observe_text(&mut self, text: &str) {
        let Some(texts) = &mut self.texts else { return };
        if texts.iter().any(|known| known == text) {
            return;
        }
        if texts.len() == ENUM_VALUES || text.len() > ENUM_TEXT_BYTES {
            self.texts = None;
        } else {
            texts.push(text.to_owned());
        }
    }

    fn join(&mut self, other: Self) {
        self.ascent = Ascent::Broken;
        self.repeated.join(&other.repeated);
        self.seen = self.seen.take().zip(other.seen).map(|(mut seen, others)| {
            for hash in others {
                self.repeated.count += u64::from(!seen.insert(hash));
            }
            seen
        });
        let texts = self.texts.take().zip(other.texts).map(|(mut texts, others)| {
            let new: Vec<String> = others.into_iter().filter(|text| !texts.contains(text)).collect();
            texts.extend(new);
            texts
        });
        self.texts = texts.filter(|texts| texts.len() <= ENUM_VALUES);
    }

    /// Whether it is known which values came again.
    pub fn are_known(&self) -> bool {
        self.seen.is_some() || matches!(self.ascent, Ascent::At(_))
    }
}
