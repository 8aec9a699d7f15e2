//! The harness of the end-to-end tests: private servers, the worker as a process, a stock Celery client.
//!
//! A test opens a [`Scene`](scene::Scene) for one app of `tests/apps`, starts a [`WorkerProcess`](worker::WorkerProcess)
//! and reads states and results through a [`Client`](client::Client), which is upstream Celery and nothing else.
//! Waiting is always for a condition with a deadline ([`wait::until`]).

pub mod arena;
pub mod client;
pub mod crash;
pub mod dice;
pub mod effects;
pub mod exporter;
pub mod faults;
pub mod fleet;
pub mod flower;
pub mod herd;
pub mod http;
pub mod long;
pub mod paths;
pub mod preload;
pub mod proxy;
pub mod rabbitmq;
pub mod random;
pub mod redis;
pub mod rolling;
pub mod said;
pub mod scene;
pub mod service;
pub mod venv;
pub mod wait;
pub mod worker;
