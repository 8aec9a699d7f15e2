//! The options, each defined once: parsing, help and the reference page come from here.
//!
//! Spelling and meaning: `celery/bin/celery.py`, `celery/bin/worker.py`, `celery/bin/base.py: CeleryDaemonCommand`.

mod asking;
mod broker;
mod call;
mod events;
mod list;
mod moment;
mod purge;
mod remote;
mod result;
mod status;

use clap::{Args, Parser, Subcommand};
use serde::{Deserialize, Serialize};

pub use self::{
    asking::AskingOptions,
    broker::BrokerOptions,
    call::CallOptions,
    events::EventsOptions,
    list::{BindingsOptions, ListCommand},
    moment::Expires,
    purge::PurgeOptions,
    remote::RemoteOptions,
    result::ResultOptions,
    status::StatusOptions,
};
use crate::{
    LogLevel,
    methods::{Kind, listing},
};

/// Celery tasks on a Rust engine: `async def` on event loops, `def` on threads.
#[derive(Debug, Clone, Parser)]
#[command(name = "worker-cli", version, propagate_version = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub app: App,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Which app, and where its broker and results are.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[serde(default)]
pub struct App {
    /// The Celery app: `module`, `module:attribute` or `package`
    #[arg(short = 'A', long, env = "APP", global = true, value_name = "APP")]
    pub app: Option<String>,
    /// The broker URL, instead of CELERY_BROKER_URL and the app's; a worker consumes from each that is given, and its
    /// tasks publish to the first
    #[arg(short = 'b', long, env = "BROKER_URL", hide_env_values = true, global = true, value_name = "URL")]
    pub broker: Vec<String>,
    /// The result backend URL, instead of CELERY_RESULT_BACKEND and the app's
    #[arg(long, env = "RESULT_BACKEND", hide_env_values = true, global = true, value_name = "URL")]
    pub result_backend: Option<String>,
    /// The loader class
    #[arg(long, env = "LOADER", global = true, value_name = "CLASS")]
    pub loader: Option<String>,
    /// The configuration module
    #[arg(long, env = "CONFIG_MODULE", global = true, value_name = "MODULE")]
    pub config: Option<String>,
    /// The directory to change to first
    #[arg(long, global = true, value_name = "DIR")]
    pub workdir: Option<String>,
    /// No colours
    #[arg(short = 'C', long, global = true)]
    pub no_color: bool,
    /// No banner; of the other commands, results alone
    #[arg(short = 'q', long, global = true)]
    pub quiet: bool,
    /// Skip Django's checks
    #[arg(long, global = true, hide = true)]
    pub skip_checks: bool,
}

/// The commands.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Run a worker
    Worker(Box<WorkerOptions>),
    /// Show which workers are online
    Status(StatusOptions),
    /// Ask workers what they are and do
    #[command(after_help = listing(Kind::Inspect))]
    Inspect(RemoteOptions),
    /// Have workers change what they do
    #[command(after_help = listing(Kind::Control))]
    Control(RemoteOptions),
    /// Show what happens, a line for each event
    Events(EventsOptions),
    /// Send a task, and show its id
    Call(Box<CallOptions>),
    /// Wait for the result of a task, and show it
    Result(ResultOptions),
    /// Remove all messages from queues
    Purge(PurgeOptions),
    /// Show what the broker knows
    #[command(subcommand)]
    List(ListCommand),
}

