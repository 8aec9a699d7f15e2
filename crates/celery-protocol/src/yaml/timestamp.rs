//! Dates and times (`yaml/resolver.py`, `yaml/constructor.py: construct_yaml_timestamp`,
//! `yaml/representer.py: represent_datetime`).

use super::{malformed, number::shown};
use crate::{Error, json::Typed};

/// The parts of a timestamp, as they are written.
struct Parts<'a> {
    year: &'a str,
    month: &'a str,
    day: &'a str,
    time: Option<Time<'a>>,
}

struct Time<'a> {
    hour: &'a str,
    minute: &'a str,
    second: &'a str,
    fraction: &'a str,
    zone: Zone<'a>,
}

enum Zone<'a> {
    Naive,
    Utc,
    Offset { negative: bool, hour: &'a str, minute: &'a str, second: &'a str },
}

/// Whether a plain scalar is a date or a time.
pub(super) fn is_timestamp(text: &str) -> bool {
    split(text, false)
        .is_some_and(|parts| parts.time.is_some() || (parts.month.len() == 2 && parts.day.len() == 2))
}

/// The date or the time that a scalar says, as `isoformat` has it.
pub(super) fn timestamp(text: &str) -> Result<Typed, Error> {
    split(text, false)
        .and_then(|parts| parts.iso('T'))
        .map(|(text, is_date)| if is_date { Typed::Date(text) } else { Typed::DateTime(text) })
        .ok_or_else(|| malformed(format!("`{}` is no date", shown(text))))
}

/// What `safe_dump` writes for the `isoformat` of a date or a time; `None` when it is none.
pub(super) fn written(iso: &str) -> Option<String> {
    split(iso, true)?.iso(' ').map(|(text, _)| text)
}

/// Whether a time has an offset, and when it is, in microseconds of UTC, for comparing.
pub(super) fn instant(iso: &str) -> Option<(bool, i64)> {
    let parts = split(iso, true)?;
    let (year, month, day) = (number(parts.year)?, number(parts.month)?, number(parts.day)?);
    let days_before: u32 = (1..month).map_while(|month| days(year, month)).sum();
    let years = i64::from(year).checked_sub(1)?;
    let date = years * 365 + years / 4 - years / 100 + years / 400 + i64::from(days_before) + i64::from(day);
    let Some(time) = &parts.time else { return Some((false, date * 86_400_000_000)) };
    let clock = number(time.hour)? * 3600 + number(time.minute)? * 60 + number(time.second)?;
    let (aware, offset) = match &time.zone {
        Zone::Naive => (false, 0),
        Zone::Utc => (true, 0),
        Zone::Offset { negative, .. } => {
            let seconds = i64::from(time.zone.seconds()?);
            (true, if *negative { -seconds } else { seconds })
        }
    };
    let seconds = date * 86_400 + i64::from(clock) - offset;
    Some((aware, seconds * 1_000_000 + i64::from(number(&micros(time.fraction))?)))
}

/// The microseconds of a fraction, six digits.
fn micros(fraction: &str) -> String {
    fraction.chars().chain("000000".chars()).take(6).collect()
}

/// Takes a timestamp apart. Only Python's own `seconds` may have seconds in the offset.
fn split(text: &str, seconds: bool) -> Option<Parts<'_>> {
    let mut rest = text;
    let year = digits(&mut rest, 4, 4)?;
    take(&mut rest, "-")?;
    let month = digits(&mut rest, 1, 2)?;
    take(&mut rest, "-")?;
    let day = digits(&mut rest, 1, 2)?;
    let mut parts = Parts { year, month, day, time: None };
    if rest.is_empty() {
        return Some(parts);
    }
    let trimmed = rest.trim_start_matches([' ', '\t']);
    rest = if trimmed.len() < rest.len() { trimmed } else { rest.strip_prefix(['T', 't'])? };
    let hour = digits(&mut rest, 1, 2)?;
    take(&mut rest, ":")?;
    let minute = digits(&mut rest, 2, 2)?;
    take(&mut rest, ":")?;
    let second = digits(&mut rest, 2, 2)?;
    let fraction = if take(&mut rest, ".").is_some() { digits(&mut rest, 0, usize::MAX)? } else { "" };
    let mut zone = Zone::Naive;
    if !rest.is_empty() {
        rest = rest.trim_start_matches([' ', '\t']);
        zone = split_zone(&mut rest, seconds)?;
    }
    parts.time = Some(Time { hour, minute, second, fraction, zone });
    rest.is_empty().then_some(parts)
}

