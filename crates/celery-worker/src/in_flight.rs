//! What the worker remembers of a message between its delivery and its end.

use std::sync::Arc;

use celery_executor::{Job, JobId, Kind};
use celery_protocol::TaskHeaders;
use celery_transport::DeliveryTag;

use crate::TaskSpec;

/// A message that was admitted.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) tag: DeliveryTag,
    pub(crate) queue: Arc<str>,
    pub(crate) headers: TaskHeaders,
    pub(crate) spec: Arc<TaskSpec>,
    /// The arguments as JSON, kept only for `result_extended`.
    pub(crate) arguments: Option<Arguments>,
    /// Whether it was acknowledged and so no longer counts against the prefetch.
    pub(crate) acked: bool,
}

/// Positional and keyword arguments, as JSON text.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) args: String,
    pub(crate) kwargs: String,
}

impl InFlight {
    /// Whether nobody wants the result (`celery/app/trace.py: get_actual_ignore_result`).
    pub(crate) fn ignores_result(&self) -> bool {
        self.spec.ignore_result || self.headers.ignore_result.unwrap_or_default()
    }

    /// The name in log lines: the shadow name if the producer gave one.
    pub(crate) fn name(&self) -> &str {
        self.headers.display_name()
    }
}

/// A message on its way to the executor.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) kind: Kind,
    pub(crate) job: Job,
    pub(crate) in_flight: Box<InFlight>,
}

/// Gives out job ids.
#[derive(Debug, Default)]
pub(crate) struct JobIds(u64);

impl JobIds {
    pub(crate) fn next(&mut self) -> JobId {
        self.0 += 1;
        JobId(self.0)
    }
}
