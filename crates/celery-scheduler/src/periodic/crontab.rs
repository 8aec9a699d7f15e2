//! Times of the day, on days of the week and of the month, in a time zone.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

use super::Schedule;
use super::field::{DAY_OF_MONTH, DAY_OF_WEEK, Field, HOUR, Kind, MINUTE, MONTH_OF_YEAR};
use crate::{Error, Zone};

/// Runs at times of the day (`celery/schedules.py: crontab`), in UTC unless a zone is given.
///
/// A field is a number, a range (`8-17`, `fri-mon`), `*`, a range or `*` with a step (`*/15`), or several of these with
/// commas. Sunday is 0. Unlike cron's, all five fields must fit: `13 * *` with `fri` is a Friday the 13th.
///
/// ```
/// use celery_scheduler::{Crontab, Schedule, Zone, parse_timestamp};
///
/// let berlin = Zone::named("Europe/Berlin").unwrap_or_default();
/// let mornings = Crontab::new().minute(30)?.hour(7)?.day_of_week("mon-fri")?.in_zone(berlin);
/// assert_eq!(mornings.to_string(), "30 7 * * mon-fri");
///
/// let same: Crontab = "30 7 * * mon-fri".parse()?;
/// let saturday = parse_timestamp("2026-03-28T12:00:00Z")?;
/// assert_eq!(same.next_after(saturday), Some(parse_timestamp("2026-03-30T07:30:00Z")?));
///
/// let never = Crontab::new().month_of_year("feb")?.day_of_month(30);
/// assert_eq!(never.unwrap_err().to_string(), "crontab: day_of_month 30 never occurs in month_of_year feb");
/// # Ok::<_, celery_scheduler::Error>(())
/// ```
///
/// # When clocks are set
///
/// As Celery's:
///
/// - A time that clocks skip is as much later as they skip: 02:30 is 03:30 that day. Of several in what is skipped there
///   is one run, the first, and none if there is another run before it.
/// - A time that clocks show twice runs once, the first time. So a crontab for every minute pauses for that hour, and
///   one that starts within it begins after it. In UTC, or with an interval, there is no such pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crontab {
    minute: Field,
    hour: Field,
    day_of_month: Field,
    month_of_year: Field,
    day_of_week: Field,
    zone: Zone,
}

