//! Compressing and decompressing, by content type.

use std::io;

#[cfg(feature = "brotli")]
use super::brotli;
#[cfg(feature = "bzip2")]
use super::bzip2;
#[cfg(feature = "lzma")]
use super::lzma;
#[cfg(feature = "zstd")]
use super::zstd;
use super::{Method, zlib};
use crate::{Error, limits::check_size};

/// What the header `compression` says of zlib data. The bytes are in zlib format, not gzip.
pub const ZLIB: &str = "application/x-gzip";

/// The content type of a compression method, whose name may also be one of kombu's aliases.
///
/// # Errors
///
/// [`Error::UnsupportedCompression`] for a method that kombu does not know, or whose feature is off in this build.
pub fn content_type(name: &str) -> Result<&'static str, Error> {
    Method::built_in(name).map(Method::content_type)
}

/// Decompresses what the header `compression` names, up to `limit` bytes.
///
/// Memory: what comes out, at most `limit` bytes, three times that while its buffer grows, and the window of the method
/// (zlib 32 KiB, bzip2 4 MiB, brotli 16 MiB, lzma 64 MiB, zstd 128 MiB), which is touched only as far as something comes
/// out.
///
/// # Errors
///
/// [`Error::UnsupportedCompression`] as [`content_type`], [`Error::Compression`] for damaged bytes,
/// [`Error::TooLarge`] when more than `limit` bytes come out.
pub fn decompress(compression: &str, data: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    let method = Method::built_in(compression)?;
    let more = limit.saturating_add(1);
    let out = match method {
        Method::Zlib => zlib::decompress(data, more),
        #[cfg(feature = "bzip2")]
        Method::Bzip2 => bzip2::decompress(data, more),
        #[cfg(feature = "lzma")]
        Method::Lzma => lzma::decompress(data, more),
        #[cfg(feature = "brotli")]
        Method::Brotli => brotli::decompress(data, more),
        #[cfg(feature = "zstd")]
        Method::Zstd => zstd::decompress(data, more),
        #[cfg(not(all(feature = "bzip2", feature = "lzma", feature = "brotli", feature = "zstd")))]
        _ => return Err(method.unsupported()),
    }
    .map_err(failed(method))?;
    check_size("decompressed content", out.len(), limit)?;
    Ok(out)
}

/// Compresses as kombu does, at the level that Python's module takes when none is named.
///
/// # Errors
///
/// [`Error::UnsupportedCompression`] as [`content_type`].
pub fn compress(compression: &str, data: &[u8]) -> Result<Vec<u8>, Error> {
    let method = Method::built_in(compression)?;
    match method {
        Method::Zlib => Ok(zlib::compress(data)),
        #[cfg(feature = "bzip2")]
        Method::Bzip2 => bzip2::compress(data),
        #[cfg(feature = "lzma")]
        Method::Lzma => lzma::compress(data),
        #[cfg(feature = "brotli")]
        Method::Brotli => brotli::compress(data),
        #[cfg(feature = "zstd")]
        Method::Zstd => zstd::compress(data),
        #[cfg(not(all(feature = "bzip2", feature = "lzma", feature = "brotli", feature = "zstd")))]
        _ => return Err(method.unsupported()),
    }
    .map_err(failed(method))
}

fn failed(method: Method) -> impl Fn(io::Error) -> Error {
    move |source| Error::Compression { content_type: method.content_type(), source }
}
