//! What the worker tells monitors (`celery/events/dispatcher.py`, `celery/worker/heartbeat.py`).

mod dispatcher;
mod heartbeat;
mod sender;
mod task;

pub(crate) use dispatcher::{Dispatcher, Origin};
pub use heartbeat::Software;
pub(crate) use heartbeat::{Gauges, Heartbeat};
pub(crate) use sender::send;
