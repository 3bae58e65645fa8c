//! Sums of doubles without a rounding on the way.

/// Bits of a digit.
const DIGIT: usize = 32;
/// The weight of the last bit is 2 to the power of minus this: below the last bit of the smallest double.
const BELOW_ONE: i32 = 1_216;
/// Digits of any sum of less than 2^63 doubles: 1,024 bits above one, those below it, and room.
const DIGITS: usize = 76;
/// Digits that a quotient has beyond those of its dividend.
const MORE_DIGITS: usize = 4;

/// The exact sum of whole multiples of powers of two, and so of any doubles.
#[derive(Debug, Clone)]
pub struct ExactSum {
    /// From the least significant one on, each with a sign of its own.
    digits: [i128; DIGITS],
}

impl Default for ExactSum {
    fn default() -> Self {
        Self { digits: [0; DIGITS] }
    }
}

impl ExactSum {
    /// Adds `value` times 2 to the power of `exponent`, which is from -1,200 to 1,040 minus the bits of the value.
    pub fn add_scaled(&mut self, value: i128, exponent: i32) {
        let place = usize::try_from(exponent + BELOW_ONE).unwrap_or_default();
        let (first, shift) = (place / DIGIT, place % DIGIT);
        let mut rest = value.unsigned_abs();
        let sign = value.signum();
        for index in first.. {
            if rest == 0 || index + 1 >= DIGITS {
                break;
            }
            let shifted = (rest & u128::from(u32::MAX)) << shift;
            self.digits[index] += sign * (shifted & u128::from(u32::MAX)).cast_signed();
            self.digits[index + 1] += sign * (shifted >> DIGIT).cast_signed();
            rest >>= DIGIT;
        }
    }

    /// Adds a finite double.
    pub fn add(&mut self, value: f64) {
        let bits = value.to_bits();
        let exponent = i32::try_from((bits >> 52) & 0x7ff).unwrap_or_default();
        let fraction = i128::from(bits & ((1 << 52) - 1));
        let magnitude = if exponent == 0 { fraction } else { fraction | (1 << 52) };
        self.add_scaled(if value.is_sign_negative() { -magnitude } else { magnitude }, exponent.max(1) - 1_075);
    }

    /// The sum, divided by a number that is not 0, as the nearest double; infinite beyond the greatest one.
    pub fn divided_by(&self, count: u64) -> f64 {
        let (mut digits, mut carry) = ([0_u32; DIGITS], 0_i128);
        let is_negative = {
            let mut carry = 0_i128;
            self.digits.iter().for_each(|digit| carry = (carry + digit) >> DIGIT);
            carry < 0
        };
        for (digit, signed) in digits.iter_mut().zip(&self.digits) {
            carry += if is_negative { -signed } else { *signed };
            *digit = u32::try_from(carry & i128::from(u32::MAX)).unwrap_or_default();
            carry >>= DIGIT;
        }
        let (mut quotient, mut rest) = ([0_u32; DIGITS + MORE_DIGITS], 0_u128);
        for (place, digit) in quotient.iter_mut().enumerate().rev() {
            let next = place.checked_sub(MORE_DIGITS).map_or(0, |place| digits[place]);
            rest = (rest << DIGIT) | u128::from(next);
            *digit = u32::try_from(rest / u128::from(count.max(1))).unwrap_or(u32::MAX);
            rest %= u128::from(count.max(1));
        }
        let magnitude = rounded(&quotient, rest > 0);
        if is_negative { -magnitude } else { magnitude }
    }
}

/// The double nearest to a number whose last bit stands for 2 to the power of minus [`BELOW_ONE`] and the digits beyond.
#[expect(clippy::cast_precision_loss, reason = "this is the one rounding")]
fn rounded(digits: &[u32], is_more: bool) -> f64 {
    let Some(top) = digits.iter().rposition(|digit| *digit != 0) else { return 0.0 };
    // The 96 bits from the first digit on hold at least 65 that count; what is lost below them only breaks ties.
    let digit = |below: usize| top.checked_sub(below).map_or(0, |place| u128::from(digits[place]));
    let head = (digit(0) << 64) | (digit(1) << 32) | digit(2);
    let is_more = is_more || digits[..top.saturating_sub(2)].iter().any(|digit| *digit != 0);
    let surplus = 128 - head.leading_zeros() - 64;
    let lost = head & ((1 << surplus) - 1) != 0 || is_more;
    let kept = u64::try_from(head >> surplus).unwrap_or(u64::MAX) | u64::from(lost);
    let place = i32::try_from((top + 1) * DIGIT).unwrap_or_default() - 96;
    let more = i32::try_from(MORE_DIGITS * DIGIT).unwrap_or_default();
    let exponent = place + i32::try_from(surplus).unwrap_or_default() - BELOW_ONE - more;
    let half = exponent / 2;
    kept as f64 * 2_f64.powi(half) * 2_f64.powi(exponent - half)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "they are exact")]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn sum(values: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        for value in values {
            sum.add(*value);
        }
        sum
    }

    #[test]
    fn what_cancels_is_not_lost() {
        let large = 9_007_199_254_740_992.0;
        let mean = |values: &[f64]| sum(values).divided_by(values.len() as u64);
        let cases: [(&[f64], f64); 8] = [
            (&[1.0, 2.0, 1.0, 3.0, 1.0, large, 1.0, -large], 1.125),
            (&[1e300, 1e100, 1.0, -1e300, -1e100], 0.2),
            (&[f64::MAX, f64::MAX], f64::MAX),
            (&[f64::MAX, -f64::MAX, 5e-324, 5e-324], 0.0),
            (&[5e-324, 5e-324], 5e-324),
            (&[1e-20, 0.25, -0.25], 1e-20 / 3.0),
            (&[-1.5], -1.5),
            (&[0.0, -0.0], 0.0),
        ];
        for (values, expected) in cases {
            assert!(
                (mean(values) - expected).abs() <= expected.abs() * f64::EPSILON / 2.0,
                "{values:?}: {}",
                mean(values)
            );
        }
        assert_eq!(sum(&[f64::MAX, f64::MAX]).divided_by(1), f64::INFINITY);
    }

    proptest! {
        #[test]
        fn a_sum_of_whole_numbers_is_that_of_integers(values in vec((-(1_i64 << 53)..(1 << 53), 0..60_i32), 1..20)) {
            #[expect(clippy::cast_precision_loss, reason = "they are exact")]
            let doubles: Vec<f64> = values.iter().map(|(value, shift)| *value as f64 * 2_f64.powi(*shift)).collect();
            let exact: i128 = values.iter().map(|(value, shift)| i128::from(*value) << shift).sum();
            #[expect(clippy::cast_precision_loss, reason = "the nearest double")]
            let nearest = exact as f64;
            prop_assert_eq!(sum(&doubles).divided_by(1), nearest);
        }

        #[test]
        fn a_double_is_the_mean_of_itself(value in any::<f64>().prop_filter("finite", |value| value.is_finite()), count in 1..9_usize) {
            prop_assert_eq!(sum(&vec![value; count]).divided_by(count as u64), value);
        }
    }
}
