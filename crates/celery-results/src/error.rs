//! What can go wrong while results are kept.

/// The result of a result store operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a result store. Messages are lowercase fragments that fit after "failed to …: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The result backend URL cannot be used. Permanent: the user has to change it.
    #[error("result backend URL {url:?}: {reason}")]
    Url {
        /// The URL, with the password hidden.
        url: String,
        /// What is wrong with it and what to write instead.
        reason: String,
    },
    /// An option of `result_backend_transport_options` cannot be used. Permanent.
    #[error("result_backend_transport_options[{option:?}]: {reason}")]
    Option {
        /// The name of the option.
        option: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting of the app cannot be used: `redis_backend_use_ssl`. Permanent.
    #[error("{setting}: {reason}")]
    Setting {
        /// The name of the setting.
        setting: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The connection is down, or the store does not serve at the moment (loading, read only, out of memory).
    /// The same call may succeed later; nothing is known of what the lost call did.
    #[error("connection to {url} lost: {reason}")]
    Lost {
        /// The URL, with the password hidden.
        url: String,
        /// What the client library or the store said.
        reason: String,
    },
    /// The store answered and said no. Trying again will not help.
    #[error("{url} refused: {reason}")]
    Refused {
        /// The URL, with the password hidden.
        url: String,
        /// The store's own words.
        reason: String,
    },
    /// This kind of store cannot do that. Permanent.
    #[error("this result backend cannot {0}")]
    Unsupported(&'static str),
}

/// What went wrong with the broker that results go through.
impl From<celery_transport::Error> for Error {
    fn from(error: celery_transport::Error) -> Self {
        use celery_transport::Error as Broker;
        match error {
            Broker::Url { url, reason } => Self::Url { url, reason },
            Broker::Option { option, reason } => Self::Option { option, reason },
            Broker::Setting { setting, reason } => Self::Setting { setting, reason },
            Broker::Lost { url, reason } => Self::Lost { url, reason },
            Broker::Refused { url, reason } => Self::Refused { url, reason },
            // What is new does not go away by itself.
            other => Self::Refused { url: String::from("the broker"), reason: other.to_string() },
        }
    }
}

impl Error {
    /// Whether the same call may succeed later, without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }
}
