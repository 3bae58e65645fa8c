//! Dates, times and instants as text: RFC 3339, microseconds, UTC.
//!
//! Parsing is strict: what a typed store would otherwise round or reinterpret is refused. Formatting writes
//! into a caller's buffer, because a stream formats millions of values.

use chrono::{Datelike, NaiveDate};

/// Microseconds in a second.
pub(crate) const MICROS: i64 = 1_000_000;
/// Microseconds in a day.
pub(crate) const MICROS_PER_DAY: i64 = 86_400 * MICROS;
/// Days from 0001-01-01 (day 1 of chrono's count) to 1970-01-01.
const EPOCH_DAY: i32 = 719_163;

/// Parses `YYYY-MM-DD` into days since 1970-01-01.
pub fn parse_date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..])?);
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some(date.num_days_from_ce() - EPOCH_DAY)
}

/// Days since 1970-01-01 of a date that exists, in the years 0000 to 9999.
pub(crate) fn days_of(year: i16, month: i8, day: i8) -> Option<i32> {
    let date = NaiveDate::from_ymd_opt(i32::from(year), u32::try_from(month).ok()?, u32::try_from(day).ok()?)?;
    Some(date.num_days_from_ce() - EPOCH_DAY).filter(|days| is_date_in_range(*days))
}

/// Parses `HH:MM:SS` with up to six decimals into microseconds since midnight.
///
/// Further decimals are accepted when they are zero, since nothing is lost.
pub fn parse_time(text: &str) -> Option<i64> {
    parse_clock(text, false)
}

/// The same; `cuts` says that decimals beyond the sixth go, whatever they are.
pub(crate) fn parse_clock(text: &str, cuts: bool) -> Option<i64> {
    let (micros, rest) = clock_of(text.as_bytes(), cuts)?;
    rest.is_empty().then_some(micros)
}

/// The time of day that bytes begin with, and what is behind it.
fn clock_of(bytes: &[u8], cuts: bool) -> Option<(i64, &[u8])> {
    if bytes.len() < 8 || bytes[2] != b':' || bytes[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (digits(&bytes[..2])?, digits(&bytes[3..5])?, digits(&bytes[6..8])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (micros, rest) = match &bytes[8..] {
        [b'.', rest @ ..] => {
            let (fraction, rest) = rest.split_at(rest.iter().take_while(|byte| byte.is_ascii_digit()).count());
            (fraction_micros(fraction, cuts)?, rest)
        }
        rest => (0, rest),
    };
    Some(((i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)) * MICROS + micros, rest))
}

/// Parses a date-time with offset into microseconds since 1970-01-01T00:00:00Z.
///
/// Beside the forms of RFC 3339 it takes those that lose nothing: a space or `t` for `T`, and `z`, `+00` and `+0000` for
/// an offset. The result lies in the years 0000 to 9999. Leap seconds (`:60`) are refused.
pub fn parse_datetime(text: &str) -> Option<i64> {
    let (local, offset) = parse_local(text, false)?;
    Some(local - offset?).filter(|micros| is_in_range(*micros))
}

/// Parses a date-time with or without offset into microseconds since 1970-01-01T00:00:00 as clocks show it, and how
/// many of them clocks are ahead of UTC. `cuts` says that decimals beyond the sixth go.
pub(crate) fn parse_local(text: &str, cuts: bool) -> Option<(i64, Option<i64>)> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, offset) = clock_of(rest.as_bytes(), cuts)?;
    let offset = if offset.is_empty() { None } else { Some(parse_offset(offset)?) };
    Some((i64::from(parse_date(date)?) * MICROS_PER_DAY + time, offset))
}

/// The day that an instant falls on in UTC, counted from 1970-01-01.
pub(crate) fn day_of(micros: i64) -> i32 {
    i32::try_from(micros.div_euclid(MICROS_PER_DAY)).unwrap_or(i32::MIN)
}

