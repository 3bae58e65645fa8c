//! The members of a property that say how its incoming values are written.

use serde_json::{Map, Value as Json};

use crate::schema::Report;
use crate::{
    Ambiguous, DataType, DecimalSeparator, Dialect, DialectOption, MAX_TOKEN_CHARS, MAX_TOKENS, TimeFormat,
    ViolationCode, Zone,
};

impl Report {
    /// The dialect that the members of a property describe; `None` when there are none.
    pub(super) fn dialect(
        &mut self,
        pointer: &str,
        data_type: DataType,
        object: &Map<String, Json>,
    ) -> Option<Box<Dialect>> {
        let mut dialect = Dialect::default();
        for option in DialectOption::ALL {
            let Some(value) = object.get(option.name()).filter(|value| !value.is_null()) else { continue };
            let at = format!("{pointer}/{}", option.name());
            if !option.applies_to(data_type) {
                let detail = format!("`{}` does not apply to the type `{data_type}`", option.name());
                self.add(&at, ViolationCode::InvalidConstraint, detail);
                continue;
            }
            match option {
                DialectOption::TimeZone => dialect.time_zone = self.zone(&at, value),
                DialectOption::Ambiguous => dialect.ambiguous = self.ambiguous(&at, value),
                DialectOption::Formats => dialect.formats = self.formats(&at, data_type, value),
                DialectOption::NullTokens => dialect.null_tokens = self.tokens(&at, value),
                DialectOption::TrueTokens => dialect.true_tokens = self.tokens(&at, value),
                DialectOption::FalseTokens => dialect.false_tokens = self.tokens(&at, value),
                DialectOption::DecimalSeparator => dialect.decimal_separator = self.separator(&at, value),
                DialectOption::Trim => dialect.trims = self.flag(&at, Some(value)),
                DialectOption::Truncate => dialect.truncates = self.flag(&at, Some(value)),
                DialectOption::Stringify => dialect.stringifies = self.flag(&at, Some(value)),
            }
        }
        if dialect.is_empty() {
            return None;
        }
        self.contradictions(pointer, data_type, &dialect);
        Some(Box::new(dialect.ready_for(data_type)))
    }

    fn zone(&mut self, pointer: &str, value: &Json) -> Option<Zone> {
        let name = self.text(pointer, Some(value))?;
        let zone = Zone::parse(name);
        if zone.is_none() {
            let names = Zone::names();
            let hint = self.hint(name, names.iter().map(String::as_str));
            let hint = hint.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            let detail = format!("it is the name of a zone in the IANA database, such as `Europe/Berlin`{hint}");
            self.add(pointer, ViolationCode::InvalidConstraint, detail);
        }
        zone
    }

    fn ambiguous(&mut self, pointer: &str, value: &Json) -> Option<Ambiguous> {
        let name = self.text(pointer, Some(value))?;
        let ambiguous = name.parse().ok();
        if ambiguous.is_none() {
            let detail = format!("it is one of {}", Ambiguous::NAMES.join(", "));
            self.add(pointer, ViolationCode::InvalidConstraint, detail);
        }
        ambiguous
    }

    fn separator(&mut self, pointer: &str, value: &Json) -> Option<DecimalSeparator> {
        match self.text(pointer, Some(value))? {
            "." => Some(DecimalSeparator::Point),
            "," => Some(DecimalSeparator::Comma),
            _ => {
                self.add(pointer, ViolationCode::InvalidConstraint, "it is `.` or `,`");
                None
            }
        }
    }