fn split_zone<'a>(rest: &mut &'a str, seconds: bool) -> Option<Zone<'a>> {
    if take(rest, "Z").is_some() {
        return Some(Zone::Utc);
    }
    let negative = take(rest, "-").is_some();
    if !negative {
        take(rest, "+")?;
    }
    let hour = digits(rest, 1, 2)?;
    let (mut minute, mut second) = ("", "");
    if take(rest, ":").is_some() {
        minute = digits(rest, 2, 2)?;
    }
    if seconds && take(rest, ":").is_some() {
        second = digits(rest, 2, 2)?;
    }
    Some(Zone::Offset { negative, hour, minute, second })
}

impl Parts<'_> {
    /// `isoformat`, and whether it is a date only; `None` when there is no such day or time.
    fn iso(&self, separator: char) -> Option<(String, bool)> {
        let (year, month, day) = (number(self.year)?, number(self.month)?, number(self.day)?);
        if year == 0 || day == 0 || day > days(year, month)? {
            return None;
        }
        let date = format!("{year:04}-{month:02}-{day:02}");
        let Some(time) = &self.time else { return Some((date, true)) };
        let (hour, minute, second) = (number(time.hour)?, number(time.minute)?, number(time.second)?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let mut text = format!("{date}{separator}{hour:02}:{minute:02}:{second:02}");
        let micros = micros(time.fraction);
        if micros != "000000" {
            text.push('.');
            text.push_str(&micros);
        }
        text.push_str(&time.zone.iso()?);
        Some((text, false))
    }
}

impl Zone<'_> {
    /// How far an offset is from UTC.
    fn seconds(&self) -> Option<u32> {
        let Self::Offset { hour, minute, second, .. } = self else { return Some(0) };
        let part = |text: &str| if text.is_empty() { Some(0) } else { number(text) };
        Some(number(hour)? * 3600 + part(minute)? * 60 + part(second)?)
    }

    fn iso(&self) -> Option<String> {
        let Self::Offset { negative, .. } = self else {
            return Some(if matches!(self, Self::Utc) { "+00:00" } else { "" }.to_owned());
        };
        let total = self.seconds()?;
        if total >= 24 * 3600 {
            return None;
        }
        let sign = if *negative && total > 0 { '-' } else { '+' };
        let (hour, minute, second) = (total / 3600, total / 60 % 60, total % 60);
        let seconds = if second > 0 { format!(":{second:02}") } else { String::new() };
        Some(format!("{sign}{hour:02}:{minute:02}{seconds}"))
    }
}

fn days(year: u32, month: u32) -> Option<u32> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

fn number(digits: &str) -> Option<u32> {
    digits.parse().ok()
}

fn take(rest: &mut &str, text: &str) -> Option<()> {
    *rest = rest.strip_prefix(text)?;
    Some(())
}

/// As many digits as there are, `least` to `most`.
fn digits<'a>(rest: &mut &'a str, least: usize, most: usize) -> Option<&'a str> {
    let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return None;
    }
    let (digits, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_not_is_refused() {
        for text in
            ["2026-02-29", "2026-13-01", "0000-01-01", "2026-01-01 24:00:00", "2026-01-01 1:02:03 +24:00"]
        {
            assert!(is_timestamp(text) && timestamp(text).is_err(), "{text}");
        }
        assert!(timestamp("2024-02-29").is_ok());
    }

    #[test]
    fn isoformat_with_a_space() {
        let cases = [
            ("2026-11-22T12:13:14.000567+00:00", Some("2026-11-22 12:13:14.000567+00:00")),
            ("2026-11-22T12:13:14Z", Some("2026-11-22 12:13:14+00:00")),
            ("2026-11-22T12:13:14+01:00:28", Some("2026-11-22 12:13:14+01:00:28")),
            ("2026-11-22", Some("2026-11-22")),
            ("today", None),
            ("2026-11-22T12:13", None),
            ("2026-11-22\n", None),
        ];
        for (iso, expected) in cases {
            assert_eq!(written(iso).as_deref(), expected, "{iso}");
        }
    }
}
