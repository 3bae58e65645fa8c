//! Forms that times come in: names of a small set, and patterns of `strftime`.

use std::sync::Arc;

use jiff::civil::{DateTime, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::types::data_type::TimeParts;
use crate::types::number::decimal_of_number;
use crate::types::temporal::{self, MICROS, MICROS_PER_DAY};

/// A unit in which instants are counted since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum EpochUnit {
    /// Seconds.
    EpochSeconds,
    /// Milliseconds.
    EpochMillis,
    /// Microseconds.
    EpochMicros,
    /// Nanoseconds.
    EpochNanos,
}

impl EpochUnit {
    /// Decimals down to nanoseconds.
    fn decimals(self) -> u8 {
        match self {
            Self::EpochSeconds => 9,
            Self::EpochMillis => 6,
            Self::EpochMicros => 3,
            Self::EpochNanos => 0,
        }
    }
}

/// A form that dates and times come in.
#[derive(Debug, Clone, PartialEq)]
pub enum TimeFormat {
    /// The form that is read where no other is named.
    Rfc3339,
    /// A count since 1970, as text or as a number.
    Epoch(EpochUnit),
    /// A pattern of `strftime`.
    Pattern(Arc<str>),
}

/// The name of [`TimeFormat::Rfc3339`].
const RFC3339: &str = "rfc3339";

/// What a text says of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moment {
    /// Microseconds since 1970-01-01T00:00:00 as clocks show it, or since midnight where there is no day.
    pub(super) local: i64,
    /// Microseconds that clocks are ahead of UTC, where the text says so.
    pub(super) offset: Option<i64>,
}

/// Why a text cannot be read in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misread {
    /// It is not of the form.
    Form,
    /// It has digits beyond microseconds.
    TooFine,
}

impl TimeFormat {
    /// The names that are no patterns.
    pub fn names() -> impl Iterator<Item = &'static str> {
        std::iter::once(RFC3339).chain(EpochUnit::VARIANTS.iter().map(|unit| (*unit).into()))
    }

    /// Parses a name or a pattern for values that have these parts.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub(crate) fn parse(text: &str, parts: TimeParts) -> Result<Self, String> {
        if text == RFC3339 {
            return Ok(Self::Rfc3339);
        }
        if let Some(unit) = EpochUnit::VARIANTS.iter().find(|unit| <&str>::from(**unit) == text) {
            let is_instant = parts.has_day && parts.has_clock;
            return if is_instant { Ok(Self::Epoch(*unit)) } else { Err(format!("`{text}` is of a `datetime`")) };
        }
        if !text.contains('%') {
            let names = Self::names().collect::<Vec<_>>().join(", ");
            return Err(format!("it is one of {names}, or a pattern of `strftime` such as `%d.%m.%Y`"));
        }
        check_pattern(text, parts).map(|()| Self::Pattern(text.into()))
    }

    /// Its name, or the pattern.
    pub fn text(&self) -> &str {
        match self {
            Self::Rfc3339 => RFC3339,
            Self::Epoch(unit) => (*unit).into(),
            Self::Pattern(pattern) => pattern,
        }
    }

    /// Whether what it reads is an instant by itself, whatever the zone; `rfc3339` may be either.
    pub(crate) fn has_offset(&self) -> bool {
        match self {
            Self::Rfc3339 | Self::Epoch(_) => true,
            Self::Pattern(pattern) => probed(pattern).is_ok_and(|read| read.offset().is_some()),
        }
    }

    /// Reads a text; `cuts` says that digits beyond microseconds go.
    pub(super) fn read(&self, text: &str, parts: TimeParts, cuts: bool) -> Result<Moment, Misread> {
        match self {
            Self::Rfc3339 => read_rfc3339(text, parts, cuts),
            Self::Epoch(unit) => read_epoch(text, *unit, cuts),
            Self::Pattern(pattern) => read_pattern(text, pattern, parts, cuts),
        }
    }
}

pub(super) fn read_rfc3339(text: &str, parts: TimeParts, cuts: bool) -> Result<Moment, Misread> {
    let of = |local: i64| Moment { local, offset: None };
    let read = |cuts: bool| match (parts.has_day, parts.has_clock) {
        (true, true) => temporal::parse_local(text, cuts).map(|(local, offset)| Moment { local, offset }),
        (true, false) => temporal::parse_date(text).map(|days| of(i64::from(days) * MICROS_PER_DAY)),
        (false, _) => temporal::parse_clock(text, cuts).map(of),
    };
    read(cuts).ok_or_else(|| if !cuts && read(true).is_some() { Misread::TooFine } else { Misread::Form })
}

