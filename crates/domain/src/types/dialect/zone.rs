//! Times of a place: from what its clocks show to the instant.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use super::Ambiguous;
use crate::types::temporal::{MICROS, MICROS_PER_DAY};

/// The years whose changes of the clocks are kept in a table.
const TABLE: [i64; 2] = [-2_208_988_800 * MICROS, 4_133_980_800 * MICROS];
/// Bits of the microseconds of a bucket: some hundred days, in which clocks change at most a few times.
const BUCKET_BITS: u32 = 43;
/// After so long, the calendar and every rule for the clocks begin anew.
const CYCLE: i64 = 146_097 * MICROS_PER_DAY;

/// A time zone of the IANA database, which is compiled in: it reads the same on every machine.
#[derive(Debug, Clone)]
pub struct Zone(Arc<Table>);

/// A zone, and the times of a few centuries that its clocks show once.
#[derive(Debug)]
struct Table {
    name: String,
    zone: TimeZone,
    /// In ascending order.
    spans: Vec<Span>,
    /// For each bucket of the table, the first span that ends in it or behind it.
    buckets: Vec<usize>,
}

/// The zones that were asked for. There are a few hundred.
static KNOWN: Mutex<BTreeMap<String, Zone>> = Mutex::new(BTreeMap::new());

/// Times that clocks show once, all with the same offset, in microseconds since 1970 as clocks show them.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: i64,
    end: i64,
    offset: i64,
}

/// Why there is no one instant at which clocks show a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoInstant {
    /// Clocks pass over it.
    Skipped,
    /// Clocks show it twice.
    Repeated,
    /// It is beyond the years 0000 to 9999.
    OutOfRange,
}

impl Zone {
    /// The zone of a name such as `Europe/Berlin`, without regard to case; `None` when there is none.
    pub fn parse(name: &str) -> Option<Self> {
        // The library has a zone of its own for one that is not known, which is UTC.
        let zone = TimeZoneDatabase::bundled().get(name).ok().filter(|zone| !zone.is_unknown())?;
        let name = zone.iana_name()?.to_owned();
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.entry(name).or_insert_with_key(|name| {
            let spans = spans_of(&zone);
            let buckets = buckets_of(&spans);
            Self(Arc::new(Table { name: name.clone(), zone, spans, buckets }))
        });
        Some(found.clone())
    }

    /// The names of all zones.
    pub(crate) fn names() -> Vec<String> {
        TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect()
    }

    /// Its name in the IANA database.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The instant at which clocks show a time.
    pub(super) fn instant(&self, local: i64, ambiguous: Ambiguous) -> Result<i64, NoInstant> {
        match self.shown_once(local) {
            Some(instant) => Ok(instant),
            None => self.looked_up(local, ambiguous),
        }
    }

    /// The instant of a time that the table knows to be shown once.
    #[inline]
    pub(super) fn shown_once(&self, local: i64) -> Option<i64> {
        let Table { spans, buckets, .. } = &*self.0;
        let bucket = usize::try_from(local.checked_sub(TABLE[0])? >> BUCKET_BITS).ok()?;
        let spans = &spans[*buckets.get(bucket)?..];
        let next = spans.iter().position(|span| local < span.end)?;
        (spans[next].start <= local).then(|| local - spans[next].offset)
    }

    /// The same of times near a change of the clocks, and beyond the table.
    #[cold]
    fn looked_up(&self, local: i64, ambiguous: Ambiguous) -> Result<i64, NoInstant> {
        let cycles = (local - TABLE[1]).max(0) / CYCLE;
        let shown = jiff::Timestamp::from_microsecond(local - cycles * CYCLE).map_err(|_| NoInstant::OutOfRange)?;
        let shown = TimeZone::UTC.to_datetime(shown);
        let found = self.0.zone.to_ambiguous_timestamp(shown);
        let (earlier, later) = match found.offset() {
            AmbiguousOffset::Unambiguous { offset } => return Ok(local - micros_of(offset.seconds())),
            // With the offset from before the change a time that is passed over comes after it, and the reverse.
            AmbiguousOffset::Gap { before, after } => (after, before),
            AmbiguousOffset::Fold { before, after } => (before, after),
        };
        let offset = match (ambiguous, found.offset()) {
            (Ambiguous::Earlier, _) => earlier,
            (Ambiguous::Later, _) => later,
            (Ambiguous::Refuse, AmbiguousOffset::Gap { .. }) => return Err(NoInstant::Skipped),
            (Ambiguous::Refuse, _) => return Err(NoInstant::Repeated),
        };
        Ok(local - micros_of(offset.seconds()))
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name)
    }
}

