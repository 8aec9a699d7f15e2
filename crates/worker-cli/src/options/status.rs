//! `status`.

use clap::Args;

use super::{asking::AskingOptions, broker::BrokerOptions};

/// What `status` takes.
#[derive(Debug, Clone, Args)]
pub struct StatusOptions {
    /// Whom to ask.
    #[command(flatten)]
    pub asking: AskingOptions,
    /// Where the broker is.
    #[command(flatten)]
    pub broker: BrokerOptions,
}
