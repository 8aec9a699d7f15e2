//! What the fuzz targets share: the bound on memory, and what equality means.

pub mod compression;
mod equality;
mod memory;

pub use equality::{assert_same, assert_settled, is_too_deep};
pub use memory::bounded;

/// The input as text, which most decoders want.
pub fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}
