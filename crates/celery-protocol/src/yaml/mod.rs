//! YAML as kombu writes and reads it: PyYAML's `safe_dump` and `safe_load`
//! (`kombu/serialization.py: register_yaml`).
//!
//! PyYAML speaks YAML 1.1: `yes` is true, `1:30` is ninety, `010` is eight.

mod bigint;
mod compose;
mod construct;
mod emit;
mod emit_scalar;
mod encode;
mod input;
mod malformed;
mod number;
mod resolve;
mod sort;
mod style;
#[cfg(test)]
mod tests;
mod timestamp;

pub(crate) use construct::decode;
pub(crate) use encode::encode;

use malformed::{NAME, malformed};
