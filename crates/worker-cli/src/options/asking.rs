//! What commands that ask workers take (`celery/bin/control.py`).

use std::time::Duration;

use clap::Args;

/// Whom to ask, and how long to wait.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Remote control")]
pub struct AskingOptions {
    /// Seconds to wait for the next reply; it ends at once when all who heard the question have answered
    #[arg(short = 't', long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub timeout: Duration,
    /// The node names of the workers that are meant, instead of all
    #[arg(short = 'd', long, value_name = "NODES", value_delimiter = ',')]
    pub destination: Vec<String>,
    /// JSON on one line, for scripts
    #[arg(short = 'j', long)]
    pub json: bool,
}

/// Reads a number of seconds that is not negative.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| String::from("a number of seconds is needed"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
