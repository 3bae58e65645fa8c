//! A sample while it is read: its columns, and the records that no schema could take.

use std::collections::{HashMap, HashSet};
use std::hash::RandomState;

use eider_domain::{DataType, Incoming, MAX_ALIAS_CHARS, MAX_PROPERTIES, SchemaDefinition, abbreviate};

use super::column::{Column, Fit, Glance, Identity, Noted, Room};
use super::forms::Form;
use super::rows::TypeTrial;
use crate::reader::ReadError;

/// Values that are remembered of all columns together, to be told from others.
const REMEMBERED_VALUES: usize = 2_000_000;

/// Longest nested JSON that is told from others.
const MAX_ID_BYTES: usize = 64;

/// What has been seen of a sample. Memory does not grow with its values.
#[derive(Debug)]
pub struct Survey {
    /// The columns, in the order in which they were met.
    pub columns: Vec<Column>,
    /// Records that a schema could take.
    pub readable: Noted,
    /// Records that are none of any schema: malformed, too large, with a key twice.
    pub unreadable: Noted,
    /// Whether there are no records beside those that were looked at.
    pub is_whole: bool,
    /// The forms that texts were tried as.
    pub forms: Vec<Form>,
    /// The schema that the body says it is of, or why that is not believed; `None` where it says nothing.
    pub carried: Option<Result<SchemaDefinition, String>>,
    room: Room,
    /// Names in lower case of which records have several spellings at once, so that each is a column of its own.
    spelled_apart: HashSet<String>,
}

impl Survey {
    /// Of no records yet.
    pub(crate) fn new() -> Self {
        let room = Room { hasher: RandomState::new(), values: REMEMBERED_VALUES };
        Self {
            columns: Vec::new(),
            readable: Noted::default(),
            unreadable: Noted::default(),
            is_whole: false,
            forms: Form::all(),
            carried: None,
            room,
            spelled_apart: HashSet::new(),
        }
    }

    /// Records looked at.
    pub fn records(&self) -> u64 {
        self.readable.count + self.unreadable.count
    }

    /// How many columns there are.
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// A column that the records up to now lacked; its place.
    ///
    /// # Errors
    /// [`ReadError::MalformedBody`] when there are more columns than a schema may have properties, or the name is longer than
    /// an alias may be.
    pub(crate) fn add_column(&mut self, name: String, types: &[DataType]) -> Result<usize, ReadError> {
        if self.columns.len() > MAX_PROPERTIES {
            let detail = format!("there are more than {MAX_PROPERTIES} names, of which no schema has properties");
            return Err(ReadError::MalformedBody { detail });
        }
        if name.chars().count() > MAX_ALIAS_CHARS {
            let detail = format!("the name `{}` has more than {MAX_ALIAS_CHARS} characters", abbreviate(&name));
            return Err(ReadError::MalformedBody { detail });
        }
        self.columns.push(Column::new(name, types, &self.readable));
        Ok(self.columns.len() - 1)
    }

    /// Takes note of a value: what each type of its column makes of it.
    pub(crate) fn observe(&mut self, column: usize, line: u64, fits: &[Fit], identity: Identity<'_>) {
        self.columns[column].observe(line, fits, Glance::default(), identity, &mut self.room);
    }

    /// Takes note of a text in the same way, and of the forms that it may be one of.
    pub(crate) fn observe_text(
        &mut self,
        column: usize,
        line: u64,
        fits: &[Fit],
        text: &str,
        trial: &mut TypeTrial<'_>,
    ) {
        let glance = Glance::at(text);
        let column = &mut self.columns[column];
        column.observe(line, fits, glance, Identity::Text(text), &mut self.room);
        column.forms.is_padded |= glance.is_padded;
        match glance.null_word {
            Some(word) if column.forms.null_words.contains(&word) => {}
            Some(word) => column.forms.null_words.push(word),
            None => column.forms.observe(text.trim(), trial),
        }
    }

    /// Takes note of whether a text stands in quotes.
    pub(crate) fn observe_quotes(&mut self, column: usize, text: &str, is_quoted: bool) {
        let quotes = &mut self.columns[column].forms.quotes;
        match (Glance::at(text).null_word.is_some(), is_quoted) {
            (true, true) => quotes.quoted_words = true,
            (true, false) => quotes.bare_words = true,
            (false, true) => quotes.quoted_texts = true,
            (false, false) => quotes.bare_texts = true,
        }
    }

    /// Takes note of another value in the same way.
    pub(crate) fn observe_other(
        &mut self,
        column: usize,
        line: u64,
        fits: &[Fit],
        (written, token): (&str, &Incoming<'_>),
        trial: &TypeTrial<'_>,
    ) {
        let identity = match token {
            // Short ones are ids of some sources.
            Incoming::Object(_) if written.len() <= MAX_ID_BYTES => Identity::Other(written),
            Incoming::Object(_) | Incoming::Array(_) => Identity::None,
            _ => Identity::Other(written),
        };
        self.observe(column, line, fits, identity);
        self.columns[column].forms.observe_other(written, token, trial);
    }

    /// Takes note of a record without a value; whether the next one without is of interest, too.
    pub(crate) fn lack(&mut self, column: usize, line: u64) -> bool {
        self.columns[column].lack(line);
        self.columns[column].wants_lacking()
    }

    /// Ends a record of which every column has been noted.
    pub(crate) fn accept(&mut self, line: u64) {
        self.readable.add(line);
    }

    /// Takes note that one record has values in all of these columns.
    pub(crate) fn tell_apart(&mut self, columns: impl Iterator<Item = usize>) {
        let mut lower = HashSet::new();
        for column in columns {
            if let Some(twice) = lower.replace(self.columns[column].name.to_ascii_lowercase()) {
                self.spelled_apart.insert(twice);
            }
        }
    }

    /// At its end.
    pub(crate) fn settled(mut self) -> Self {
        self.columns.iter_mut().for_each(|column| column.settle(self.readable.count));
        self
    }

    /// At its end, with columns put together whose names differ in case alone, and of which no record has two.
    pub(crate) fn with_joined_spellings(self) -> Self {
        let mut survey = self.settled();
        survey.join_spellings();
        survey
    }

    fn join_spellings(&mut self) {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut joined: Vec<Column> = Vec::with_capacity(self.columns.len());
        for column in self.columns.drain(..) {
            let lower = column.name.to_ascii_lowercase();
            match places.get(&lower) {
                Some(place) if !self.spelled_apart.contains(&lower) => joined[*place].join(column, self.readable.count),
                _ => {
                    places.insert(lower, joined.len());
                    joined.push(column);
                }
            }
        }
        self.columns = joined;
    }

    /// Takes note of a record that is none of any schema.
    pub(crate) fn refuse(&mut self, line: u64) {
        self.unreadable.add(line);
    }
}
