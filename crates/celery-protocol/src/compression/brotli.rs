//! Brotli, as Python's module `brotli` has it.

use std::io;

use ::brotli::{BrotliCompress, Decompressor, enc::BrotliEncoderParams};

use super::limited;

/// `brotli.compress` takes quality 11 and a window of 2^22.
pub(super) fn compress(mut data: &[u8]) -> io::Result<Vec<u8>> {
    let parameters = BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    let mut out = Vec::with_capacity(data.len() / 2);
    BrotliCompress(&mut data, &mut out, &parameters)?;
    Ok(out)
}

/// At most `most` bytes come out.
pub(super) fn decompress(data: &[u8], most: usize) -> io::Result<Vec<u8>> {
    // An extension of the format with windows of up to 1 GiB, which Python's module refuses too.
    if data.first().is_some_and(|byte| byte & 0x7f == 0x11) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "large windows are not allowed"));
    }
    if data.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    limited::read(Decompressor::new(data, 4096), data.len(), most)
}
