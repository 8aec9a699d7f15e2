//! Which messages of a queue are served first.

/// How priorities of lists are read (`worker_priority_order`, a setting of this worker).
///
/// Stock producers write a message of priority 0 to 9 (more counts as 9) into one list for each step of
/// `priority_steps`. In sorted sets a higher number is always served sooner, whatever is set here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PriorityOrder {
    /// The lowest step first, as stock workers do: 0 is the highest priority.
    #[default]
    Celery,
    /// The highest step first, and among what is fetched at once the higher number of the message.
    High,
}

impl PriorityOrder {
    /// The order of that name in the setting: `celery` or `high`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "celery" => Some(Self::Celery),
            "high" => Some(Self::High),
            _ => None,
        }
    }
}