/// Whether an instant lies in the years 0000 to 9999, which RFC 3339 can write.
pub fn is_in_range(micros: i64) -> bool {
    (-62_167_219_200 * MICROS..253_402_300_800 * MICROS).contains(&micros)
}

/// Whether a day, counted from 1970-01-01, lies in the years 0000 to 9999.
pub fn is_date_in_range(days: i32) -> bool {
    (-719_528..2_932_897).contains(&days)
}

/// Whether microseconds since midnight are a time of day.
pub fn is_time_in_range(micros: i64) -> bool {
    (0..MICROS_PER_DAY).contains(&micros)
}

/// Microseconds that clocks are ahead of UTC: `Z`, `+01`, `+0100` or `+01:00`.
fn parse_offset(bytes: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match bytes {
        [b'Z' | b'z'] => return Some(0),
        [sign, h1, h2] => (sign, [*h1, *h2], *b"00"),
        [sign, h1, h2, m1, m2] | [sign, h1, h2, b':', m1, m2] => (sign, [*h1, *h2], [*m1, *m2]),
        _ => return None,
    };
    let (hours, minutes) = (digits(&hours)?, digits(&minutes)?);
    let offset = i64::from(hours * 60 + minutes) * 60 * MICROS;
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => Some(offset),
        b'-' => Some(-offset),
        _ => None,
    }
}

fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
}

fn fraction_micros(fraction: &[u8], cuts: bool) -> Option<i64> {
    let (kept, rest) = fraction.split_at(fraction.len().min(6));
    if kept.is_empty() || (!cuts && rest.iter().any(|b| *b != b'0')) {
        return None;
    }
    let scale = 10_i64.pow(6 - u32::try_from(kept.len()).ok()?);
    Some(i64::from(digits(kept)?) * scale)
}

/// Appends `YYYY-MM-DD` for days since 1970-01-01.
pub fn write_date(out: &mut Vec<u8>, days: i32) {
    out.extend_from_slice(&DatetimeText::on(days).text[..TIME - 1]);
}

/// Appends `HH:MM:SS.ffffff` for microseconds since midnight.
pub fn write_time(out: &mut Vec<u8>, micros: i64) {
    out.extend_from_slice(&DatetimeText::default().of(micros)[TIME..ZONE]);
}

/// Where the time begins in `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
const TIME: usize = 11;
/// Where the zone stands in it.
const ZONE: usize = 26;

/// The text of instants one after another, `YYYY-MM-DDTHH:MM:SS.ffffffZ`: what an instant has in common with the one
/// before it is not written again.
#[derive(Debug, Clone)]
pub struct DatetimeText {
    micros: i64,
    text: [u8; 27],
}

impl Default for DatetimeText {
    fn default() -> Self {
        Self { micros: 0, text: *b"1970-01-01T00:00:00.000000Z" }
    }
}

impl DatetimeText {
    fn on(days: i32) -> Self {
        let mut text = Self::default();
        text.set_date(days);
        text
    }

    /// The text for microseconds since 1970-01-01T00:00:00Z.
    pub fn of(&mut self, micros: i64) -> &[u8] {
        if micros != self.micros {
            let day = micros.div_euclid(MICROS_PER_DAY);
            if day != self.micros.div_euclid(MICROS_PER_DAY) {
                self.set_date(i32::try_from(day).unwrap_or(i32::MIN));
            }
            self.set_time(micros.rem_euclid(MICROS_PER_DAY));
            self.micros = micros;
        }
        &self.text
    }

    fn set_date(&mut self, days: i32) {
        let date = days.checked_add(EPOCH_DAY).and_then(NaiveDate::from_num_days_from_ce_opt).unwrap_or(NaiveDate::MIN);
        set_digits(&mut self.text[..4], date.year().unsigned_abs());
        set_digits(&mut self.text[5..7], date.month());
        set_digits(&mut self.text[8..10], date.day());
    }

