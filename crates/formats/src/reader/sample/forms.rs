//! Texts that a property takes once it says how they are written: dates by their patterns, numbers with a comma.
//!
//! Each form is a property of its own with that said, so that what takes a text is decided by the code that reads it
//! later. A column keeps the forms that have taken all of its texts so far.

use eider_domain::{DataType, Family, Incoming, Slot};
use serde_json::{Map, Value as Json, json};

use super::digits::is_rounded;
use super::rows::TypeTrial;

/// Words that stand for null in files of others: what R, pandas, SQL, spreadsheets and surveys write.
const NULL_WORDS: [&str; 16] =
    ["NA", "N/A", "n/a", "#N/A", "NULL", "null", "Null", "None", "nil", "NaN", "nan", "\\N", "-", "--", "?", "."];

/// Words that stand for true and false beside each other, in lower case.
const TRUTHS: [(&str, &str); 4] = [("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off")];

/// Longest text of a form that is looked at, in bytes.
const MAX_FORM_BYTES: usize = 40;

/// Patterns of dates. Those of two digits for the year come last.
const DATES: [&str; 13] = [
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d %b %Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
];
/// Patterns of times of day.
const TIMES: [&str; 3] = ["%H:%M", "%I:%M %p", "%I:%M:%S %p"];
/// Patterns of instants.
const INSTANTS: [&str; 3] = ["%Y-%m-%d %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %z"];
/// Patterns of instants that name their zone.
const INSTANTS_IN_UTC: [&str; 2] = ["%Y-%m-%d %H:%M:%S UTC", "%a, %d %b %Y %H:%M:%S GMT"];
/// Patterns of instants whose zone nobody says.
const INSTANTS_SOMEWHERE: [&str; 9] = [
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
];
/// The zone that stands for the one nobody says.
const ANY_ZONE: &str = "UTC";

/// A form of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// The type that takes them.
    pub data_type: DataType,
    /// The members of a property that say how they are written.
    pub options: Map<String, Json>,
    /// Whether they are times whose zone is not known, so that the type takes them only once someone says which.
    pub lacks_zone: bool,
}

impl Form {
    fn new(data_type: DataType, options: Json, lacks_zone: bool) -> Self {
        let Json::Object(options) = options else { return Self { data_type, options: Map::new(), lacks_zone } };
        Self { data_type, options, lacks_zone }
    }

    /// All forms that texts are tried as.
    pub(super) fn all() -> Vec<Self> {
        let of = |data_type| move |pattern: &&str| Self::new(data_type, json!({"formats": [pattern]}), false);
        let zoned = |pattern: &&str, lacks_zone| {
            Self::new(DataType::Datetime, json!({"formats": [pattern], "time_zone": ANY_ZONE}), lacks_zone)
        };
        let mut forms = vec![
            Self::new(DataType::Number, json!({"decimal_separator": ","}), false),
            Self::new(DataType::Datetime, json!({"time_zone": ANY_ZONE}), true),
        ];
        forms.extend(DATES.iter().map(of(DataType::Date)));
        forms.extend(TIMES.iter().map(of(DataType::Time)));
        forms.extend(INSTANTS.iter().map(of(DataType::Datetime)));
        forms.extend(INSTANTS_IN_UTC.iter().map(|pattern| zoned(pattern, false)));
        forms.extend(INSTANTS_SOMEWHERE.iter().map(|pattern| zoned(pattern, true)));
        forms
    }

    /// The property that takes texts of the form.
    pub(super) fn property(&self, name: &str) -> Json {
        let mut property = self.options.clone();
        property.insert("name".into(), name.into());
        property.insert("type".into(), self.data_type.name().into());
        Json::Object(property)
    }

    /// The patterns that it names, for a person.
    pub fn patterns(&self) -> String {
        let patterns = self.options.get("formats").and_then(Json::as_array).into_iter().flatten();
        patterns.filter_map(Json::as_str).map(|pattern| format!("`{pattern}`")).collect::<Vec<_>>().join(", ")
    }

    fn is_number(&self) -> bool {
        self.data_type.family() == Family::Number
    }
}

/// What is known of the texts of a column.
#[derive(Debug, Default)]
pub struct Forms {
    /// The places of the forms that took every text so far; `None` before the first.
    alive: Option<Vec<usize>>,
    /// Texts that they took.
    pub taken: u64,
    /// Whether a number with a comma can be none between thousands.
    has_fraction: bool,
    /// Whether a double would forget digits of a number with a comma.
    is_rounded: bool,
    /// Whether a text had white space around it.
    pub is_padded: bool,
    /// The words met that stand for null, in the order in which they came.
    pub null_words: Vec<&'static str>,
    /// How its texts stand in quotes, where the format has quotes.
    pub(super) quotes: Quotes,
}

