//! The worker's loop: deliveries in, jobs to the executor, outcomes to the completer.
//!
//! One task owns everything here; nothing is shared and nothing is locked. It never waits for I/O: fetching and
//! completing are tasks of their own, reached through channels.
//!
//! | file | what the engine does there |
//! |---|---|
//! | `core.rs` | its state and its loop |
//! | `activity.rs` | whether anything goes on |
//! | `admit.rs` | what becomes of a batch of deliveries, and of what was waiting |
//! | `changes.rs` | what becomes of a job |
//! | `revoke.rs` | tasks that are not to run |
//! | `command.rs` | remote control: commands that change something |
//! | `inspect.rs` | remote control: commands that look |
//! | `watch.rs` | event loops that do not answer |
//! | `stop.rs` | the stages of a shutdown |

mod activity;
mod admit;
mod changes;
mod command;
mod core;
mod inspect;
mod revoke;
mod stop;
mod watch;

pub use self::activity::{Activity, Probe};
pub(crate) use self::core::{Ask, Engine};
pub(crate) use self::inspect::MOST_SCHEDULED;
pub(crate) use self::watch::Watch;
