//! Zstandard, as Python's `zstandard` (kombu up to 5.6) and `compression.zstd` have it.

use std::io;

use ::zstd::{Decoder, bulk};

use super::limited;

/// What both of Python's modules take.
const LEVEL: i32 = 3;

/// The largest window that is taken: 2^27 bytes, the limit of `libzstd` itself.
const WINDOW_LOG: u32 = 27;

/// The frame carries the size of its content, without which `zstandard.ZstdDecompressor.decompress` refuses it.
pub(super) fn compress(data: &[u8]) -> io::Result<Vec<u8>> {
    bulk::compress(data, LEVEL)
}

/// At most `most` bytes come out, of one frame after the other.
pub(super) fn decompress(data: &[u8], most: usize) -> io::Result<Vec<u8>> {
    if data.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut decoder = Decoder::with_buffer(data)?;
    decoder.window_log_max(WINDOW_LOG)?;
    limited::read(decoder, data.len(), most)
}
