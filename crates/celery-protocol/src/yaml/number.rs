//! Integers and floats of YAML 1.1 (`yaml/resolver.py`, `yaml/constructor.py: construct_yaml_int`,
//! `construct_yaml_float`).

use super::{bigint, malformed};
use crate::{Error, Value};

/// Whether a plain scalar is an integer: binary, octal, decimal, hexadecimal or of base 60.
pub(super) fn is_int(text: &str) -> bool {
    let digits = unsigned(text);
    if let Some(digits) = digits.strip_prefix("0b") {
        return some(digits, |byte| matches!(byte, b'0' | b'1' | b'_'));
    }
    if let Some(digits) = digits.strip_prefix("0x") {
        return some(digits, |byte| byte.is_ascii_hexdigit() || byte == b'_');
    }
    match digits.as_bytes().first() {
        Some(b'0') => digits.bytes().skip(1).all(|byte| matches!(byte, b'0'..=b'7' | b'_')),
        Some(b'1'..=b'9') => {
            let mut parts = digits.split(':');
            parts.next().is_some_and(is_decimal) && parts.all(is_sixty)
        }
        _ => false,
    }
}

/// Whether a plain scalar is a float: it has a point, and an exponent has a sign.
pub(super) fn is_float(text: &str) -> bool {
    let rest = unsigned(text);
    if matches!(rest, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let Some((whole, rest)) = rest.split_once('.') else { return false };
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..)),
        None => (rest, None),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        exponent.strip_prefix(['+', '-']).is_some_and(|digits| some(digits, |byte| byte.is_ascii_digit()))
    });
    if whole.is_empty() {
        // Without a whole part there is no sign.
        return text.starts_with('.') && is_decimal(fraction) && exponent_fits;
    }
    let mut parts = whole.split(':');
    let first = parts.next().is_some_and(is_decimal);
    let sixties = whole.contains(':');
    let fraction_fits = fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    first && parts.all(is_sixty) && fraction_fits && exponent_fits && !(sixties && exponent.is_some())
}

/// The integer that a scalar says, of whatever it was resolved from.
pub(super) fn int(text: &str) -> Result<Value, Error> {
    let wrong = || malformed(format!("`{}` is no integer", shown(text)));
    let digits = text.replace('_', "");
    let negative = digits.starts_with('-');
    let digits = unsigned(&digits);
    let magnitude = if digits == "0" {
        Some("0".to_owned())
    } else if let Some(digits) = digits.strip_prefix("0b") {
        bigint::to_decimal(digits, 2)
    } else if let Some(digits) = digits.strip_prefix("0x") {
        bigint::to_decimal(digits, 16)
    } else if digits.starts_with('0') {
        bigint::to_decimal(digits, 8)
    } else if digits.contains(':') {
        bigint::from_sixties(digits)
    } else {
        bigint::to_decimal(digits.trim(), 10)
    }
    .ok_or_else(wrong)?;
    let signed = if negative && magnitude != "0" { format!("-{magnitude}") } else { magnitude };
    Ok(signed.parse().map_or_else(|_| Value::BigInt(signed.into()), Value::Int))
}

/// The float that a scalar says.
pub(super) fn float(text: &str) -> Result<f64, Error> {
    let lower = text.replace('_', "").to_lowercase();
    let sign = if lower.starts_with('-') { -1.0 } else { 1.0 };
    let rest = unsigned(&lower).trim();
    let magnitude = match rest {
        ".inf" => Some(f64::INFINITY),
        ".nan" => Some(f64::NAN),
        _ if rest.contains(':') => {
            let mut value = Some(0.0);
            let mut base = 1.0;
            for part in rest.rsplit(':') {
                let part: Option<f64> = part.parse().ok();
                // Rounded twice, as Python does.
                let product = part.map(|part| part * base);
                value = value.zip(product).map(|(value, product)| value + product);
                base *= 60.0;
            }
            value
        }
        _ => rest.parse().ok(),
    };
    magnitude.map(|value| sign * value).ok_or_else(|| malformed(format!("`{}` is no float", shown(text))))
}

/// The beginning of a scalar, for messages.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn some(text: &str, fits: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(fits)
}

/// `[0-9][0-9_]*`
fn is_decimal(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// `[0-5]?[0-9]`
fn is_sixty(text: &str) -> bool {
    match *text.as_bytes() {
        [low] => low.is_ascii_digit(),
        [high, low] => (b'0'..=b'5').contains(&high) && low.is_ascii_digit(),
        _ => false,
    }
}
