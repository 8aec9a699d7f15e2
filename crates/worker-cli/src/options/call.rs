//! `call` (`celery/bin/call.py`).

use clap::Args;

use super::broker::BrokerOptions;
use super::moment::{Expires, eta};

/// What `call` takes.
#[derive(Debug, Clone, Args)]
pub struct CallOptions {
    /// The name of the task: `proj.tasks.add`
    #[arg(value_name = "TASK")]
    pub name: String,
    /// The positional arguments: a JSON array
    #[arg(short = 'a', long, value_name = "JSON", default_value = "[]", help_heading = "Calling")]
    pub args: String,
    /// The keyword arguments: a JSON object
    #[arg(short = 'k', long, value_name = "JSON", default_value = "{}", help_heading = "Calling")]
    pub kwargs: String,
    /// Not before this moment: ISO 8601, UTC where it says nothing else
    #[arg(long, value_name = "MOMENT", value_parser = eta, conflicts_with = "countdown", help_heading = "Calling")]
    pub eta: Option<jiff::Timestamp>,
    /// Not before so many seconds from now
    #[arg(long, value_name = "SECONDS", value_parser = super::asking::seconds, help_heading = "Calling")]
    pub countdown: Option<std::time::Duration>,
    /// Not after this moment, or so many seconds from now
    #[arg(long, value_name = "MOMENT|SECONDS", help_heading = "Calling")]
    pub expires: Option<Expires>,
    /// What writes the arguments: json, msgpack, yaml
    #[arg(long, value_name = "NAME", default_value = "json", help_heading = "Calling")]
    pub serializer: String,
    /// The queue, instead of where the app routes the task
    #[arg(long, value_name = "NAME", help_heading = "Routing")]
    pub queue: Option<String>,
    /// The exchange
    #[arg(long, value_name = "NAME", help_heading = "Routing")]
    pub exchange: Option<String>,
    /// The routing key
    #[arg(long, value_name = "KEY", help_heading = "Routing")]
    pub routing_key: Option<String>,
    /// Where the broker is.
    #[command(flatten)]
    pub broker: BrokerOptions,
}
