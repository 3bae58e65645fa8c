//! What a client may do: verbs, on the schemas that patterns match.

use std::collections::BTreeSet;
use std::fmt;

use crate::{MAX_SCHEMA_NAME_CHARS, SchemaName, UnknownName};

/// Something that a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Shows and lists schemas.
    SchemasRead,
    /// Creates and removes schemas.
    SchemasWrite,
    /// Reads records.
    RecordsRead,
    /// Creates records.
    RecordsAppend,
    /// Creates, changes and deletes records.
    RecordsWrite,
    /// Reads the metrics of the server.
    MetricsRead,
    /// Everything, on every schema.
    Admin,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 7] = [
        Self::SchemasRead,
        Self::SchemasWrite,
        Self::RecordsRead,
        Self::RecordsAppend,
        Self::RecordsWrite,
        Self::MetricsRead,
        Self::Admin,
    ];

    /// The verb as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SchemasRead => "schemas:read",
            Self::SchemasWrite => "schemas:write",
            Self::RecordsRead => "records:read",
            Self::RecordsAppend => "records:append",
            Self::RecordsWrite => "records:write",
            Self::MetricsRead => "metrics:read",
            Self::Admin => "admin",
        }
    }

    /// Whether who has this verb may do what `wanted` says.
    fn covers(self, wanted: Self) -> bool {
        self == wanted || self == Self::Admin || (self == Self::RecordsWrite && wanted == Self::RecordsAppend)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Verbs that go together, by the name of who needs them.
const PRESETS: [(&str, &[Verb]); 3] = [
    ("reader", &[Verb::SchemasRead, Verb::RecordsRead]),
    ("appender", &[Verb::RecordsAppend]),
    ("writer", &[Verb::SchemasRead, Verb::RecordsRead, Verb::RecordsWrite]),
];

/// The text is neither the name of a schema nor the beginning of one with `*` behind it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a pattern is the name of a schema, the beginning of one and `*`, or `*`")]
pub struct PatternError;

/// The name of a schema, or with `*` at its end of all that begin so. Compared without regard to ASCII case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaPattern(String);

impl SchemaPattern {
    /// Parses a name, `beginning*` or `*`.
    ///
    /// # Errors
    /// [`PatternError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let beginning = text.strip_suffix('*');
        let is_beginning = |text: &str| {
            text.len() <= MAX_SCHEMA_NAME_CHARS
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && text.bytes().next().is_none_or(|first| first.is_ascii_alphabetic())
        };
        let is_valid = beginning.map_or_else(|| SchemaName::parse(text).is_ok(), is_beginning);
        if is_valid { Ok(Self(text.to_ascii_lowercase())) } else { Err(PatternError) }
    }

    /// Whether a schema of this name is meant.
    pub fn matches(&self, schema: &SchemaName) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => schema.key().starts_with(beginning),
            None => schema.key() == self.0,
        }
    }
}

impl fmt::Display for SchemaPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Verbs, and the schemas that they hold for.
///
/// ```
/// use eider_domain::{Grant, SchemaName, SchemaPattern, Verb};
///
/// let flights = SchemaPattern::parse("flights_*").expect("a pattern");
/// let grant = Grant::new([Verb::RecordsRead], vec![flights]);
/// let name = |text: &str| SchemaName::parse(text).expect("a name");
/// assert!(grant.allows(Verb::RecordsRead, &name("Flights_2013")));
/// assert!(!grant.allows(Verb::RecordsRead, &name("weather")));
/// assert!(!grant.allows(Verb::RecordsWrite, &name("flights_2013")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    verbs: BTreeSet<Verb>,
    schemas: Vec<SchemaPattern>,
}

impl Grant {
    /// Verbs on schemas. [`Verb::Admin`] and [`Verb::MetricsRead`] do not look at the schemas.
    pub fn new(verbs: impl IntoIterator<Item = Verb>, schemas: Vec<SchemaPattern>) -> Self {
        Self { verbs: verbs.into_iter().collect(), schemas }
    }

    /// Everything.
    pub fn everything() -> Self {
        Self::new([Verb::Admin], vec![SchemaPattern("*".to_owned())])
    }