    fn formats(&mut self, pointer: &str, data_type: DataType, value: &Json) -> Vec<TimeFormat> {
        let Some(parts) = data_type.time_parts() else { return Vec::new() };
        let texts = self.tokens(pointer, value);
        let mut formats = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            match TimeFormat::parse(text, parts) {
                Ok(format) => formats.push(format),
                Err(detail) => self.add(&format!("{pointer}/{index}"), ViolationCode::InvalidConstraint, detail),
            }
        }
        formats
    }

    /// A list of texts, each once.
    fn tokens(&mut self, pointer: &str, value: &Json) -> Vec<String> {
        let Json::Array(list) = value else {
            self.mismatch(pointer, "array", value);
            return Vec::new();
        };
        if !(1..=MAX_TOKENS).contains(&list.len()) {
            let detail = format!("it has 1 to {MAX_TOKENS} texts, not {}", list.len());
            self.add(pointer, ViolationCode::WrongCount, detail);
            return Vec::new();
        }
        let mut tokens = Vec::with_capacity(list.len());
        for (index, token) in list.iter().enumerate() {
            let at = format!("{pointer}/{index}");
            let Some(token) = self.text(&at, Some(token)) else { continue };
            if token.chars().count() > MAX_TOKEN_CHARS {
                self.add(&at, ViolationCode::TooLong, format!("it has at most {MAX_TOKEN_CHARS} characters"));
            } else if tokens.iter().any(|known| known == token) {
                self.add(&at, ViolationCode::InvalidConstraint, "the text is given twice");
            } else {
                tokens.push(token.to_owned());
            }
        }
        tokens
    }

    /// Reports what cannot be meant together.
    fn contradictions(&mut self, pointer: &str, data_type: DataType, dialect: &Dialect) {
        let mut add = |option: DialectOption, detail: &str| {
            self.add(&format!("{pointer}/{}", option.name()), ViolationCode::InvalidConstraint, detail);
        };
        if dialect.ambiguous.is_some() && dialect.time_zone.is_none() {
            add(DialectOption::Ambiguous, "it needs `time_zone`");
        }
        let is_instant = data_type.time_parts().is_some_and(|parts| parts.has_day && parts.has_clock);
        if is_instant && dialect.time_zone.is_none() && !dialect.formats.iter().all(TimeFormat::has_offset) {
            add(DialectOption::Formats, "a pattern without an offset, such as `%z`, needs `time_zone`");
        }
        if dialect.formats.iter().filter(|format| matches!(format, TimeFormat::Epoch(_))).count() > 1 {
            add(DialectOption::Formats, "whether a number counts in the one unit or the other cannot be told");
        }
        let is_word = |token: &String, word: &str| token.eq_ignore_ascii_case(word);
        let are_words = data_type.family() == crate::Family::Boolean;
        for (option, tokens, others) in [
            (DialectOption::NullTokens, &dialect.null_tokens, &dialect.true_tokens),
            (DialectOption::NullTokens, &dialect.null_tokens, &dialect.false_tokens),
            (DialectOption::TrueTokens, &dialect.true_tokens, &dialect.false_tokens),
        ] {
            if tokens.iter().any(|token| others.contains(token)) {
                add(option, "a text stands for two values");
            }
        }
        if are_words && dialect.null_tokens.iter().any(|token| is_word(token, "true") || is_word(token, "false")) {
            add(DialectOption::NullTokens, "`true` and `false` stand for themselves");
        }
        if dialect.true_tokens.iter().any(|token| is_word(token, "false")) {
            add(DialectOption::TrueTokens, "`false` stands for itself");
        }
        if dialect.false_tokens.iter().any(|token| is_word(token, "true")) {
            add(DialectOption::FalseTokens, "`true` stands for itself");
        }
        for (option, tokens) in [
            (DialectOption::NullTokens, &dialect.null_tokens),
            (DialectOption::TrueTokens, &dialect.true_tokens),
            (DialectOption::FalseTokens, &dialect.false_tokens),
        ] {
            if tokens.iter().any(|token| dialect.trimmed(token) != token) {
                add(option, "`trim` cuts the white space around a text before it is compared");
            }
        }
    }
}

/// Adds the members that describe a dialect.
pub(super) fn add_members(dialect: &Dialect, document: &mut Map<String, Json>) {
    let texts = |texts: &[String]| (!texts.is_empty()).then(|| Json::from(texts));
    for option in DialectOption::ALL {
        let value = match option {
            DialectOption::TimeZone => dialect.time_zone.as_ref().map(|zone| zone.name().into()),
            DialectOption::Ambiguous => dialect.ambiguous.map(|ambiguous| ambiguous.name().into()),
            DialectOption::Formats => {
                let formats: Vec<&str> = dialect.formats.iter().map(TimeFormat::text).collect();
                (!formats.is_empty()).then(|| formats.into())
            }
            DialectOption::NullTokens => texts(&dialect.null_tokens),
            DialectOption::TrueTokens => texts(&dialect.true_tokens),
            DialectOption::FalseTokens => texts(&dialect.false_tokens),
            DialectOption::DecimalSeparator => dialect.decimal_separator.map(|separator| match separator {
                DecimalSeparator::Point => ".".into(),
                DecimalSeparator::Comma => ",".into(),
            }),
            DialectOption::Trim => dialect.trims.then_some(true.into()),
            DialectOption::Truncate => dialect.truncates.then_some(true.into()),
            DialectOption::Stringify => dialect.stringifies.then_some(true.into()),
        };
        if let Some(value) = value {
            document.insert(option.name().into(), value);
        }
    }
}
