//! Numbers as JSON writes them, which CSV has too.

use eider_domain::Incoming;

/// The token of a number as JSON writes it, without spaces, plus sign or leading zeros; `None` for any other text.
pub(crate) fn number_token(text: &str) -> Option<Incoming<'static>> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, mut rest) = unsigned.split_at(digits(unsigned));
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let is_whole = rest.is_empty();
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.split_at_checked(digits(fraction)).filter(|(digits, _)| !digits.is_empty())?.1;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        rest = exponent.split_at_checked(digits(exponent)).filter(|(digits, _)| !digits.is_empty())?.1;
    }
    if !rest.is_empty() {
        return None;
    }
    if is_whole && text != "-0" {
        if let Ok(value) = text.parse() {
            return Some(Incoming::Integer(value));
        }
        if let Ok(value) = text.parse() {
            return Some(Incoming::Unsigned(value));
        }
    }
    text.parse().ok().map(Incoming::Number)
}
