//! What people and scripts see.

mod screen;
mod table;

pub(crate) use screen::{Paint, Screen};
pub(crate) use table::Table;