    fn set_time(&mut self, micros: i64) {
        let seconds = u32::try_from(micros / MICROS).unwrap_or(0);
        set_digits(&mut self.text[TIME..13], seconds / 3600);
        set_digits(&mut self.text[14..16], seconds / 60 % 60);
        set_digits(&mut self.text[17..19], seconds % 60);
        set_digits(&mut self.text[20..ZONE], u32::try_from(micros % MICROS).unwrap_or(0));
    }
}

fn set_digits(places: &mut [u8], mut number: u32) {
    for place in places.iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

fn text_of(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::with_capacity(27);
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// `YYYY-MM-DD` for days since 1970-01-01.
pub fn date_text(days: i32) -> String {
    text_of(|out| write_date(out, days))
}

/// `HH:MM:SS.ffffff` for microseconds since midnight.
pub fn time_text(micros: i64) -> String {
    text_of(|out| write_time(out, micros))
}

/// `YYYY-MM-DDTHH:MM:SS.ffffffZ` for microseconds since 1970-01-01T00:00:00Z.
pub fn datetime_text(micros: i64) -> String {
    String::from_utf8_lossy(DatetimeText::default().of(micros)).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_offset_moves_the_instant() {
        assert_eq!(parse_datetime("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(parse_datetime("1969-12-31T23:59:59.999999Z"), Some(-1));
    }

    #[test]
    fn forms_that_lose_nothing_are_read() {
        for text in [
            "1970-01-01T01:30:00+01:30",
            "1970-01-01 01:30:00+0130",
            "1970-01-01t01:00:00+01",
            "1969-12-31 22:30:00.000000000-0130",
            "1970-01-01 00:00:00+00",
            "1970-01-01 00:00:00z",
            "1970-01-01T00:00:00-00:00",
        ] {
            assert_eq!(parse_datetime(text), Some(0), "{text}");
        }
        for text in ["+1", "+010", "+01:0", "+24", "+0060", "+01:60", "01:00", "+0a00", " +00", "Z0", "+", "+01:00:00"]
        {
            assert_eq!(parse_datetime(&format!("1970-01-01T01:00:00{text}")), None, "{text}");
        }
    }

    #[test]
    fn what_would_be_rounded_or_guessed_is_refused() {
        for text in [
            "2013-02-30T00:00:00Z",
            "2013-01-01T00:00:60Z",
            "2013-01-01T24:00:00Z",
            "2013-01-01T00:00:00",
            "2013-01-01",
            "2013-01-01T00:00:00.1234567Z",
            "2013-01-01T00:00:00.Z",
            "2013-1-01T00:00:00Z",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "２013-01-01T00:00:00Z",
            "1356998400000000",
        ] {
            assert_eq!(parse_datetime(text), None, "{text}");
        }
        assert_eq!(parse_date("2013-02-30"), None);
        assert_eq!(parse_time("12:30"), None);
    }

    #[test]
    fn trailing_zeros_beyond_microseconds_lose_nothing() {
        assert_eq!(parse_time("00:00:00.123456000"), Some(123_456));
    }

    proptest! {
        #[test]
        fn a_text_is_the_same_whatever_was_written_before(
            steps in proptest::collection::vec(prop_oneof![0..3_i64, 0..MICROS_PER_DAY, -62_167_219_200..0_i64], 1..8),
        ) {
            let mut text = DatetimeText::default();
            let mut micros = -62_167_219_200 * MICROS;
            for step in steps {
                micros = if step < 0 { step * MICROS } else { micros + step };
                let fresh = datetime_text(micros);
                prop_assert_eq!(text.of(micros), fresh.as_bytes());
            }
        }

        #[test]
        fn a_written_datetime_parses_to_itself(seconds in -62_167_219_200_i64..253_402_300_800, micros in 0..MICROS) {
            let instant = seconds * MICROS + micros;
            prop_assert_eq!(parse_datetime(&datetime_text(instant)), Some(instant));
        }

        #[test]
        fn a_written_date_parses_to_itself(days in -719_528_i32..2_932_897) {
            prop_assert_eq!(parse_date(&date_text(days)), Some(days));
        }
    }
}
