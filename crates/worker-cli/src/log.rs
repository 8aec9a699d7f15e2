//! Log lines in Celery's format: `[2026-11-22 12:13:16,025: INFO/MainProcess] message`.
//!
//! Source: `celery/app/defaults.py: DEFAULT_PROCESS_LOG_FMT`, `celery/utils/log.py: ColorFormatter`.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal};
use std::str::FromStr;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// A log level, by Celery's names or Python's numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// DEBUG, 10.
    Debug,
    /// INFO, 20.
    Info,
    /// WARNING, 30.
    #[default]
    Warning,
    /// ERROR, 40.
    Error,
    /// CRITICAL or FATAL, 50.
    Critical,
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_uppercase().as_str() {
            "DEBUG" | "10" => Ok(Self::Debug),
            "INFO" | "20" => Ok(Self::Info),
            "WARNING" | "WARN" | "30" => Ok(Self::Warning),
            "ERROR" | "40" => Ok(Self::Error),
            "CRITICAL" | "FATAL" | "50" => Ok(Self::Critical),
            _ => Err(String::from("choose DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL")),
        }
    }
}

impl LogLevel {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Debug => LevelFilter::DEBUG,
            Self::Info => LevelFilter::INFO,
            Self::Warning => LevelFilter::WARN,
            Self::Error | Self::Critical => LevelFilter::ERROR,
        }
    }
}

/// Where log lines go.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// The level from which lines are written.
    pub level: LogLevel,
    /// A file to append to, instead of standard error.
    pub file: Option<String>,
    /// Never colour, even on a terminal.
    pub no_color: bool,
}

/// Starts logging for this process; a second call changes nothing.
///
/// # Errors
///
/// When the log file cannot be opened.
pub fn init(options: &LogOptions) -> io::Result<()> {
    let no_color = options.no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let color = options.file.is_none() && !no_color && io::stderr().is_terminal();
    // The client libraries speak for themselves at their own levels: only what they cannot repair is shown.
    let filter = tracing_subscriber::filter::Targets::new()
        .with_default(options.level.filter())
        .with_target("fred", LevelFilter::OFF)
        .with_target("lapin", LevelFilter::OFF);
    let builder =
        tracing_subscriber::fmt().with_max_level(options.level.filter()).event_format(Lines { color });
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    let started = match &options.file {
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            builder.with_writer(Mutex::new(file)).finish().with(filter).try_init()
        }
        None => builder.with_writer(io::stderr).finish().with(filter).try_init(),
    };
    // An application that set a subscriber of its own keeps it.
    drop(started);
    Ok(())
}

/// Has warnings of the libraries below shown as messages of a command; a second call changes nothing.
pub(crate) fn init_messages() {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    let filter = tracing_subscriber::filter::Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("fred", LevelFilter::OFF)
        .with_target("lapin", LevelFilter::OFF);
    let subscriber = tracing_subscriber::fmt().with_writer(io::stderr).event_format(Messages).finish();
    // An application that set a subscriber of its own keeps it.
    drop(subscriber.with(filter).try_init());
}

/// `warning: message`, without a date.
struct Messages;

impl<S, N> FormatEvent<S, N> for Messages
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        line.write_str(if *event.metadata().level() == Level::ERROR { "error: " } else { "warning: " })?;
        event.record(&mut Message(&mut line));
        line.write_str("\n")
    }
}

struct Lines {
    color: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (name, color) = match *event.metadata().level() {
            Level::ERROR => ("ERROR", "\x1b[1;31m"),
            Level::WARN => ("WARNING", "\x1b[1;33m"),
            Level::INFO => ("INFO", ""),
            Level::DEBUG => ("DEBUG", "\x1b[1;34m"),
            Level::TRACE => ("TRACE", "\x1b[1;34m"),
        };
        let now = jiff::Zoned::now();
        let seconds = now.strftime("%Y-%m-%d %H:%M:%S");
        let color = if self.color { color } else { "" };
        write!(line, "{color}[{seconds},{:03}: {name}/MainProcess] ", now.millisecond())?;
        event.record(&mut Message(&mut line));
        line.write_str(if color.is_empty() { "\n" } else { "\x1b[0m\n" })
    }
}

/// Writes the message of an event and nothing else of it.
struct Message<'a, 'w>(&'a mut Writer<'w>);

impl Visit for Message<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, "{value:?}");
        }
    }
}
