//! Compressed bodies and results, named by content type (`kombu/compression.py`).

#[cfg(feature = "brotli")]
mod brotli;
#[cfg(feature = "bzip2")]
mod bzip2;
mod codec;
#[cfg(any(feature = "brotli", feature = "bzip2", feature = "lzma", feature = "zstd"))]
mod limited;
#[cfg(feature = "lzma")]
mod lzma;
mod method;
#[cfg(test)]
mod tests;
mod zlib;
#[cfg(feature = "zstd")]
mod zstd;

pub use codec::{ZLIB, compress, content_type, decompress};
pub use method::Method;