/// What `worker` takes. A field that is `None` or empty leaves the setting of the app as it is.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerOptions {
    /// Event loops, each on a thread of its own (setting worker_loop_workers, default 1)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Pools")]
    pub loop_workers: Option<u32>,
    /// Async tasks at once on each loop (setting worker_loop_concurrency, default 10)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Pools")]
    pub loop_concurrency: Option<u32>,
    /// Threads for `def` tasks (setting worker_sync_workers, default the number of CPUs)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Pools")]
    pub sync_workers: Option<u32>,
    /// As --sync-workers: upstream's spelling
    #[arg(short = 'c', long, value_name = "N", help_heading = "Pools")]
    pub concurrency: Option<String>,

    /// The node name, by default celery@%h; %h is the host, %n its first part, %d its domain
    #[arg(short = 'n', long, value_name = "NAME", help_heading = "Worker")]
    pub hostname: Option<String>,
    /// The log level
    #[arg(short = 'l', long, value_name = "LEVEL", default_value = "WARNING", help_heading = "Worker")]
    pub loglevel: LogLevel,
    /// Where log lines go, instead of standard error
    #[arg(short = 'f', long, value_name = "FILE", help_heading = "Worker")]
    pub logfile: Option<String>,
    /// A file that holds the process id while the worker runs
    #[arg(long, value_name = "FILE", help_heading = "Worker")]
    pub pidfile: Option<String>,
    /// Messages held per slot; 0 is no bound
    #[arg(long, value_name = "N", help_heading = "Worker")]
    pub prefetch_multiplier: Option<u32>,
    /// Send task events
    #[arg(short = 'E', long = "task-events", visible_alias = "events", help_heading = "Worker")]
    pub task_events: bool,
    /// The hard time limit of a task, in seconds
    #[arg(long, value_name = "SECONDS", help_heading = "Worker")]
    pub time_limit: Option<f64>,
    /// The soft time limit of a task, in seconds
    #[arg(long, value_name = "SECONDS", help_heading = "Worker")]
    pub soft_time_limit: Option<f64>,

    /// Empty the queues first
    #[arg(long, visible_alias = "discard", help_heading = "Queues")]
    pub purge: bool,
    /// The queues to consume from
    #[arg(short = 'Q', long, value_name = "NAMES", value_delimiter = ',', help_heading = "Queues")]
    pub queues: Vec<String>,
    /// The queues not to consume from
    #[arg(short = 'X', long, value_name = "NAMES", value_delimiter = ',', help_heading = "Queues")]
    pub exclude_queues: Vec<String>,
    /// More modules to import
    #[arg(short = 'I', long, value_name = "MODULES", value_delimiter = ',', help_heading = "Queues")]
    pub include: Vec<String>,

    /// Do not listen to other workers
    #[arg(long, help_heading = "Features")]
    pub without_gossip: bool,
    /// Do not greet other workers at the start
    #[arg(long, help_heading = "Features")]
    pub without_mingle: bool,
    /// Send no heartbeats
    #[arg(long, help_heading = "Features")]
    pub without_heartbeat: bool,
    /// Seconds between heartbeats, by default 2
    #[arg(long, value_name = "SECONDS", help_heading = "Features")]
    pub heartbeat_interval: Option<f64>,
    /// A file that keeps revoked tasks from one start to the next; %n, %h and %d as in the node name
    #[arg(short = 'S', long, value_name = "FILE", help_heading = "Features")]
    pub statedb: Option<String>,

    #[command(flatten)]
    #[serde(flatten)]
    stock: StockOptions,

    /// Settings as `key=value`
    #[arg(value_name = "SETTING=VALUE", trailing_var_arg = true)]
    pub settings: Vec<String>,
}

