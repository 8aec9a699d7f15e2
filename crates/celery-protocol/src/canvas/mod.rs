//! Signatures and what they compose to: chains, groups, chords.
//!
//! A [`Signature`] is data: it is built, read from a message or written into one. [`Signature::plan`] says what has to
//! be done to send it, with the ids, parents and groups that Celery would give; who sends does it.

mod call_options;
mod chain;
mod compose;
mod freeze;
mod links;
mod message;
mod options;
mod plan;
mod replace;
mod results;
mod signature;
mod stamp;
mod wire;

pub use compose::{chain, chord, chunks, group, map, starmap};
pub use message::Encoding;
pub use options::{OptionValue, Options};
pub use plan::{Call, Plan, Step};
pub use replace::Replaced;
pub use signature::Signature;
pub use stamp::{StampingVisitor, Stamps};
