//! What follows a task that succeeded: its links, the next step of its chain, its part of a chord and the chord's body.
//!
//! The canvas of `celery-protocol` plans what is to be sent; this module makes the messages as the app would, and the
//! completer sends them through the outbox. Only what upstream's own code would do is done here: a task whose sending
//! the app has changed has no [`Target`], and is left to the host.
//!
//! | file | what it knows |
//! |---|---|
//! | `target.rs` | how each task is sent from here |
//! | `takes.rs` | which arguments a task takes |
//! | `parent.rs` | in whose name something is sent |
//! | `signatures.rs` | what the message says that follows |
//! | `sending.rs` | from a plan to publications |
//! | `chord.rs` | the part of a chord, and its body |
//! | `sender.rs` | what tasks of this worker send themselves |

mod chord;
mod parent;
mod sender;
mod sending;
mod signatures;
mod takes;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use chord::{Claim, WHILE_SENDING};
pub use parent::Parent;
pub use sender::{SendError, Sender, Sent};
pub(crate) use sending::{Follower, Odd, Sending};
pub use takes::Takes;
pub use target::{Following, Target};
