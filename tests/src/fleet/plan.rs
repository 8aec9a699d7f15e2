//! What happens in a run.

/// A run. All times are in seconds and for a scale of 1.
#[derive(Clone, Copy, Debug)]
pub struct Fleet {
    /// Decides when what happens.
    pub seed: u64,
    /// Stock workers, and workers of ours.
    pub workers: [usize; 2],
    /// How many tasks are sent.
    pub tasks: usize,
    /// By what all times are multiplied.
    pub scale: f64,
    /// `visibility_timeout`.
    pub visibility: f64,
}

/// How long a task runs.
const TASK: (f64, f64) = (0.0, 90.0);
/// How far away an ETA is.
const ETA: f64 = 300.0;
/// Over which time the tasks are sent.
const SENDING: f64 = 600.0;
/// How long a worker lives until it is replaced.
const LIFE: (f64, f64) = (90.0, 300.0);
/// The same, however small the scale: a worker has to start.
const SHORTEST_LIFE: (f64, f64) = (5.0, 15.0);
/// How often lost messages are looked for, and at least.
const LOOK: (f64, f64) = (10.0, 0.5);
/// How long a lease is, and at least.
const LEASE: (f64, f64) = (20.0, 2.0);

/// How many tasks have an ETA.
pub(super) const WITH_ETA: f64 = 0.25;

impl Fleet {
    pub(super) fn task(&self) -> (f64, f64) {
        (TASK.0 * self.scale, TASK.1 * self.scale)
    }

    pub(super) fn eta(&self) -> f64 {
        ETA * self.scale
    }

    pub(super) fn sending(&self) -> f64 {
        SENDING * self.scale
    }

    pub(super) fn life(&self) -> (f64, f64) {
        ((LIFE.0 * self.scale).max(SHORTEST_LIFE.0), (LIFE.1 * self.scale).max(SHORTEST_LIFE.1))
    }

    pub(super) fn look(&self) -> f64 {
        (LOOK.0 * self.scale).max(LOOK.1)
    }

    pub(super) fn lease(&self) -> f64 {
        (LEASE.0 * self.scale).max(LEASE.1)
    }

    /// Until when workers are killed: what they held is back before ours leave.
    pub(super) fn last_kill(&self) -> f64 {
        3.0_f64.mul_add(-self.lease(), self.sending())
    }

    pub(super) fn visibility(&self) -> f64 {
        self.visibility * self.scale
    }
}