fn read_epoch(text: &str, unit: EpochUnit, cuts: bool) -> Result<Moment, Misread> {
    // An unscaled decimal of 38 digits: more than there are nanoseconds in all years.
    let exact = |decimals: u8| decimal_of_number(text, 38, decimals);
    let nanos = match exact(unit.decimals()) {
        Some(nanos) => nanos,
        None if is_number(text) => cut_decimals(text, unit.decimals()).filter(|_| cuts).ok_or(Misread::TooFine)?,
        None => return Err(Misread::Form),
    };
    let micros = nanos.div_euclid(1_000);
    if !cuts && micros * 1_000 != nanos {
        return Err(Misread::TooFine);
    }
    i64::try_from(micros).map(|local| Moment { local, offset: Some(0) }).map_err(|_| Misread::Form)
}

/// Whether it is a number in plain digits with a fraction.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits.split_once('.').is_some_and(|(whole, fraction)| is_digits(whole) && is_digits(fraction))
}

/// A number in plain digits, at a scale, without the digits beyond that.
fn cut_decimals(text: &str, scale: u8) -> Option<i128> {
    let (whole, fraction) = text.split_once('.')?;
    let kept = &fraction[..fraction.len().min(usize::from(scale))];
    let cut = decimal_of_number(&format!("{whole}.{kept}0"), 38, scale)?;
    // What is cut of a time before 1970 is in the other direction.
    let is_whole = fraction[kept.len()..].bytes().all(|byte| byte == b'0');
    Some(if text.starts_with('-') && !is_whole { cut - 1 } else { cut })
}

fn read_pattern(text: &str, pattern: &str, parts: TimeParts, cuts: bool) -> Result<Moment, Misread> {
    let read = parsed(pattern, text).ok_or(Misread::Form)?;
    let mut local = 0;
    if parts.has_day {
        let date = read.to_date().map_err(|_| Misread::Form)?;
        local +=
            i64::from(temporal::days_of(date.year(), date.month(), date.day()).ok_or(Misread::Form)?) * MICROS_PER_DAY;
    }
    if parts.has_clock {
        let time = read.to_time().map_err(|_| Misread::Form)?;
        if time.subsec_nanosecond() % 1_000 != 0 && !cuts {
            return Err(Misread::TooFine);
        }
        local += (i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second())) * MICROS
            + i64::from(time.subsec_nanosecond()) / 1_000;
    }
    Ok(Moment { local, offset: read.offset().map(|offset| i64::from(offset.seconds()) * MICROS) })
}

/// Longest text that is read by a pattern, in bytes: patterns pass over white space of any length.
const MAX_TEXT_BYTES: usize = 200;

/// A text by a pattern. What the library takes for something else is refused: a leap second, which would become the
/// second before it, and the year `24`, which would be one of antiquity.
fn parsed(pattern: &str, text: &str) -> Option<BrokenDownTime> {
    if text.len() > MAX_TEXT_BYTES {
        return None;
    }
    let read = BrokenDownTime::parse(pattern, text).ok()?;
    // A year of fewer digits than four is likely one of another century.
    if read.year().is_some_and(|year| year < 1_000 && !text.contains(&format!("{year:04}"))) {
        return None;
    }
    if read.second() == Some(59) && text.contains("60") {
        let is_second = |place: usize| {
            let zeroed = format!("{}00{}", &text[..place], &text[place + 2..]);
            BrokenDownTime::parse(pattern, zeroed).is_ok_and(|zeroed| zeroed.second() == Some(0))
        };
        if text.match_indices("60").any(|(place, _)| is_second(place)) {
            return None;
        }
    }
    Some(read)
}

