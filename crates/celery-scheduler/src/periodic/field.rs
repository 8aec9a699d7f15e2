//! The grammar of one field of a crontab (`celery/schedules.py: crontab_parser`).
//!
//! ```text
//! field  :: part ( ',' part )*
//! part   :: '*' ( '/' step )? | number | number '-' number ( '/' step )?
//! number :: digits, or the name of a month or of a weekday where those are meant
//! ```
//!
//! A range whose end is before its start goes on from the lowest number: `fri-mon`, `22-4/2`. Of names the first three
//! letters count. Celery looks at the beginning of a part only (`1-5/2-x` is `1-5/2`) and takes a name for a number in any
//! field; here both are refused.

use crate::Error;

/// Which numbers a field may have, and how they may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    lowest: u32,
    highest: u32,
    /// From the lowest number on.
    names: &'static [&'static str],
}

pub(super) const MINUTE: Kind = Kind { name: "minute", lowest: 0, highest: 59, names: &[] };
pub(super) const HOUR: Kind = Kind { name: "hour", lowest: 0, highest: 23, names: &[] };
pub(super) const DAY_OF_MONTH: Kind = Kind { name: "day_of_month", lowest: 1, highest: 31, names: &[] };
pub(super) const MONTH_OF_YEAR: Kind = Kind {
    name: "month_of_year",
    lowest: 1,
    highest: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
pub(super) const DAY_OF_WEEK: Kind = Kind {
    name: "day_of_week",
    lowest: 0,
    highest: 6,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/// A field: what was written, and the numbers that it stands for. Never without any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    text: String,
    /// Bit n is number n.
    numbers: u64,
}

impl Field {
    /// `*`
    pub(super) fn all(kind: Kind) -> Self {
        let numbers = (kind.lowest..=kind.highest).fold(0, |numbers, number| numbers | 1 << number);
        Self { text: "*".to_owned(), numbers }
    }

    pub(super) fn parse(kind: Kind, text: &str) -> Result<Self, Error> {
        let mut numbers = 0;
        for part in text.split(',') {
            let refused = |reason| Error::CrontabField { field: kind.name, text: text.to_owned(), reason };
            numbers |= kind.part(part.trim()).map_err(refused)?;
        }
        Ok(Self { text: text.trim().to_owned(), numbers })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn contains(&self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| number < u64::BITS && self.numbers & (1 << number) != 0)
    }

    /// The lowest number.
    pub(super) fn first(&self) -> i8 {
        lowest(self.numbers).unwrap_or_default()
    }

    /// The lowest number above this one.
    pub(super) fn after(&self, number: i8) -> Option<i8> {
        let above = u32::try_from(i32::from(number) + 1).ok()?;
        lowest(self.numbers & u64::MAX.checked_shl(above)?)
    }
}

fn lowest(numbers: u64) -> Option<i8> {
    if numbers == 0 { None } else { i8::try_from(numbers.trailing_zeros()).ok() }
}

impl Kind {
    /// The numbers of a part, as bits.
    fn part(self, part: &str) -> Result<u64, String> {
        if part.is_empty() {
            return Err("there is nothing before or after a comma".to_owned());
        }
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.lowest, self.highest),
            Some((first, last)) => (self.number(first)?, self.number(last)?),
            None if step.is_some() => {
                return Err(format!("a step follows a range, as in {range}-{}/2, or *", self.highest));
            }
            None => (self.number(range)?, self.number(range)?),
        };
        let step = match step.map(|step| step.parse::<usize>()) {
            None => 1,
            Some(Ok(step)) if step > 0 => step,
            Some(_) => return Err("a step is a number above 0".to_owned()),
        };
        let numbers: Vec<u32> = match first <= last {
            true => (first..=last).collect(),
            false => (first..=self.highest).chain(self.lowest..=last).collect(),
        };
        Ok(numbers.into_iter().step_by(step).fold(0, |bits, number| bits | 1 << number))
    }

    fn number(self, word: &str) -> Result<u32, String> {
        let short = word.get(..3).map(str::to_lowercase);
        let named = self.names.iter().position(|name| short.as_deref() == Some(name));
        let number = match named.and_then(|at| u32::try_from(at).ok()) {
            Some(at) => at + self.lowest,
            None => word.parse().map_err(|_| self.expected(word))?,
        };
        match (self.lowest..=self.highest).contains(&number) {
            true => Ok(number),
            false => Err(self.expected(word)),
        }
    }

    fn expected(self, word: &str) -> String {
        let names = match self.names {
            [first, .., last] => format!(" or {first} to {last}"),
            _ => String::new(),
        };
        format!("{word:?} is not {} to {}{names}", self.lowest, self.highest)
    }
}
