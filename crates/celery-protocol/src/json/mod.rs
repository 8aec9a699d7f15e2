//! JSON text as Python writes it.
//!
//! Celery and kombu use `json.dumps` with its defaults (`kombu/utils/json.py: dumps`): the separators `", "` and
//! `": "`, and only ASCII on the wire. What is written here is byte for byte what they would write.

mod fields;
mod formatter;
mod key;
mod lossy;
mod nonfinite;
mod object;
mod parse;
mod raw;
mod string;
mod typed;

pub(crate) use fields::{Fields, span};
pub use formatter::{PythonFormatter, to_vec, write_f64};
pub(crate) use key::Key;
pub(crate) use lossy::LossyString;
pub(crate) use nonfinite::{Finite, read_lenient};
pub(crate) use object::{ObjectWriter, write_names, write_seconds};
pub use parse::{Build, parse};
pub use raw::RawJson;
pub use string::write_string;
pub use typed::Typed;