/// Whether a pattern says all that a value needs, and no more.
fn check_pattern(pattern: &str, parts: TimeParts) -> Result<(), String> {
    let read = probed(pattern)?;
    if read.timestamp().is_some() {
        return Err("it has `%s`; name `epoch_seconds` instead".to_owned());
    }
    // It takes an offset too, which is all that the probe has.
    if pattern.contains("%Q") || pattern.contains("%:Q") {
        return Err("it has `%Q`; a zone is given by `time_zone`".to_owned());
    }
    let has_day = read.to_date().is_ok();
    let has_clock = read.hour().is_some();
    let says_day = read.year().is_some() || read.month().is_some() || read.day().is_some() || read.weekday().is_some();
    let says_clock = has_clock || read.minute().is_some() || read.second().is_some();
    match (parts.has_day, parts.has_clock) {
        (true, _) if !has_day => Err("it does not say the year, the month and the day".to_owned()),
        // A day without a time of day is its midnight.
        (is_midnight, true) if !has_clock && (says_clock || !is_midnight) => Err("it does not say the hour".to_owned()),
        (false, _) if says_day => Err("it has a day, which the type does not hold".to_owned()),
        (_, false) if says_clock => Err("it has a time of day, which the type does not hold".to_owned()),
        _ if !parts.has_clock && read.offset().is_some() => {
            Err("it has an offset, which the type does not hold".to_owned())
        }
        (false, _) if read.offset().is_some() => Err("it has an offset, which the type does not hold".to_owned()),
        _ if parts.has_day && read.to_date().ok() != Some(PROBE.date()) => {
            Err("it does not say the whole date".to_owned())
        }
        _ if has_clock && read.to_time().map(Time::hour).ok() != Some(PROBE.hour()) => {
            Err("it does not tell the morning from the evening; `%p` does".to_owned())
        }
        _ => Ok(()),
    }
}

/// A time at which every part differs from what is taken for one that is missing.
const PROBE: DateTime = DateTime::constant(2013, 11, 24, 17, 31, 42, 250_000_000);

