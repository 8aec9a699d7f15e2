//! What each command does.

pub(crate) mod call;
pub(crate) mod control;
pub(crate) mod events;
pub(crate) mod inspect;
pub(crate) mod list;
pub(crate) mod purge;
pub(crate) mod result;
pub(crate) mod status;
