//! A Python value as the serialisers carry it.

mod build;
mod convert;
mod deserialize;
mod kind;
mod read;
mod repr;
mod serialize;
mod write_json;

pub use deserialize::from_value;
pub use kind::Value;
pub use serialize::to_value;