/// What a pattern reads of what it writes.
fn probed(pattern: &str) -> Result<BrokenDownTime, String> {
    let mut probe = BrokenDownTime::from(PROBE);
    probe.set_offset(Some(Offset::constant(5)));
    let unread = |error: jiff::Error| format!("the pattern cannot be read: {error}");
    let shown = probe.to_string(pattern).map_err(unread)?;
    BrokenDownTime::parse(pattern, shown).map_err(unread)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: TimeParts = TimeParts { has_day: true, has_clock: false };
    const CLOCK: TimeParts = TimeParts { has_day: false, has_clock: true };
    const INSTANT: TimeParts = TimeParts { has_day: true, has_clock: true };

    fn read(format: &str, parts: TimeParts, text: &str) -> Result<(String, Option<i64>), Misread> {
        let format = TimeFormat::parse(format, parts).unwrap();
        format
            .read(text, parts, false)
            .map(|moment| (temporal::datetime_text(moment.local), moment.offset.map(|offset| offset / 60 / MICROS)))
    }

    #[test]
    fn a_pattern_reads_what_it_says() {
        for (pattern, parts, text, expected, offset) in [
            ("%d.%m.%Y", DAY, "31.01.2026", "2026-01-31T00:00:00.000000Z", None),
            ("%d.%m.%Y", DAY, "1.2.2026", "2026-02-01T00:00:00.000000Z", None),
            ("%b %d, %Y", DAY, "Jan 31, 2026", "2026-01-31T00:00:00.000000Z", None),
            ("%y%m%d", DAY, "690131", "1969-01-31T00:00:00.000000Z", None),
            ("%Y-%m-%d 00:00:00", DAY, "2026-01-31 00:00:00", "2026-01-31T00:00:00.000000Z", None),
            ("%Y-%j", DAY, "2026-031", "2026-01-31T00:00:00.000000Z", None),
            ("%d.%m.%Y", DAY, "01.02.0024", "0024-02-01T00:00:00.000000Z", None),
            ("%H:%M", CLOCK, "08:15", "1970-01-01T08:15:00.000000Z", None),
            ("%I:%M %p", CLOCK, "12:15 am", "1970-01-01T00:15:00.000000Z", None),
            ("%H:%M:%S.%f", CLOCK, "08:15:00.5", "1970-01-01T08:15:00.500000Z", None),
            ("%H:%M:%S,%f", CLOCK, "08:15:00,000001000", "1970-01-01T08:15:00.000001Z", None),
            ("%H:%M:%S", CLOCK, "08:60:00", "", None),
            ("%d/%b/%Y:%H:%M:%S %z", INSTANT, "31/Jan/2026:08:15:00 +0130", "2026-01-31T08:15:00.000000Z", Some(90)),
            ("%Y-%m-%d", INSTANT, "2026-01-31", "2026-01-31T00:00:00.000000Z", None),
        ] {
            let expected = if expected.is_empty() { Err(Misread::Form) } else { Ok((expected.to_owned(), offset)) };
            assert_eq!(read(pattern, parts, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_a_library_would_take_for_something_else_is_refused() {
        for (pattern, parts, text) in [
            ("%d.%m.%Y", DAY, "01.02.24"),
            ("%d.%m.%Y", DAY, "30.02.2024"),
            ("%d.%m.%Y", DAY, "01.02.2024 "),
            ("%a %d.%m.%Y", DAY, "Mon 01.02.2024"),
            ("%Y-%m-%d", DAY, "-2024-01-01"),
            ("%H:%M:%S", CLOCK, "12:59:60"),
            ("%H:%M:%S", CLOCK, "12:60:59"),
            ("%H:%M:%S", CLOCK, "24:00:00"),
            ("%H:%M:%S.%f", CLOCK, "12:59:59.1234567891"),
            ("%d.%m.%Y", DAY, "１.02.2024"),
        ] {
            assert_eq!(read(pattern, parts, text), Err(Misread::Form), "{pattern} {text}");
        }
        assert_eq!(read("%H:%M:%S.%f", CLOCK, "12:59:59.1234567"), Err(Misread::TooFine));
        let long = format!("1{}.02.2024", " ".repeat(1 << 20));
        assert_eq!(read("%d .%m.%Y", DAY, &long), Err(Misread::Form));
    }

    #[test]
    fn a_pattern_says_all_that_a_type_holds_and_no_more() {
        for (pattern, parts) in [
            ("%Y-%m", DAY),
            ("%d.%m.", DAY),
            ("%A", DAY),
            ("%Y-%m-%d %H", DAY),
            ("%Y-%m-%d%z", DAY),
            ("%Y-%m-%d", CLOCK),
            ("%H:%M%z", CLOCK),
            ("%M:%S", CLOCK),
            ("%I:%M", CLOCK),
            ("%Y-%m-%d %M:%S", INSTANT),
            ("%Y-%m-%d %I:%M", INSTANT),
            ("%Y-%m-%d %H:%M %Z", INSTANT),
            ("%Y-%m-%d %H:%M %Q", INSTANT),
            ("%s", INSTANT),
            ("%c", INSTANT),
            ("%!", DAY),
            ("%", DAY),
            ("%%", DAY),
            ("iso8601", DAY),
            ("", DAY),
            ("epoch_seconds", DAY),
            ("epoch_millis", CLOCK),
        ] {
            assert!(TimeFormat::parse(pattern, parts).is_err(), "{pattern} {parts:?}");
        }
    }

    #[test]
    fn counts_since_1970_are_exact_or_refused() {
        let second = "1970-01-01T00:00:01.500000Z";
        for (format, text, expected) in [
            ("epoch_seconds", "1.5", Ok(second)),
            ("epoch_seconds", "15e-1", Ok(second)),
            ("epoch_millis", "1500", Ok(second)),
            ("epoch_micros", "1500000", Ok(second)),
            ("epoch_nanos", "1500000000", Ok(second)),
            ("epoch_nanos", "1500000001", Err(Misread::TooFine)),
            ("epoch_seconds", "1.5000001", Err(Misread::TooFine)),
            ("epoch_seconds", "1.50000000001", Err(Misread::TooFine)),
            ("epoch_millis", "-0.001", Ok("1969-12-31T23:59:59.999999Z")),
            ("epoch_seconds", "", Err(Misread::Form)),
            ("epoch_seconds", "1,5", Err(Misread::Form)),
            ("epoch_seconds", "1 ", Err(Misread::Form)),
            ("epoch_seconds", "0x10", Err(Misread::Form)),
            ("epoch_seconds", "99999999999999999999999", Err(Misread::Form)),
        ] {
            let expected = expected.map(|text| (text.to_owned(), Some(0)));
            assert_eq!(read(format, INSTANT, text), expected, "{format} {text}");
        }
        let cut = |text| read_epoch(text, EpochUnit::EpochSeconds, true).map(|moment| moment.local);
        assert_eq!(cut("1.0000019"), Ok(1_000_001));
        assert_eq!(cut("1.00000199999999"), Ok(1_000_001));
        assert_eq!(cut("-1.0000001"), Ok(-1_000_001));
        assert_eq!(cut("-1.00000000000001"), Ok(-1_000_001));
    }
}
