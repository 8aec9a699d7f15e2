//! The serialisers of task bodies, by content type.

mod codec;
#[cfg(any(feature = "msgpack", feature = "yaml"))]
mod entries;
mod kind;
#[cfg(test)]
pub(crate) mod table;

#[cfg(any(feature = "msgpack", feature = "yaml"))]
pub(crate) use entries::last_wins;

pub use kind::Serializer;
