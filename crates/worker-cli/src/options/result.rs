//! `result` (`celery/bin/result.py`).

use std::time::Duration;

use clap::Args;

use super::broker::BrokerOptions;

/// What `result` takes.
#[derive(Debug, Clone, Args)]
pub struct ResultOptions {
    /// The id of the task
    #[arg(value_name = "ID")]
    pub id: String,
    /// Show the traceback that is stored, and do not wait for one
    #[arg(long, help_heading = "Result")]
    pub traceback: bool,
    /// Seconds to wait for the result; without it, as long as it takes
    #[arg(long, value_name = "SECONDS", value_parser = super::asking::seconds, help_heading = "Result")]
    pub timeout: Option<Duration>,
    /// Show all that is stored, as JSON on one line
    #[arg(short = 'j', long, conflicts_with = "traceback", help_heading = "Result")]
    pub json: bool,
    /// Where the results are.
    #[command(flatten)]
    pub broker: BrokerOptions,
}
