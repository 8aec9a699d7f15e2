//! `purge` (`celery/bin/purge.py`).

use clap::Args;

use super::broker::BrokerOptions;

/// What `purge` takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Purging")]
pub struct PurgeOptions {
    /// Do not ask whether it is meant
    #[arg(short = 'f', long)]
    pub force: bool,
    /// The queues to empty, instead of all of the app; without an app the default queue
    #[arg(short = 'Q', long, value_name = "NAMES", value_delimiter = ',')]
    pub queues: Vec<String>,
    /// The queues not to empty
    #[arg(short = 'X', long, value_name = "NAMES", value_delimiter = ',')]
    pub exclude_queues: Vec<String>,
    /// JSON on one line: how many messages were in each queue
    #[arg(short = 'j', long)]
    pub json: bool,
    /// Where the broker is.
    #[command(flatten)]
    pub broker: BrokerOptions,
}
