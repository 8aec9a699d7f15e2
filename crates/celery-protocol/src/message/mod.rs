//! Task messages: one file per wire object.
//!
//! The way of a message in: [`Message::from_envelope`] (a transport of kombu's virtual kind) or the fields set by
//! an AMQP driver, then [`TaskHeaders::decode`], then [`Body::split`]. A body that is an object instead of an array
//! is a message of protocol 1: [`V1Task::convert`].

mod body;
mod dead_letter;
mod deliveries;
mod delivery_info;
mod edit;
mod embed;
mod envelope;
mod headers;
mod json_body;
mod properties;
mod redelivered;
mod v1;

pub use body::Body;
pub use dead_letter::{Death, dead_letter};
pub use deliveries::{DELIVERY_COUNT, deliveries, forget_deliveries, mark_deliveries};
pub use delivery_info::DeliveryInfo;
pub use embed::Embed;
pub use envelope::Message;
pub use headers::{Expires, TaskHeaders, TimeLimits};
pub use properties::Properties;
pub use redelivered::mark_redelivered;
pub use v1::V1Task;
