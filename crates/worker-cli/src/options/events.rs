//! `events`.

use clap::Args;

use super::broker::BrokerOptions;

/// What `events` takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Events")]
pub struct EventsOptions {
    /// Write each event as a line of JSON, as it came
    #[arg(short = 'j', long)]
    pub json: bool,
    /// Write all fields of each event, as `celery events --dump` does
    #[arg(short = 'd', long, conflicts_with = "json")]
    pub dump: bool,
    /// Only events of these types, where `*` stands for any text: `task-*`
    #[arg(long = "type", value_name = "TYPES", value_delimiter = ',')]
    pub types: Vec<String>,
    /// Tell the workers first to send events of tasks, as if they had been started with -E
    #[arg(short = 'E', long)]
    pub enable: bool,
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Where the broker is.
    #[command(flatten)]
    pub broker: BrokerOptions,
}
