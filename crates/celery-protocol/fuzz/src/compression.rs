//! The check on each method of compression.

use celery_protocol::compression::{Method, compress, decompress};

use crate::bounded;

/// How much may come out: 1 MiB.
const LIMIT: usize = 1024 * 1024;

/// The window of any method, three times what may come out, and the tables around it.
const WORKING: usize = 192 * 1024 * 1024;

/// What is compressed again costs the encoders of brotli and lzma milliseconds for each kilobyte.
const AGAIN: usize = 2048;

/// Whatever comes out is within the limit, and comes back when it is compressed again.
///
/// # Panics
///
/// When that does not hold.
pub fn check(method: Method, data: &[u8]) {
    let name = method.content_type();
    let Ok(out) = bounded(data, 0, WORKING, || decompress(name, data, LIMIT)) else { return };
    assert!(out.len() <= LIMIT);
    if out.len() <= AGAIN {
        let again = compress(name, &out).expect("what came out can be compressed");
        assert_eq!(decompress(name, &again, LIMIT).expect("what was compressed can be read"), out);
    }
}
