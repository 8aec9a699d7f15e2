//! Sets up what a command needs and the machine lacks: packages, an interpreter, a virtual environment, the wheel.

pub(crate) mod environment;
pub(crate) mod fingerprint;
pub(crate) mod interpreter;
pub(crate) mod packages;
pub(crate) mod server;
pub(crate) mod wheel;

pub(crate) use environment::{Prepared, prepare};