/// Which of the texts of a column stand in quotes.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a kind of text of its own")]
pub(super) struct Quotes {
    pub(super) quoted_texts: bool,
    pub(super) bare_texts: bool,
    pub(super) quoted_words: bool,
    pub(super) bare_words: bool,
}

impl Forms {
    /// Whether words that stand for null are told from texts by their quotes: all texts have some, and no word has any.
    pub fn has_bare_nulls(&self) -> bool {
        let Quotes { quoted_texts, bare_texts, quoted_words, bare_words } = self.quotes;
        quoted_texts && bare_words && !bare_texts && !quoted_words
    }

    /// Takes note of a text, which is no word for null.
    pub(super) fn observe(&mut self, text: &str, trial: &mut TypeTrial<'_>) {
        let alive = self.alive.get_or_insert_with(|| (0..trial.forms.len()).collect());
        if alive.is_empty() {
            return;
        }
        let forms = trial.forms;
        let is_plausible = text.len() <= MAX_FORM_BYTES && text.contains(|c: char| c.is_ascii_digit());
        alive.retain(|place| {
            let is_number =
                text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && !text.contains(['.', ':', ' ']);
            is_plausible && forms[*place].is_number() <= is_number && trial.takes_form(*place, text)
        });
        self.taken += 1;
        if alive.iter().any(|place| forms[*place].is_number()) {
            self.observe_number(text);
        }
    }

    /// Takes note of a value that is no text. Numbers are taken beside those with a comma.
    pub(super) fn observe_other(&mut self, written: &str, token: &Incoming<'_>, trial: &TypeTrial<'_>) {
        let alive = self.alive.get_or_insert_with(|| (0..trial.forms.len()).collect());
        let is_number = matches!(token, Incoming::Integer(_) | Incoming::Unsigned(_) | Incoming::Number(_));
        alive.retain(|place| is_number && trial.forms[*place].is_number());
        self.is_rounded |= is_number && is_rounded(written);
    }

    fn observe_number(&mut self, text: &str) {
        let Some((whole, fraction)) = text.split_once(',') else {
            self.is_rounded |= is_rounded(text);
            return;
        };
        let whole = whole.trim_start_matches('-');
        // `1,234` may be a thousand; `1,5`, `0,123` and `1234,567` are not.
        self.has_fraction |= fraction.len() != 3 || whole.len() > 3 || whole.starts_with('0');
        self.is_rounded |= is_rounded(&text.replacen(',', ".", 1));
    }

    /// Takes over what is known of the texts of a column that has values where this one has none.
    pub(super) fn join(&mut self, other: Self) {
        self.alive = match (self.alive.take(), other.alive) {
            (Some(alive), Some(others)) => Some(alive.into_iter().filter(|place| others.contains(place)).collect()),
            (one, other) => one.or(other),
        };
        self.taken += other.taken;
        self.has_fraction |= other.has_fraction;
        self.is_rounded |= other.is_rounded;
        self.is_padded |= other.is_padded;
        let new = other.null_words.into_iter().filter(|word| !self.null_words.contains(word));
        self.null_words.extend(new.collect::<Vec<_>>());
    }

    /// The forms that took every text.
    pub fn found<'f>(&self, forms: &'f [Form]) -> Vec<&'f Form> {
        let alive = self.alive.as_deref().unwrap_or_default().iter();
        let is_sure = |form: &&Form| !form.is_number() || (self.has_fraction && !self.is_rounded);
        alive.filter(|_| self.taken > 0).filter_map(|place| forms.get(*place)).filter(is_sure).collect()
    }
}

/// The word for null that a text is.
pub(super) fn null_word(text: &str) -> Option<&'static str> {
    if text.len() > 4 { None } else { NULL_WORDS.into_iter().find(|word| *word == text) }
}

/// The texts of a column that stand for true and for false, if it has no others.
pub fn truths<'t>(texts: &[&'t str]) -> Option<(Vec<&'t str>, Vec<&'t str>)> {
    TRUTHS.into_iter().find_map(|(truth, falsehood)| {
        let (yes, rest): (Vec<&str>, Vec<&str>) = texts.iter().partition(|text| text.eq_ignore_ascii_case(truth));
        let is_found = !yes.is_empty() && !rest.is_empty();
        (is_found && rest.iter().all(|text| text.eq_ignore_ascii_case(falsehood))).then_some((yes, rest))
    })
}

impl TypeTrial<'_> {
    /// Whether the property of a form takes a text.
    fn takes_form(&mut self, place: usize, text: &str) -> bool {
        let slot = Slot::Property(super::rows::TYPES.len() + place);
        let is_taken = self.check.value(slot, Incoming::Text(text.into())).is_some();
        if !is_taken {
            self.check.abandon();
        }
        is_taken
    }
}
