//! bzip2, as Python's module `bz2` has it.

use std::io::{self, Read};

use ::bzip2::{
    Compression,
    bufread::{BzEncoder, MultiBzDecoder},
};

use super::limited;

/// `bz2.compress` takes 9.
pub(super) fn compress(data: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len() / 2);
    BzEncoder::new(data, Compression::best()).read_to_end(&mut out)?;
    Ok(out)
}

/// At most `most` bytes come out, of one stream after the other.
pub(super) fn decompress(data: &[u8], most: usize) -> io::Result<Vec<u8>> {
    if data.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    limited::read(MultiBzDecoder::new(data), data.len(), most)
}
