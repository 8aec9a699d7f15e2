//! What ends a worker before it was asked to end.

/// The result of running a worker.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a worker could not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The broker cannot be used.
    #[error("broker: {0}")]
    Broker(#[from] celery_transport::Error),
    /// A part of the worker has stopped because of a bug.
    #[error("{0} has stopped because of a bug")]
    Stopped(&'static str),
    /// The broker did not come back within `broker_connection_max_retries`.
    #[error("broker: gave up after {retries} retries: {last}")]
    BrokerGone {
        /// How often it was tried.
        retries: u32,
        /// The last failure.
        last: celery_transport::Error,
    },
}
