//! What a message can say about time that cannot be understood.

/// An error of the scheduler.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No ISO 8601 time.
    #[error("{text:?} is no ISO 8601 time: {reason}")]
    Timestamp {
        /// What the message says.
        text: String,
        /// Why it is none.
        reason: String,
    },
    /// No rate limit such as `10/s`, `100/m`, `1000/h`.
    #[error("{text:?} is no rate limit: write a number, or a number with /s, /m or /h")]
    RateLimit {
        /// What the task or the command says.
        text: String,
    },
}
