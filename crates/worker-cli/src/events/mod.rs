//! Events as lines.

mod dump;
mod lines;
mod moment;
mod tasks;

pub(crate) use dump::Dump;
pub(crate) use lines::Lines;
