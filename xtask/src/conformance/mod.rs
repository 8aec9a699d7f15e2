//! `cargo xtask conformance`: Celery's own integration suite against our worker and against the stock one.

mod command;
mod comparison;
mod document;
mod exceptions;
mod native;
mod outcome;
mod run;
mod slice;
mod suite;

pub(crate) use command::{Conformance, run};
pub(crate) use slice::slice;
