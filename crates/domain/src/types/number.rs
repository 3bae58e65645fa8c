//! Numbers as text: exact, or refused.

/// Parses a finite number; words such as `NaN` and `inf`, which Rust would accept, are refused.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    if !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E')) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Parses an exact decimal number into its digits at `scale`; more decimals are accepted only when zero.
fn parse_decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || (digits.contains('.') && fraction.is_empty()) {
        return None;
    }
    let (kept, excess) = fraction.split_at_checked(fraction.len().min(usize::from(scale)))?;
    if excess.bytes().any(|b| b != b'0') {
        return None;
    }
    let mut unscaled: i128 = 0;
    let padding = std::iter::repeat_n(b'0', usize::from(scale) - kept.len());
    for byte in whole.bytes().chain(kept.bytes()).chain(padding) {
        if !byte.is_ascii_digit() {
            return None;
        }
        unscaled = unscaled.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
    }
    let limit = 10_i128.checked_pow(u32::from(precision))?;
    (unscaled < limit).then_some(if is_negative { -unscaled } else { unscaled })
}

/// Digits of the greatest whole number of 64 bits.
const INTEGER_DIGITS: u8 = 19;
/// Farther than this no exponent moves a point between digits that a decimal can have.
const MAX_EXPONENT: i32 = 1000;

/// The digits at `scale` of a number as it is written, with an exponent or without.
pub(crate) fn decimal_of_number(number: &str, precision: u8, scale: u8) -> Option<i128> {
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else {
        return parse_decimal(number, precision, scale);
    };
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_matches('0');
    if significant.is_empty() {
        return parse_decimal("0", precision, scale);
    }
    // The number is 0.significant times ten to the power of `point`.
    let zeros = i32::try_from(digits.find(significant)?).ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    let point = i32::try_from(whole.len()).ok()?.checked_sub(zeros)?.checked_add(exponent)?;
    if point.abs() > MAX_EXPONENT || significant.len() > usize::from(precision) {
        return None;
    }
    let padding = |zeros: i32| "0".repeat(usize::try_from(zeros).unwrap_or_default());
    let plain = match usize::try_from(point) {
        Ok(point) if point > 0 && point < significant.len() => {
            let (whole, fraction) = significant.split_at(point);
            format!("{sign}{whole}.{fraction}")
        }
        Ok(after) if after > 0 => {
            format!("{sign}{significant}{}", "0".repeat(after - significant.len()))
        }
        _ => format!("{sign}0.{}{significant}", padding(-point)),
    };
    parse_decimal(&plain, precision, scale)
}

/// The whole number that a number is, as JSON writes it, with a point or an exponent or without; `None` when it has
/// a fraction or does not fit.
pub(crate) fn integer_of_number(number: &str) -> Option<i64> {
    let exact = || decimal_of_number(number, INTEGER_DIGITS, 0).and_then(|whole| i64::try_from(whole).ok());
    number.parse().ok().or_else(exact)
}

/// The plain decimal text of digits at a scale, for example `-0.05` for -5 at scale 2.
pub(crate) fn decimal_text(unscaled: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_are_exact_or_refused() {
        let money = |text| parse_decimal(text, 5, 2);
        assert_eq!(money("-0.05"), Some(-5));
        assert_eq!(money("12"), Some(1200));
        assert_eq!(money("12.500"), Some(1250));
        for text in ["12.505", "1000", ".5", "5.", "1e2", "", "-", "१"] {
            assert_eq!(money(text), None, "{text}");
        }
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(decimal_text(1200, 0), "1200");
    }

    #[test]
    fn a_number_is_a_decimal_by_its_digits() {
        for (number, expected) in [
            ("12.50", Some(12_500)),
            ("-0.001", Some(-1)),
            ("1e3", Some(1_000_000)),
            ("1.5E+2", Some(150_000)),
            ("125e-2", Some(1_250)),
            ("0.00012e1", None),
            ("0.0012e1", Some(12)),
            ("1000e-3", Some(1_000)),
            ("-0e999999999999", Some(0)),
            ("0.000", Some(0)),
            ("1e34", Some(10_i128.pow(37))),
            ("1e35", None),
            ("1e-4", None),
            ("1e999999999999", None),
            ("1e-999999999999", None),
            ("1e400", None),
            ("18446744073709551616", Some(18_446_744_073_709_551_616_000)),
        ] {
            assert_eq!(decimal_of_number(number, 38, 3), expected, "{number}");
        }
        assert_eq!(decimal_of_number(&"9".repeat(38), 38, 0), Some(10_i128.pow(38) - 1));
        assert_eq!(decimal_of_number(&format!("{}e-38", "9".repeat(39)), 38, 38), None);
    }

    #[test]
    fn a_number_is_whole_by_its_digits() {
        for (number, expected) in [
            ("1.0", Some(1)),
            ("1e3", Some(1_000)),
            ("-12.5e1", Some(-125)),
            ("-0.0", Some(0)),
            ("9223372036854775807.000", Some(i64::MAX)),
            ("-9.223372036854775808e18", Some(i64::MIN)),
            ("9223372036854775808.0", None),
            // The nearest doubles are whole.
            ("4503599627370497.5", None),
            ("1.0000000000000000000001", None),
            ("1e-1", None),
        ] {
            assert_eq!(integer_of_number(number), expected, "{number}");
        }
    }

    proptest! {
        #[test]
        fn a_decimal_written_as_a_number_in_any_form_is_the_same_decimal(
            unscaled in -(10_i128.pow(38) - 1)..10_i128.pow(38), scale in 0_u8..=38, shift in -60_i32..60,
        ) {
            let text = decimal_text(unscaled, scale);
            prop_assert_eq!(decimal_of_number(&text, 38, scale), Some(unscaled));
            // The point moved, and back by the exponent.
            let moved = format!("{unscaled}e{}", -i32::from(scale));
            prop_assert_eq!(decimal_of_number(&moved, 38, scale), Some(unscaled));
            let zeros = "0".repeat(usize::try_from(shift.max(0)).unwrap_or_default());
            let padded = format!("{unscaled}{zeros}e{}", -i32::from(scale) - shift.max(0));
            prop_assert_eq!(decimal_of_number(&padded, 38, scale), Some(unscaled));
        }
    }
}
