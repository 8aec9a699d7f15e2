//! Fuzzing the decoders of celery-protocol.

mod build;
mod captured;
mod outcome;
mod run;
mod seeds;
mod target;

pub(crate) use run::{Fuzz, run};
