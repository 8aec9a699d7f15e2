#![doc = include_str!("../README.md")]

mod base64_text;
pub mod canvas;
pub mod compression;
pub mod control;
mod error;
pub mod event;
mod iso8601;
pub mod json;
mod limits;
pub mod message;
#[cfg(feature = "msgpack")]
mod msgpack;
pub mod result;
pub mod serializer;
mod value;
#[cfg(feature = "yaml")]
mod yaml;

pub use error::Error;
pub use iso8601::iso8601;
pub use limits::{MAX_DEPTH, MAX_MESSAGE_SIZE};
pub use message::{
    Body, DeliveryInfo, Embed, Expires, Message, Properties, TaskHeaders, TimeLimits, V1Task,
    mark_redelivered,
};
pub use result::{ExceptionInfo, Extended, ResultMeta, State, StoredMeta};
pub use value::{Value, from_value, to_value};