fn micros_of(seconds: i32) -> i64 {
    i64::from(seconds) * MICROS
}

/// For each bucket the span to begin at when a time in it is looked for.
fn buckets_of(spans: &[Span]) -> Vec<usize> {
    let count = (TABLE[1] - TABLE[0]) >> BUCKET_BITS;
    let begin = |bucket: i64| TABLE[0] + (bucket << BUCKET_BITS);
    (0..=count).map(|bucket| spans.partition_point(|span| span.end <= begin(bucket))).collect()
}

/// The times of the table that clocks show once.
fn spans_of(zone: &TimeZone) -> Vec<Span> {
    let Ok(first) = jiff::Timestamp::from_microsecond(TABLE[0]) else { return Vec::new() };
    let mut before = micros_of(zone.to_offset(first).seconds());
    let mut start = TABLE[0] + before;
    let mut spans = Vec::new();
    let mut add = |start: i64, end: i64, offset: i64| {
        if start < end {
            spans.push(Span { start, end, offset });
        }
    };
    for change in zone.following(first) {
        let at = change.timestamp().as_microsecond();
        if at >= TABLE[1] {
            break;
        }
        let after = micros_of(change.offset().seconds());
        add(start, at + before.min(after), before);
        start = at + before.max(after);
        before = after;
    }
    add(start, TABLE[1] + before, before);
    spans
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::temporal::{datetime_text, parse_datetime};

    const NAMES: [&str; 7] = [
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "Africa/Casablanca",
        "Pacific/Apia",
        "UTC",
    ];

    fn instant(zone: &str, local: &str, ambiguous: Ambiguous) -> Result<String, NoInstant> {
        let local = parse_datetime(&format!("{local}Z")).unwrap();
        Zone::parse(zone).unwrap().instant(local, ambiguous).map(|micros| datetime_text(micros)[..19].to_owned())
    }

    #[test]
    fn clocks_that_go_back_show_an_hour_twice_and_others_never() {
        use Ambiguous::{Earlier, Later, Refuse};
        for (local, ambiguous, expected) in [
            ("2024-07-01T12:00:00", Refuse, Ok("2024-07-01T10:00:00")),
            ("2024-10-27T01:59:59", Refuse, Ok("2024-10-26T23:59:59")),
            ("2024-10-27T02:30:00", Refuse, Err(NoInstant::Repeated)),
            ("2024-10-27T02:30:00", Earlier, Ok("2024-10-27T00:30:00")),
            ("2024-10-27T02:30:00", Later, Ok("2024-10-27T01:30:00")),
            ("2024-10-27T03:00:00", Refuse, Ok("2024-10-27T02:00:00")),
            ("2024-03-31T02:30:00", Refuse, Err(NoInstant::Skipped)),
            ("2024-03-31T02:30:00", Earlier, Ok("2024-03-31T00:30:00")),
            ("2024-03-31T02:30:00", Later, Ok("2024-03-31T01:30:00")),
            // The rules go on, and there were others before.
            ("2124-07-01T12:00:00", Refuse, Ok("2124-07-01T10:00:00")),
            ("9999-12-31T23:59:59", Refuse, Ok("9999-12-31T22:59:59")),
            ("1850-01-01T00:53:28", Refuse, Ok("1850-01-01T00:00:00")),
        ] {
            assert_eq!(instant("europe/berlin", local, ambiguous), expected.map(str::to_owned), "{local}");
        }
        assert_eq!(Zone::parse("europe/berlin").unwrap().name(), "Europe/Berlin");
        for name in ["", "Mars/Phobos", "+01:00", "CEST", "../etc/passwd", "Etc/Unknown"] {
            assert!(Zone::parse(name).is_none(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn the_table_says_what_the_database_does(
            name in proptest::sample::select(NAMES.to_vec()),
            local in -2_300_000_000_i64..13_000_000_000,
        ) {
            let zone = Zone::parse(name).unwrap();
            let local = local * MICROS;
            for ambiguous in [Ambiguous::Refuse, Ambiguous::Earlier, Ambiguous::Later] {
                let shown = TimeZone::UTC.to_datetime(jiff::Timestamp::from_microsecond(local).unwrap());
                let found = zone.0.zone.to_ambiguous_timestamp(shown);
                let expected = match ambiguous {
                    Ambiguous::Refuse => found.unambiguous(),
                    Ambiguous::Earlier => found.earlier(),
                    Ambiguous::Later => found.later(),
                };
                let expected = expected.ok().map(jiff::Timestamp::as_microsecond);
                prop_assert_eq!(zone.instant(local, ambiguous).ok(), expected);
            }
        }
    }
}
