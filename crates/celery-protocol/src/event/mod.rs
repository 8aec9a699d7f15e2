//! Events: what workers and clients tell monitors.
//!
//! An [`Event`] is a JSON object that `celery/events/dispatcher.py: EventDispatcher` publishes, alone or,
//! events of tasks, in batches. What is encoded is byte for byte what Celery 5.7 writes; fields that are not
//! known survive.

mod batch;
mod decode;
mod encode;
mod kind;
mod number;
mod publish;
mod reader;
mod task_end;
mod task_failure;
mod task_received;
mod task_revoked;
mod task_sent;
mod text;
mod worker_election;
mod worker_status;

pub use batch::{decode_all, encode_batch, split_batch};
pub use decode::Event;
pub use kind::EventKind;
pub use number::Number;
pub(crate) use publish::json_message;
pub use publish::{
    BATCH_ROUTING_KEY, EVENT_EXCHANGE, batch_message, encoded_message, event_exchange_type, event_message,
    routing_key,
};
pub(crate) use reader::{Reader, read_object};
pub use task_end::{TaskCancelled, TaskRejected, TaskStarted, TaskSucceeded};
pub use task_failure::TaskFailure;
pub use task_received::TaskReceived;
pub use task_revoked::{Signum, TaskRevoked};
pub use task_sent::TaskSent;
pub(crate) use text::Text;
pub use worker_election::{WorkerElect, WorkerElectAck};
pub use worker_status::WorkerStatus;
