//! What can be said about time that cannot be understood.

/// An error of the scheduler.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No ISO 8601 time.
    #[error("{text:?} is no ISO 8601 time: {reason}")]
    Timestamp {
        /// What the message says.
        text: String,
        /// Why it is none.
        reason: String,
    },
    /// No rate limit such as `10/s`, `100/m`, `1000/h`.
    #[error("{text:?} is no rate limit: write a number, or a number with /s, /m or /h")]
    RateLimit {
        /// What the task or the command says.
        text: String,
    },
    /// No crontab.
    #[error(
        "{text:?} is no crontab: it has {fields} fields instead of five, \
         minute hour day_of_month month_of_year day_of_week"
    )]
    Crontab {
        /// What was given.
        text: String,
        /// How many fields it has.
        fields: usize,
    },
    /// A field of a crontab that cannot be read.
    #[error("crontab: {field} {text:?}: {reason}")]
    CrontabField {
        /// The field, as Celery names it.
        field: &'static str,
        /// What was given.
        text: String,
        /// Why it cannot be read.
        reason: String,
    },
    /// A crontab for days that no month has.
    #[error("crontab: day_of_month {days} never occurs in month_of_year {months}")]
    CrontabDate {
        /// The days.
        days: String,
        /// The months.
        months: String,
    },
    /// Two entries of a timetable with one name.
    #[error("two periodic tasks are named {name:?}: each needs a name of its own")]
    EntryTwice {
        /// The name.
        name: String,
    },
}
