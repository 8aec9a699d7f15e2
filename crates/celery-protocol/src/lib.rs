#![doc = include_str!("../README.md")]

mod base64_text;
pub mod compression;
mod error;
pub mod json;
mod limits;
pub mod message;
pub mod result;
pub mod serializer;
mod value;

pub use error::Error;
pub use limits::{MAX_DEPTH, MAX_MESSAGE_SIZE};
pub use message::{
    Body, DeliveryInfo, Embed, Expires, Message, Properties, TaskHeaders, TimeLimits, V1Task,
    mark_redelivered,
};
pub use result::{ExceptionInfo, Extended, ResultMeta, State, StoredMeta};
pub use value::{Value, from_value, to_value};
