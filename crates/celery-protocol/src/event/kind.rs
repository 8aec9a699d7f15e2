//! The kinds of events.

use std::borrow::Cow;

use super::{
    Reader, TaskCancelled, TaskFailure, TaskReceived, TaskRejected, TaskRevoked, TaskSent, TaskStarted,
    TaskSucceeded, WorkerElect, WorkerElectAck, WorkerStatus,
};
use crate::{Error, json::ObjectWriter};

/// What happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventKind<'a> {
    /// `worker-online`
    WorkerOnline(WorkerStatus<'a>),
    /// `worker-heartbeat`
    WorkerHeartbeat(WorkerStatus<'a>),
    /// `worker-offline`
    WorkerOffline(WorkerStatus<'a>),
    /// `worker-elect`
    WorkerElect(WorkerElect<'a>),
    /// `worker-elect-ack`
    WorkerElectAck(WorkerElectAck<'a>),
    /// `task-sent`
    TaskSent(TaskSent<'a>),
    /// `task-received`
    TaskReceived(TaskReceived<'a>),
    /// `task-started`
    TaskStarted(TaskStarted<'a>),
    /// `task-succeeded`
    TaskSucceeded(TaskSucceeded<'a>),
    /// `task-failed`
    TaskFailed(TaskFailure<'a>),
    /// `task-retried`
    TaskRetried(TaskFailure<'a>),
    /// `task-revoked`
    TaskRevoked(TaskRevoked<'a>),
    /// `task-rejected`
    TaskRejected(TaskRejected<'a>),
    /// `task-cancelled`
    TaskCancelled(TaskCancelled<'a>),
    /// An event of an app's own (`celery/app/task.py: Task.send_event`), all its fields being in
    /// [`Event::rest`](super::Event::rest).
    Custom {
        /// The type: `task-progress`.
        name: Cow<'a, str>,
    },
}

impl<'a> EventKind<'a> {
    /// The type on the wire: `task-received`.
    pub fn name(&self) -> &str {
        match self {
            Self::WorkerOnline(_) => "worker-online",
            Self::WorkerHeartbeat(_) => "worker-heartbeat",
            Self::WorkerOffline(_) => "worker-offline",
            Self::WorkerElect(_) => "worker-elect",
            Self::WorkerElectAck(_) => "worker-elect-ack",
            Self::TaskSent(_) => "task-sent",
            Self::TaskReceived(_) => "task-received",
            Self::TaskStarted(_) => "task-started",
            Self::TaskSucceeded(_) => "task-succeeded",
            Self::TaskFailed(_) => "task-failed",
            Self::TaskRetried(_) => "task-retried",
            Self::TaskRevoked(_) => "task-revoked",
            Self::TaskRejected(_) => "task-rejected",
            Self::TaskCancelled(_) => "task-cancelled",
            Self::Custom { name } => name,
        }
    }

    /// The group, which decides whether an event goes alone or in a batch: `task` of `task-received`
    /// (`celery/events/event.py: group_from`).
    pub fn group(&self) -> &str {
        self.name().split('-').next().unwrap_or_default()
    }

    pub(super) fn write(&self, object: &mut ObjectWriter<'_>) {
        match self {
            Self::WorkerOnline(fields) | Self::WorkerHeartbeat(fields) | Self::WorkerOffline(fields) => {
                fields.write(object);
            }
            Self::WorkerElect(fields) => fields.write(object),
            Self::WorkerElectAck(fields) => fields.write(object),
            Self::TaskSent(fields) => fields.write(object),
            Self::TaskReceived(fields) => fields.write(object),
            Self::TaskStarted(fields) => fields.write(object),
            Self::TaskSucceeded(fields) => fields.write(object),
            Self::TaskFailed(fields) | Self::TaskRetried(fields) => fields.write(object),
            Self::TaskRevoked(fields) => fields.write(object),
            Self::TaskRejected(fields) => fields.write(object),
            Self::TaskCancelled(fields) => fields.write(object),
            Self::Custom { .. } => {}
        }
    }

    pub(super) fn read(name: Cow<'a, str>, fields: &mut Reader<'a, '_>) -> Result<Self, Error> {
        Ok(match &*name {
            "worker-online" => Self::WorkerOnline(WorkerStatus::read(fields)?),
            "worker-heartbeat" => Self::WorkerHeartbeat(WorkerStatus::read(fields)?),
            "worker-offline" => Self::WorkerOffline(WorkerStatus::read(fields)?),
            "worker-elect" => Self::WorkerElect(WorkerElect::read(fields)?),
            "worker-elect-ack" => Self::WorkerElectAck(WorkerElectAck::read(fields)?),
            "task-sent" => Self::TaskSent(TaskSent::read(fields)?),
            "task-received" => Self::TaskReceived(TaskReceived::read(fields)?),
            "task-started" => Self::TaskStarted(TaskStarted::read(fields)?),
            "task-succeeded" => Self::TaskSucceeded(TaskSucceeded::read(fields)?),
            "task-failed" => Self::TaskFailed(TaskFailure::read(fields)?),
            "task-retried" => Self::TaskRetried(TaskFailure::read(fields)?),
            "task-revoked" => Self::TaskRevoked(TaskRevoked::read(fields)?),
            "task-rejected" => Self::TaskRejected(TaskRejected::read(fields)?),
            "task-cancelled" => Self::TaskCancelled(TaskCancelled::read(fields)?),
            _ => Self::Custom { name },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups() {
        let custom = |name: &'static str| EventKind::Custom { name: name.into() };
        assert_eq!(EventKind::TaskStarted(TaskStarted::default()).group(), "task");
        assert_eq!(custom("worker-odd-one").group(), "worker");
        assert_eq!((custom("odd").group(), custom("").group()), ("odd", ""));
    }
}
