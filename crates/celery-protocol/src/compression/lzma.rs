//! LZMA in the container `.xz`, as Python's module `lzma` writes it.

use std::io::{self, Write};

use lzma_rust2::{XzOptions, XzReader, XzWriter};

use super::limited;

/// `lzma.PRESET_DEFAULT`.
const PRESET: u32 = 6;

/// What a decoder may need, in KiB: the dictionary of the highest preset, 64 MiB, and a bit around it. The default
/// preset has 8 MiB.
const MEMORY: u32 = 65 * 1024;

/// With a CRC64, as `lzma.compress` has it.
pub(super) fn compress(data: &[u8]) -> io::Result<Vec<u8>> {
    let mut options = XzOptions::with_preset(PRESET);
    // A dictionary larger than the data costs memory and gains nothing; 64 KiB is what the encoder likes at least.
    let size = u32::try_from(data.len()).unwrap_or(u32::MAX).max(64 * 1024);
    options.lzma_options.dict_size = options.lzma_options.dict_size.min(size);
    let mut writer = XzWriter::new(Vec::with_capacity(data.len() / 2), options)?;
    writer.write_all(data)?;
    writer.finish()
}

/// At most `most` bytes come out, of one stream after the other.
pub(super) fn decompress(data: &[u8], most: usize) -> io::Result<Vec<u8>> {
    limited::read(XzReader::new_mem_limit(data, true, MEMORY), data.len(), most)
}
