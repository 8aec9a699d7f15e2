//! Reads no more than is asked for.

use std::io::{self, Read};

/// Reads to the end, or until `most` bytes are there. `hint` is the size of what is read from.
pub(super) fn read(source: impl Read, hint: usize, most: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(hint.saturating_mul(2).min(most));
    source.take(most as u64).read_to_end(&mut out)?;
    Ok(out)
}