/// Stock options that this worker does not honour: accepted, and answered with a warning by [`unsupported`].
///
/// [`unsupported`]: crate::unsupported
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[serde(default)]
#[command(next_help_heading = "Accepted for the sake of stock command lines")]
pub(crate) struct StockOptions {
    /// The stock worker's pool
    #[arg(short = 'P', long)]
    pub(crate) pool: Option<String>,
    /// The stock worker's prefork profile
    #[arg(short = 'O', long)]
    pub(crate) optimization: Option<String>,
    /// Go to the background
    #[arg(short = 'D', long)]
    pub(crate) detach: bool,
    /// Grow and shrink
    #[arg(long)]
    pub(crate) autoscale: Option<String>,
    /// Recycle processes by tasks
    #[arg(long)]
    pub(crate) max_tasks_per_child: Option<u64>,
    /// Recycle processes by memory
    #[arg(long)]
    pub(crate) max_memory_per_child: Option<u64>,
    /// Fetch only when a slot is free
    #[arg(long)]
    pub(crate) disable_prefetch: bool,
    /// Run a beat in the worker
    #[arg(short = 'B', long)]
    pub(crate) beat: bool,
    /// The beat's schedule file
    #[arg(short = 's', long, visible_alias = "schedule")]
    pub(crate) schedule_filename: Option<String>,
    /// The beat's scheduler
    #[arg(long)]
    pub(crate) scheduler: Option<String>,
    /// The user to become
    #[arg(long)]
    pub(crate) uid: Option<String>,
    /// The group to become
    #[arg(long)]
    pub(crate) gid: Option<String>,
    /// The file mode mask
    #[arg(long)]
    pub(crate) umask: Option<String>,
    /// The interpreter for a detached worker
    #[arg(long)]
    pub(crate) executable: Option<String>,
    /// How prefork starts processes
    #[arg(long)]
    pub(crate) pool_start_method: Option<String>,
}

impl WorkerOptions {
    pub(crate) fn stock(&self) -> &StockOptions {
        &self.stock
    }
}

/// A command line, read.
#[derive(Debug, Clone)]
pub enum Parsed {
    /// A command to carry out.
    Command(Box<Cli>),
    /// Text to show and an exit code: help, the version, or what is wrong with the command line.
    Say {
        /// The text, coloured if it goes to a terminal.
        text: String,
        /// 0 for help, 2 for a mistake, as upstream.
        code: i32,
    },
}

/// Reads a command line, program name first.
pub fn parse<I, T>(arguments: I) -> Parsed
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    match Cli::try_parse_from(arguments) {
        Ok(cli) => Parsed::Command(Box::new(cli)),
        Err(error) => Parsed::Say { text: error.render().to_string(), code: error.exit_code() },
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn worker(line: &str) -> (App, WorkerOptions) {
        match parse(line.split(' ')) {
            Parsed::Command(cli) => {
                let Command::Worker(options) = cli.command else { panic!("{line} is another command") };
                (cli.app, *options)
            }
            Parsed::Say { text, .. } => panic!("{text}"),
        }
    }

    #[test]
    fn definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_stock_command_line_is_read() {
        let (app, options) = worker(
            "worker-cli -A proj -b redis://h/1 worker -l info -Q a,b -X c -c 4 -P prefork -Ofair -E --purge \
             --without-gossip --loop-workers=1 --loop-concurrency=1000 -n w1@%h --time-limit 60",
        );
        assert_eq!(app.app.as_deref(), Some("proj"));
        assert_eq!(app.broker, ["redis://h/1"]);
        assert_eq!(options.queues, ["a", "b"]);
        assert_eq!(options.exclude_queues, ["c"]);
        assert_eq!(options.loop_concurrency, Some(1000));
        assert_eq!(options.loglevel, LogLevel::Info);
        assert_eq!(options.time_limit, Some(60.0));
        assert!(options.purge && options.task_events && options.without_gossip);
    }

    #[test]
    fn brokers_may_be_several() {
        let (app, _) = worker("worker-cli -A proj -b redis://a;redis://b -b valkey://c worker");
        assert_eq!(app.broker, ["redis://a;redis://b", "valkey://c"]);
        let (app, _) = worker("worker-cli -A proj worker -b redis://a -b redis://b");
        assert_eq!(app.broker, ["redis://a", "redis://b"]);
    }

    #[test]
    fn mistakes_are_said_with_exit_code_2() {
        for line in
            ["worker-cli worker --loop-worker=1", "worker-cli worker --loop-workers=0", "worker-cli work"]
        {
            let Parsed::Say { text, code } = parse(line.split(' ')) else { panic!("{line} was read") };
            assert_eq!(code, 2, "{text}");
            assert!(text.starts_with("error: "), "{text}");
        }
    }
}
