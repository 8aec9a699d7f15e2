//! `inspect` and `control`.

use clap::Args;

use super::{asking::AskingOptions, broker::BrokerOptions};

/// What `inspect` and `control` take. The methods are in [`crate::methods`].
#[derive(Debug, Clone, Args)]
pub struct RemoteOptions {
    /// The method: one of those below, or a command of your app's own
    #[arg(value_name = "METHOD", required_unless_present = "list")]
    pub method: Option<String>,
    /// Its arguments; those of your app's own commands are NAME=VALUE
    #[arg(value_name = "ARGUMENTS")]
    pub arguments: Vec<String>,
    /// Show the methods and end
    #[arg(long)]
    pub list: bool,
    /// Whom to ask.
    #[command(flatten)]
    pub asking: AskingOptions,
    /// Where the broker is.
    #[command(flatten)]
    pub broker: BrokerOptions,
}
