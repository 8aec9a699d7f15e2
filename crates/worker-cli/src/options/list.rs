//! `list` (`celery/bin/list.py`).

use clap::{Args, Subcommand};

use super::broker::BrokerOptions;

/// What can be listed.
#[derive(Debug, Clone, Subcommand)]
pub enum ListCommand {
    /// Show which queues are bound to which exchanges
    Bindings(BindingsOptions),
}

/// What `list bindings` takes.
#[derive(Debug, Clone, Args)]
pub struct BindingsOptions {
    /// JSON on one line
    #[arg(short = 'j', long)]
    pub json: bool,
    /// Where the broker is.
    #[command(flatten)]
    pub broker: BrokerOptions,
}
