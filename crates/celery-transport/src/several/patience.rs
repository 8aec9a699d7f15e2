//! How long a broker that is away is waited for.

use std::time::Duration;

/// How long the others wait for a broker that does not answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// When a broker that is away is tried again, at first.
pub(super) const PAUSE: Duration = Duration::from_millis(50);
/// And at most.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(2);
