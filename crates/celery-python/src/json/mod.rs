//! JSON to Python objects and back, for the attached threads that run tasks.
//!
//! Both directions take the common case only and say so when they meet anything else; the caller then asks kombu's own
//! `loads` or `dumps`, which is slower and knows everything. So every value is treated as kombu treats it.

mod decode;
mod encode;
mod uncommon;

pub(crate) use decode::decode;
pub(crate) use encode::{encode, encode_lasting};
pub(crate) use uncommon::Uncommon;
