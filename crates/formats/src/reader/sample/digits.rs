//! The digits of numbers as they are written: how many there are, and whether a double forgets any.

use eider_domain::{Incoming, MAX_DECIMAL_PRECISION};

use super::column::Fit;

/// So many significant digits every double keeps.
const SURE_DIGITS: usize = 15;
/// No double has more significant digits, written out in full.
const MAX_DIGITS: usize = 767;
/// Farther than this no exponent moves a point between digits that a decimal can have.
const MAX_EXPONENT: i64 = 1000;

/// A number as it is written.
struct Number<'t> {
    /// Digits without the zeros at both ends, and without the point.
    significant: String,
    /// The number is 0.significant times ten to this power.
    point: i64,
    text: &'t str,
}

impl<'t> Number<'t> {
    /// `None` for a text that JSON would not take for a number.
    fn read(text: &'t str) -> Option<Self> {
        Incoming::of_number(text)?;
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let digits = mantissa.strip_prefix('-').unwrap_or(mantissa);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all = [whole, fraction].concat();
        let significant = all.trim_start_matches('0');
        let zeros = i64::try_from(all.len() - significant.len()).ok()?;
        let exponent = exponent.parse::<i64>().unwrap_or(i64::MAX / 2);
        let point = i64::try_from(whole.len()).ok()?.checked_sub(zeros)?.checked_add(exponent)?;
        Some(Self { significant: significant.trim_end_matches('0').to_owned(), point, text })
    }
}

/// Whether a number has digits that the nearest double does not have. One that a program wrote for a double has none,
/// with however many digits it was written.
pub(crate) fn is_rounded(text: &str) -> bool {
    let digits = text.bytes().take_while(|byte| !matches!(byte, b'e' | b'E')).filter(u8::is_ascii_digit).count();
    // Beside zero a double has fewer digits, and none of some numbers.
    if digits <= SURE_DIGITS && !text.contains(['e', 'E']) {
        return false;
    }
    let Some(Number { significant, text, .. }) = Number::read(text) else { return false };
    let Ok(double) = text.parse::<f64>() else { return false };
    if significant.is_empty() || !double.is_finite() || (double.is_normal() && significant.len() <= SURE_DIGITS) {
        return false;
    }
    if significant.len() > MAX_DIGITS {
        return true;
    }
    let is_shown_as = |shown: String| {
        let kept = shown.split('e').next().unwrap_or_default().bytes().filter(u8::is_ascii_digit);
        kept.eq(significant.bytes())
    };
    // Of a double in the middle between two numbers of so many digits, some programs write the one and some the other.
    !is_shown_as(format!("{:.*e}", significant.len() - 1, double.abs())) && !is_shown_as(format!("{:e}", double.abs()))
}

/// How many digits a decimal needs before and after the point to hold a number.
pub(crate) fn fit_of_digits(text: &str) -> Fit {
    let Some(Number { significant, point, .. }) = Number::read(text) else { return Fit::Breaks };
    if significant.is_empty() {
        return Fit::Digits(1, 0);
    }
    if point.abs() > MAX_EXPONENT || significant.len() > usize::from(MAX_DECIMAL_PRECISION) {
        return Fit::Breaks;
    }
    let length = i64::try_from(significant.len()).unwrap_or(i64::MAX);
    let digits = |count: i64| usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    let (whole, fraction) = (digits(point), digits(length - point));
    if whole + fraction > usize::from(MAX_DECIMAL_PRECISION) { Fit::Breaks } else { Fit::Digits(whole, fraction) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_double_forgets_is_known_from_the_digits() {
        for text in [
            "9007199254740993",
            "12345678901234567890",
            "18446744073709551615",
            "-9223372036854775809",
            "0.12345678901234567890123",
            "123456789012345678901234567890",
            "1234567890123456789012",
            "1e-400",
            "-1.5E-324",
            "1.23456789e-320",
        ] {
            assert!(is_rounded(text), "{text}");
        }
        for text in [
            "12.50",
            "0.1",
            "100000000000000000000",
            "1e300",
            "9007199254740992",
            "0.30000000000000004",
            "734152198350010.2",
            "734152198350010.3",
            "0.10000000000000001",
            "1.000000000000000056e-01",
            "-1.00000000000000000000000",
            "00012345678901234567890",
            "0e-400",
            "5e-324",
            "1e-320",
            "1.5e-300",
            "12345678901234567890x",
            "",
        ] {
            assert!(!is_rounded(text), "{text}");
        }
    }

    #[test]
    fn the_digits_of_a_number_are_those_that_a_decimal_needs() {
        for (text, fit) in [
            ("0", Fit::Digits(1, 0)),
            ("-0.00", Fit::Digits(1, 0)),
            ("12345678901234567890", Fit::Digits(20, 0)),
            ("12.50", Fit::Digits(2, 1)),
            ("0.0012", Fit::Digits(0, 4)),
            ("1.5e3", Fit::Digits(4, 0)),
            ("125e-5", Fit::Digits(0, 5)),
            ("1e37", Fit::Digits(38, 0)),
            ("1e38", Fit::Breaks),
            ("1e-39", Fit::Breaks),
            ("1e99999999999999999999", Fit::Breaks),
            ("123456789012345678901234567890123456789", Fit::Breaks),
            ("x", Fit::Breaks),
            ("007", Fit::Breaks),
        ] {
            assert_eq!(fit_of_digits(text), fit, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_that_a_program_wrote_for_a_double_is_kept(number in proptest::num::f64::NORMAL, digits in 0_usize..40) {
            for text in [number.to_string(), format!("{number:e}"), format!("{number:.digits$e}")] {
                prop_assert!(!is_rounded(&text), "{}", text);
            }
        }

        #[test]
        fn a_whole_number_is_rounded_when_it_is_not_the_same_as_a_double(number: i128) {
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "that is what is asked")]
            let is_same = number as f64 as i128 == number && number != i128::MAX;
            // A double may be written with zeros where it has other digits, and is the same when it is read.
            let text = number.to_string();
            let shortest = text.trim_end_matches('0').len() <= 17;
            if !shortest {
                prop_assert_eq!(is_rounded(&text), !is_same);
            }
        }
    }
}
