//! A worker of Rust tasks, called by stock Celery.

mod canvas;
mod control;
mod errors;
mod executor;
mod limits;
mod periodic;
mod support;
mod values;
