//! The states of a task.

use std::fmt;

/// A state (`celery/states.py`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing is known. Never stored.
    Pending,
    /// A worker has it. Only in events.
    Received,
    /// It runs (`task_track_started`).
    Started,
    /// It returned.
    Success,
    /// It raised.
    Failure,
    /// It was revoked, has expired, or was terminated.
    Revoked,
    /// It was rejected.
    Rejected,
    /// It will run again.
    Retry,
    /// It asked for no state to be kept.
    Ignored,
    /// A state of the app's own (`self.update_state(state="PROGRESS")`).
    Custom(String),
}

impl State {
    /// The states that Celery itself uses.
    pub const BUILT_IN: [Self; 9] = [
        Self::Pending,
        Self::Received,
        Self::Started,
        Self::Success,
        Self::Failure,
        Self::Revoked,
        Self::Rejected,
        Self::Retry,
        Self::Ignored,
    ];

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "PENDING",
            Self::Received => "RECEIVED",
            Self::Started => "STARTED",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Revoked => "REVOKED",
            Self::Rejected => "REJECTED",
            Self::Retry => "RETRY",
            Self::Ignored => "IGNORED",
            Self::Custom(name) => name,
        }
    }

    /// Whether the result is there to stay (`READY_STATES`).
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Success | Self::Failure | Self::Revoked)
    }

    /// Whether the result is an exception (`EXCEPTION_STATES`).
    pub fn is_exception(&self) -> bool {
        matches!(self, Self::Failure | Self::Revoked | Self::Retry)
    }
}

impl From<&str> for State {
    fn from(name: &str) -> Self {
        Self::BUILT_IN
            .into_iter()
            .find(|state| state.as_str() == name)
            .unwrap_or_else(|| Self::Custom(name.to_owned()))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoredMeta;

    #[test]
    fn names_lead_back() {
        for state in State::BUILT_IN {
            assert_eq!(State::from(state.as_str()), state);
        }
        assert_eq!(State::from("PROGRESS"), State::Custom("PROGRESS".to_owned()));
    }

    #[test]
    fn captured_states() {
        let cases: [(&[u8], State, bool, bool); 4] = [
            (include_bytes!("../../fixtures/result/plain/success.json"), State::Success, true, false),
            (include_bytes!("../../fixtures/result/plain/failure.json"), State::Failure, true, true),
            (include_bytes!("../../fixtures/result/plain/retry_retry.json"), State::Retry, false, true),
            (include_bytes!("../../fixtures/result/plain/revoked.json"), State::Revoked, true, true),
        ];
        for (raw, state, ready, exception) in cases {
            let meta = StoredMeta::decode(raw).unwrap();
            assert_eq!((meta.status.is_ready(), meta.status.is_exception()), (ready, exception));
            assert_eq!(meta.status, state);
        }
    }
}
