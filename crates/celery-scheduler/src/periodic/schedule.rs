//! What a schedule is.

use std::fmt::Debug;
use std::time::SystemTime;

/// When something runs again and again. [`Crontab`](crate::Crontab), [`Every`](crate::Every), a `Duration` (an
/// interval), or a schedule of your own: there is none for Celery's `solar`.
///
/// ```
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
/// use celery_scheduler::Schedule;
///
/// /// At seconds that are powers of two.
/// #[derive(Debug)]
/// struct Doubling;
///
/// impl Schedule for Doubling {
///     fn next_after(&self, last: SystemTime) -> Option<SystemTime> {
///         let seconds = last.duration_since(UNIX_EPOCH).ok()?.as_secs();
///         Some(UNIX_EPOCH + Duration::from_secs((seconds + 1).checked_next_power_of_two()?))
///     }
/// }
///
/// let third = UNIX_EPOCH + Duration::from_secs(3);
/// assert_eq!(Doubling.next_after(third), Some(UNIX_EPOCH + Duration::from_secs(4)));
/// ```
pub trait Schedule: Debug + Send + Sync {
    /// The first run after one at `last`, later than that; `None` when there is none any more.
    fn next_after(&self, last: SystemTime) -> Option<SystemTime>;
}

impl<S: Schedule + ?Sized> Schedule for Box<S> {
    fn next_after(&self, last: SystemTime) -> Option<SystemTime> {
        (**self).next_after(last)
    }
}
