//! Remote control: commands that come by the broker (`kombu/pidbox.py`, `celery/worker/control.py`).
//!
//! A request goes to the [`listener`], which looks whether it is meant, and from there to the engine, or to the host
//! for what only the host knows. Each is answered by a task of its own, so a slow one holds up nobody; the engine gets
//! them in the order in which they came.

mod answer;
mod listener;
mod matcher;

pub(crate) use answer::Panel;
pub(crate) use listener::listen;
