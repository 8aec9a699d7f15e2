//! What can go wrong between here and the server.

/// The result of an operation on a connection.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a connection. The drivers turn it into their own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The URL cannot be used. Permanent: the user has to change it.
    #[error("URL {url:?}: {reason}")]
    Url {
        /// The URL, with the password hidden.
        url: String,
        /// What is wrong with it and what to write instead.
        reason: String,
    },
    /// A transport option cannot be used. Permanent.
    #[error("option {option:?}: {reason}")]
    Option {
        /// The name of the option.
        option: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting of the app cannot be used. Permanent.
    #[error("{setting}: {reason}")]
    Setting {
        /// The name of the setting.
        setting: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The connection is down, or the server does not serve at the moment (loading, read only, out of memory).
    /// The same call may succeed later; nothing is known of what the lost call did.
    #[error("connection to {url} lost: {reason}")]
    Lost {
        /// The URL, with the password hidden.
        url: String,
        /// What the client library or the server said.
        reason: String,
    },
    /// The server answered and said no. Trying again will not help.
    #[error("{url} refused: {reason}")]
    Refused {
        /// The URL, with the password hidden.
        url: String,
        /// The server's own words.
        reason: String,
    },
}

impl Error {
    /// Whether the same call may succeed later, without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }

    /// What went wrong, without what it went wrong with.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Url { reason, .. }
            | Self::Option { reason, .. }
            | Self::Setting { reason, .. }
            | Self::Lost { reason, .. }
            | Self::Refused { reason, .. } => reason,
        }
    }
}
