//! zlib, as Python's module `zlib` has it.

use std::io;

use miniz_oxide::{
    deflate::compress_to_vec_zlib,
    inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit},
};

/// `Z_DEFAULT_COMPRESSION`.
const LEVEL: u8 = 6;

pub(super) fn compress(data: &[u8]) -> Vec<u8> {
    compress_to_vec_zlib(data, LEVEL)
}

/// At most `most` bytes come out; bytes after the end of the stream are ignored, as `zlib.decompress` does.
pub(super) fn decompress(data: &[u8], most: usize) -> io::Result<Vec<u8>> {
    match decompress_to_vec_zlib_with_limit(data, most) {
        Ok(out) => Ok(out),
        Err(stopped) if stopped.status == TINFLStatus::HasMoreOutput && stopped.output.len() >= most => {
            Ok(stopped.output)
        }
        Err(failed) => Err(io::Error::new(io::ErrorKind::InvalidData, failed.to_string())),
    }
}
