//! Integers of any length, to their decimal digits.

/// How many decimal digits a number may have: CPython's own limit for text (`sys.int_info.default_max_str_digits`).
/// It also bounds the work, which grows with the square of the length.
const MAX_DIGITS: usize = 4300;

/// What one limb holds.
const LIMB: u64 = 1_000_000_000;

/// The decimal digits of a number of a base up to 16; `None` when it is none, or too long.
pub(super) fn to_decimal(digits: &str, base: u32) -> Option<String> {
    let mut number = Number::default();
    if digits.is_empty() {
        return None;
    }
    for digit in digits.chars() {
        number.push(u64::from(base), u64::from(digit.to_digit(base)?))?;
    }
    Some(number.text())
}

/// The decimal digits of a number of base 60, its digits in decimal between colons.
pub(super) fn from_sixties(text: &str) -> Option<String> {
    let mut number = Number::default();
    for (index, part) in text.split(':').enumerate() {
        if index == 0 {
            for digit in part.chars() {
                number.push(10, u64::from(digit.to_digit(10)?))?;
            }
        } else {
            number.push(60, part.parse::<u32>().ok()?.into())?;
        }
    }
    Some(number.text())
}

/// Limbs of nine digits, the lowest first.
#[derive(Default)]
struct Number(Vec<u64>);

impl Number {
    /// Multiplies by `base` and adds `digit`.
    fn push(&mut self, base: u64, digit: u64) -> Option<()> {
        let mut carry = digit;
        for limb in &mut self.0 {
            let value = *limb * base + carry;
            *limb = value % LIMB;
            carry = value / LIMB;
        }
        while carry > 0 {
            if self.0.len() * 9 >= MAX_DIGITS {
                return None;
            }
            self.0.push(carry % LIMB);
            carry /= LIMB;
        }
        Some(())
    }

    fn text(&self) -> String {
        let mut limbs = self.0.iter().rev();
        let mut text = limbs.next().map_or_else(|| "0".to_owned(), ToString::to_string);
        for limb in limbs {
            text.push_str(&format!("{limb:09}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_keep_every_digit() {
        assert_eq!(to_decimal("ffffffffffffffffffffffff", 16).unwrap(), "79228162514264337593543950335");
        assert_eq!(to_decimal("0000", 8).unwrap(), "0");
        assert_eq!(to_decimal("000000000100000000000000000000000000001", 10).unwrap().len(), 30);
        assert_eq!(to_decimal("12", 2), None);
        assert_eq!(to_decimal("", 2), None);
        assert_eq!(from_sixties("190:20:30").unwrap(), "685230");
        assert_eq!(from_sixties("1::2"), None);
    }

    #[test]
    fn endless_ones_are_refused() {
        assert!(to_decimal(&"9".repeat(MAX_DIGITS), 10).is_some());
        assert_eq!(to_decimal(&"9".repeat(1 << 20), 10), None);
        assert_eq!(to_decimal(&"f".repeat(1 << 20), 16), None);
    }
}