    /// The verbs of a list of verbs and of the names `reader`, `appender` and `writer`.
    ///
    /// # Errors
    /// The first text that is neither.
    pub fn parse_verbs<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<BTreeSet<Verb>, UnknownName> {
        let mut verbs = BTreeSet::new();
        for text in texts {
            let preset = PRESETS.iter().find(|(name, _)| *name == text).map(|(_, verbs)| *verbs);
            let verb = Verb::ALL.iter().find(|verb| verb.name() == text).map(std::slice::from_ref);
            let known = PRESETS.iter().map(|(name, _)| *name).chain(Verb::ALL.iter().map(|verb| verb.name()));
            verbs.extend(preset.or(verb).ok_or_else(|| UnknownName::new("verb", text, known))?);
        }
        Ok(verbs)
    }

    /// The verbs.
    pub fn verbs(&self) -> impl Iterator<Item = Verb> {
        self.verbs.iter().copied()
    }

    /// The schemas.
    pub fn schemas(&self) -> &[SchemaPattern] {
        &self.schemas
    }

    /// Whether the verb may be done to at least one schema that there might be.
    pub fn has(&self, verb: Verb) -> bool {
        self.verbs.iter().any(|own| own.covers(verb))
    }

    /// Whether the verb may be done to the schema.
    pub fn allows(&self, verb: Verb, schema: &SchemaName) -> bool {
        let is_meant = || self.schemas.iter().any(|pattern| pattern.matches(schema));
        self.has(verb) && (self.verbs.contains(&Verb::Admin) || is_meant())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SchemaName {
        SchemaName::parse(text).unwrap()
    }

    fn grant(verbs: &[&str], schemas: &[&str]) -> Grant {
        let schemas = schemas.iter().map(|text| SchemaPattern::parse(text).unwrap()).collect();
        Grant::new(Grant::parse_verbs(verbs.iter().copied()).unwrap(), schemas)
    }

    #[test]
    fn a_verb_holds_for_the_schemas_that_a_pattern_matches() {
        let grant = grant(&["records:read"], &["sales_*", "Flights"]);
        for (schema, is_allowed) in
            [("sales_eu", true), ("SALES_us", true), ("flights", true), ("sales", false), ("flights_2", false)]
        {
            assert_eq!(grant.allows(Verb::RecordsRead, &name(schema)), is_allowed, "{schema}");
        }
        assert!(!grant.allows(Verb::SchemasRead, &name("flights")));
    }

    #[test]
    fn writing_includes_appending_and_admin_includes_everything_everywhere() {
        let (writes, appends) = (grant(&["records:write"], &["a"]), grant(&["records:append"], &["a"]));
        assert!(writes.allows(Verb::RecordsAppend, &name("a")) && !writes.allows(Verb::RecordsRead, &name("a")));
        assert!(!appends.allows(Verb::RecordsWrite, &name("a")));
        let admin = grant(&["admin"], &["a"]);
        assert!(Verb::ALL.into_iter().all(|verb| admin.allows(verb, &name("b"))));
    }

    #[test]
    fn no_verb_but_admin_covers_another_of_another_kind() {
        for own in Verb::ALL {
            let others = Verb::ALL.into_iter().filter(|wanted| own.covers(*wanted)).count();
            let expected = match own {
                Verb::Admin => Verb::ALL.len(),
                Verb::RecordsWrite => 2,
                _ => 1,
            };
            assert_eq!(others, expected, "{own}");
        }
    }

    #[test]
    fn names_of_roles_stand_for_their_verbs() {
        let verbs = Grant::parse_verbs(["writer", "metrics:read"]).unwrap();
        let texts: Vec<_> = verbs.iter().map(|verb| verb.name()).collect();
        assert_eq!(texts, ["schemas:read", "records:read", "records:write", "metrics:read"]);
        let error = Grant::parse_verbs(["reader", "records:reed"]).unwrap_err();
        assert_eq!(error.to_string(), "there is no verb `records:reed`; did you mean `records:read`?");
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "a-b", "*a", "a*b", "1*", "a**", "bulk", "sales_ *"] {
            assert_eq!(SchemaPattern::parse(text), Err(PatternError), "{text:?}");
        }
        assert_eq!(SchemaPattern::parse("Sales_*").unwrap().to_string(), "sales_*");
        assert!(SchemaPattern::parse("*").unwrap().matches(&name("anything")));
    }
}
