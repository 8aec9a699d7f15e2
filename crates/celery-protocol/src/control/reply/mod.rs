//! What workers answer, and how it is written.
//!
//! A [`ControlReply`] carries one JSON value as text. Most commands that change something answer with an
//! [`Answer`]; the types of the others are here too: `registered`, `revoked` are lists of strings, `conf` is
//! an object of settings, `memdump` and `memsample` a string or null.

mod active_queues;
mod answer;
mod hello;
mod list;
mod message;
mod pool_stats;
mod query_task;
mod scheduled_task;
mod stats;
mod task_info;
#[cfg(test)]
mod testing;

pub use active_queues::{ExchangeInfo, QueueInfo};
pub use answer::Answer;
pub use hello::{ClockReply, HelloReply};
pub use list::{decode_names, encode_names};
pub use message::ControlReply;
pub use pool_stats::PoolStats;
pub use query_task::QueriedTask;
pub use scheduled_task::ScheduledTask;
pub use stats::Stats;
pub use task_info::{TaskInfo, TaskRoute};
