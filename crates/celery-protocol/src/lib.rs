//! What a Celery message, result and exception are: bytes in, types out.

mod error;
pub mod message;

pub use error::Error;
pub use message::{DeliveryInfo, Message, Properties};
