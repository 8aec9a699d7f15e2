//! MessagePack as kombu writes and reads it: `packb(use_bin_type=True)`, `unpackb(raw=False)`
//! (`kombu/serialization.py: register_msgpack`).

mod decode;
mod encode;
mod extension;
#[cfg(test)]
mod tests;

pub(crate) use decode::decode;
pub(crate) use encode::encode;

use extension::{NAME, is_extension};
