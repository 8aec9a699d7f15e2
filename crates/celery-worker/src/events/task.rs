//! What is told of a task, as upstream's `Request` tells it (`celery/worker/request.py`, `celery/worker/strategy.py`).

use celery_executor::Outcome;
use celery_protocol::event::{
    EventKind, Signum, TaskCancelled, TaskFailure, TaskReceived, TaskRejected, TaskRevoked, TaskStarted,
    TaskSucceeded,
};
use celery_protocol::{Expires, TaskHeaders};

use super::Dispatcher;
use crate::in_flight::InFlight;
use crate::intake::{Reason, Refused};
use crate::python_repr;

impl Dispatcher {
    /// Whether somebody wants to know of this task.
    fn tells_of(&self, in_flight: &InFlight) -> bool {
        self.sends_tasks() && in_flight.spec.send_events
    }

    /// A message was admitted.
    pub(crate) fn received(&self, in_flight: &InFlight) {
        if self.tells_of(in_flight) {
            self.task(EventKind::TaskReceived(received(&in_flight.headers)));
        }
    }

    /// A task has its slot.
    pub(crate) fn started(&self, in_flight: &InFlight) {
        if self.tells_of(in_flight) {
            let uuid = in_flight.headers.id.as_str().into();
            self.task(EventKind::TaskStarted(TaskStarted { uuid }));
        }
    }

    /// The shutdown gave a running task up.
    pub(crate) fn cancelled(&self, in_flight: &InFlight) {
        if self.tells_of(in_flight) {
            let uuid = in_flight.headers.id.as_str().into();
            self.task(EventKind::TaskCancelled(TaskCancelled { uuid }));
        }
    }

    /// A task has ended. A message that was not acknowledged and is not now is told of besides
    /// (`celery/worker/request.py: Request.reject`): before a failure, after anything else.
    pub(crate) fn ended(&self, in_flight: &InFlight, outcome: &Outcome) {
        if !self.tells_of(in_flight) {
            return;
        }
        let id = in_flight.headers.id.as_str();
        let rejected = in_flight
            .rejection(outcome)
            .map(|requeue| EventKind::TaskRejected(TaskRejected { uuid: id.into(), requeue }));
        let ended = ended(id, outcome);
        let in_order = match outcome {
            Outcome::Failed(_) => [rejected, ended],
            _ => [ended, rejected],
        };
        in_order.into_iter().flatten().for_each(|kind| self.task(kind));
    }

    /// A message is not run.
    pub(crate) fn refused(&self, refused: &Refused) {
        let Some(headers) = &refused.headers else { return };
        if !self.sends_tasks() || refused.spec.as_ref().is_some_and(|spec| !spec.send_events) {
            return;
        }
        let revoked = |expired| {
            EventKind::TaskRevoked(TaskRevoked {
                uuid: headers.id.as_str().into(),
                expired,
                ..Default::default()
            })
        };
        self.task(match &refused.reason {
            Reason::Expired => revoked(true),
            Reason::Revoked(_) => revoked(false),
            Reason::Unknown => {
                let exception = format!("NotRegistered({})", python_repr::string(&headers.task));
                let (uuid, exception) = (headers.id.as_str().into(), Some(exception.into()));
                EventKind::TaskFailed(TaskFailure { uuid, exception, traceback: None })
            }
            // Upstream tells of none of these either.
            Reason::Undecodable(_) | Reason::Disallowed(_) | Reason::Invalid(_) => return,
        });
    }
}

fn received(headers: &TaskHeaders) -> TaskReceived<'_> {
    TaskReceived {
        uuid: headers.id.as_str().into(),
        name: Some(headers.display_name().into()),
        args: headers.argsrepr.as_deref().map(Into::into),
        kwargs: headers.kwargsrepr.as_deref().map(Into::into),
        root_id: headers.root_id.as_deref().map(Into::into),
        parent_id: headers.parent_id.as_deref().map(Into::into),
        retries: Some(headers.retries),
        eta: headers.eta.as_deref().map(Into::into),
        expires: match &headers.expires {
            Some(Expires::Iso(text)) => Some(text.as_str().into()),
            _ => None,
        },
    }
}

fn ended<'a>(id: &'a str, outcome: &'a Outcome) -> Option<EventKind<'a>> {
    let uuid = id.into();
    Some(match outcome {
        Outcome::Succeeded(success) => EventKind::TaskSucceeded(TaskSucceeded {
            uuid,
            result: success.repr.as_deref().map(Into::into),
            runtime: Some(success.runtime.as_secs_f64()),
        }),
        Outcome::Failed(failure) => EventKind::TaskFailed(TaskFailure {
            uuid,
            exception: Some(failure.repr.as_str().into()),
            traceback: Some(failure.traceback.as_str().into()),
        }),
        Outcome::Retried { cause, traceback, .. } => EventKind::TaskRetried(TaskFailure {
            uuid,
            exception: Some(cause.as_ref().map_or("None", |cause| cause.repr.as_str()).into()),
            traceback: Some(traceback.as_str().into()),
        }),
        Outcome::Rejected { requeue: false, reason, traceback, .. } => EventKind::TaskFailed(TaskFailure {
            uuid,
            exception: Some(reason.as_str().into()),
            traceback: Some(traceback.as_str().into()),
        }),
        Outcome::TimedOut { limit } => EventKind::TaskFailed(TaskFailure {
            uuid,
            exception: Some(format!("TimeLimitExceeded({})", limit.as_secs_f64()).into()),
            traceback: Some("".into()),
        }),
        Outcome::Terminated { signal } => EventKind::TaskRevoked(TaskRevoked {
            uuid,
            terminated: true,
            signum: Some(Signum::Number(*signal)),
            expired: false,
        }),
        _ => return None,
    })
}
