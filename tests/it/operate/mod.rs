//! The operator's commands, beside upstream's own.

mod calling;
mod events;
mod remote;
mod status;
mod support;
