//! Results as Celery's key-value backends store them.

mod compressed;
mod exception;
mod extended;
mod meta;
mod state;
mod stored;

pub use compressed::{compress_result, decompress_result};
pub use exception::{ExceptionInfo, RevokedReason};
pub use extended::Extended;
pub use meta::ResultMeta;
pub use state::State;
pub use stored::{StoredExtended, StoredMeta};
