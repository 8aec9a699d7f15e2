//! The servers of a run, and what can be done to them.

use std::collections::HashSet;

use anyhow::Result;

use super::judge::Evidence;
use crate::dice::Dice;
use crate::redis::RedisServer;
use crate::worker::WorkerSpec;

/// The servers, with the queue filled.
pub(super) trait Ground {
    /// What workers are told of the servers.
    fn tell(&self, spec: WorkerSpec) -> WorkerSpec;

    /// Breaks what the run is to break besides workers.
    fn make_trouble(&mut self, dice: &mut Dice) -> Result<()>;

    /// Incarnation `number` was killed now: the tasks that it held, where the server can tell.
    fn held_by_dead(&mut self, number: usize) -> Result<HashSet<usize>>;

    /// The incarnations whose messages are all back in their queue since the last call, where the server can tell.
    fn returned(&mut self) -> Result<Vec<usize>>;

    /// How many messages the broker has, taken or not.
    fn left(&self) -> Result<usize>;

    /// What says that a task may run again.
    fn evidence(&self) -> Evidence<'_>;

    /// Where the results are: in database 1.
    fn results(&self) -> &RedisServer;
}
