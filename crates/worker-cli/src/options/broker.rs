//! What commands that need no app are told of the broker.

use clap::Args;

/// How to reach the broker and the results, besides their URLs.
#[derive(Debug, Clone, Default, Args)]
pub struct BrokerOptions {
    /// A setting of Celery, as in the app: `broker_use_ssl=true`, `broker_transport_options.global_keyprefix=proj:`.
    /// The value is JSON, or else a string. May be given several times
    #[arg(short = 'o', long = "option", value_name = "SETTING=VALUE", help_heading = "Broker")]
    pub options: Vec<String>,
}
