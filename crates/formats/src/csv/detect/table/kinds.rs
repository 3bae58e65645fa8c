//! What the cells of a table are, as far as its header is told by it.

use super::super::is_of_instant;

/// What cells are that names of columns are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Instant,
    Truth,
}

pub(super) fn kind_of(cell: &str) -> Option<Kind> {
    let cell = cell.trim();
    let is_instant = || cell.chars().filter(char::is_ascii_digit).count() >= 4 && cell.chars().all(is_of_instant);
    if is_number(cell) {
        return Some(Kind::Number);
    }
    if ["true", "false"].iter().any(|word| cell.eq_ignore_ascii_case(word)) {
        return Some(Kind::Truth);
    }
    is_instant().then_some(Kind::Instant)
}

pub(super) fn is_year(cell: &str) -> bool {
    cell.len() == 4 && cell.parse::<u16>().is_ok_and(|year| (1800..2200).contains(&year))
}

pub(super) fn is_number(cell: &str) -> bool {
    is_number_with(cell, '.') || is_number_with(cell, ',')
}

/// Whether a cell is digits, with at most one `sign` among them, and with an exponent behind it.
pub(super) fn is_number_with(cell: &str, sign: char) -> bool {
    let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    let (digits, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, decimals) = digits.split_once(sign).unwrap_or((digits, "0"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits(whole) && are_digits(decimals) && are_digits(exponent)
}

/// Whether the comma of a number may stand before thousands.
pub(super) fn is_grouped(cell: &str) -> bool {
    cell.split_once(',').is_some_and(|(whole, behind)| {
        behind.len() == 3 && (1..=3).contains(&whole.trim_start_matches(['-', '+']).len()) && !whole.starts_with('0')
    })
}

/// Whether a cell stands for no value: a word, or signs such as `**`. Signs of units are names.
pub(super) fn is_null_word(cell: &str) -> bool {
    let words = ["na", "n/a", "nan", "null", "none", "nil", "missing", "unknown"];
    let cell = cell.trim();
    let is_sign = !cell.is_empty() && !cell.contains(|c: char| c.is_alphanumeric() || "%#$€£¥°".contains(c));
    is_sign || words.contains(&cell.to_ascii_lowercase().as_str())
}
