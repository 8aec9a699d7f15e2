//! `cargo xtask tidy`: tests on the repository itself.

mod dependencies;
mod documents;
mod rules;
mod sources;
mod workspace;

pub(crate) use rules::{check, run};