/// The days of each month, February's at most.
const DAYS: [i8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// How far a date is looked for: a 29 February on a given weekday comes at least once in 40 years.
const MONTHS: usize = 40 * 12 + 1;

impl Default for Crontab {
    fn default() -> Self {
        Self::new()
    }
}

impl Crontab {
    /// Every minute: `* * * * *`.
    pub fn new() -> Self {
        Self {
            minute: Field::all(MINUTE),
            hour: Field::all(HOUR),
            day_of_month: Field::all(DAY_OF_MONTH),
            month_of_year: Field::all(MONTH_OF_YEAR),
            day_of_week: Field::all(DAY_OF_WEEK),
            zone: Zone::default(),
        }
    }

    /// The minutes, 0 to 59.
    ///
    /// # Errors
    ///
    /// [`Error::CrontabField`] says what is wrong with the text. This holds for the other fields as well.
    pub fn minute(self, minute: impl fmt::Display) -> Result<Self, Error> {
        Ok(Self { minute: parsed(MINUTE, minute)?, ..self })
    }

    /// The hours, 0 to 23.
    ///
    /// # Errors
    ///
    /// As [`minute`](Self::minute).
    pub fn hour(self, hour: impl fmt::Display) -> Result<Self, Error> {
        Ok(Self { hour: parsed(HOUR, hour)?, ..self })
    }

    /// The days of the week, 0 (Sunday) to 6, or by name.
    ///
    /// # Errors
    ///
    /// As [`minute`](Self::minute).
    pub fn day_of_week(self, day: impl fmt::Display) -> Result<Self, Error> {
        Ok(Self { day_of_week: parsed(DAY_OF_WEEK, day)?, ..self })
    }

    /// The days of the month, 1 to 31.
    ///
    /// # Errors
    ///
    /// As [`minute`](Self::minute), and [`Error::CrontabDate`] when no month that is wanted has such a day.
    pub fn day_of_month(self, day: impl fmt::Display) -> Result<Self, Error> {
        Self { day_of_month: parsed(DAY_OF_MONTH, day)?, ..self }.checked()
    }

    /// The months, 1 to 12, or by name.
    ///
    /// # Errors
    ///
    /// As [`day_of_month`](Self::day_of_month).
    pub fn month_of_year(self, month: impl fmt::Display) -> Result<Self, Error> {
        Self { month_of_year: parsed(MONTH_OF_YEAR, month)?, ..self }.checked()
    }

    /// The zone whose clocks count.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    fn checked(self) -> Result<Self, Error> {
        let occurs = (1..)
            .zip(DAYS)
            .any(|(month, days)| self.month_of_year.contains(month) && self.day_of_month.first() <= days);
        match occurs {
            true => Ok(self),
            false => Err(Error::CrontabDate {
                days: self.day_of_month.text().to_owned(),
                months: self.month_of_year.text().to_owned(),
            }),
        }
    }

    /// The first time after this minute that fits, on a clock that is never set.
    fn time_after(&self, from: DateTime) -> Option<DateTime> {
        let today = from.date();
        if self.is_on(today) {
            let next = self.minute.after(from.minute()).filter(|_| self.hour.contains(from.hour()));
            if let Some(minute) = next {
                return Some(today.at(from.hour(), minute, 0, 0));
            }
            if let Some(hour) = self.hour.after(from.hour()) {
                return Some(today.at(hour, self.minute.first(), 0, 0));
            }
        }
        Some(self.date_after(today)?.at(self.hour.first(), self.minute.first(), 0, 0))
    }

    fn is_on(&self, date: Date) -> bool {
        self.month_of_year.contains(date.month())
            && self.day_of_month.contains(date.day())
            && self.day_of_week.contains(date.weekday().to_sunday_zero_offset())
    }

    fn date_after(&self, today: Date) -> Option<Date> {
        let mut month = today.first_of_month();
        let mut passed = today.day();
        for _ in 0..MONTHS {
            if self.month_of_year.contains(month.month()) {
                while let Some(day) =
                    self.day_of_month.after(passed).filter(|day| *day <= month.days_in_month())
                {
                    let date = Date::new(month.year(), month.month(), day).ok()?;
                    if self.is_on(date) {
                        return Some(date);
                    }
                    passed = day;
                }
            }
            passed = 0;
            month = month.checked_add(1.month()).ok()?;
        }
        None
    }

    /// The moment at which clocks show `time`.
    fn moment(&self, zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
        let shown = zone.to_ambiguous_timestamp(time);
        let skipped = matches!(shown.offset(), AmbiguousOffset::Gap { .. });
        let moment = shown.compatible().ok()?;
        if !skipped {
            return Some(moment);
        }
        let mut next = self.time_after(time)?;
        loop {
            let shown = zone.to_ambiguous_timestamp(next);
            if !matches!(shown.offset(), AmbiguousOffset::Gap { .. }) {
                return Some(moment.min(shown.compatible().ok()?));
            }
            next = self.time_after(next)?;
        }
    }
}

impl Schedule for Crontab {
    /// At most some hundred steps: over months in which no day fits, and over minutes that clocks have shown already.
    fn next_after(&self, last: SystemTime) -> Option<SystemTime> {
        let zone = self.zone.time_zone();
        let last = Timestamp::try_from(last).ok()?;
        let mut time = zone.to_datetime(last);
        loop {
            time = self.time_after(time)?;
            let moment = self.moment(&zone, time)?;
            if moment > last {
                return Some(moment.into());
            }
        }
    }
}

fn parsed(kind: Kind, text: impl fmt::Display) -> Result<Field, Error> {
    Field::parse(kind, &text.to_string())
}

/// The five fields in cron's order: minute, hour, day of the month, month, day of the week (Celery's
/// `crontab.from_string`).
impl FromStr for Crontab {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day_of_month, month_of_year, day_of_week] = fields[..] else {
            return Err(Error::Crontab { text: text.to_owned(), fields: fields.len() });
        };
        Self::new()
            .minute(minute)?
            .hour(hour)?
            .day_of_week(day_of_week)?
            .day_of_month(day_of_month)?
            .month_of_year(month_of_year)
    }
}

impl fmt::Display for Crontab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = [&self.minute, &self.hour, &self.day_of_month, &self.month_of_year, &self.day_of_week];
        for (place, field) in fields.into_iter().enumerate() {
            let before = if place == 0 { "" } else { " " };
            write!(f, "{before}{}", field.text())?;
        }
        Ok(())
    }
}
