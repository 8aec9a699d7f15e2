//! Little data that a lot comes out of.

use celery_protocol::compression::{Method, compress, decompress};

use crate::{Case, alone, check};

/// What may come out.
const LIMIT: usize = 256 * 1024;

/// What the largest window of a method takes, with the tables around it: zlib, bzip2, lzma, brotli, zstd. Of zstd, whose
/// library is no Rust, only what comes out is counted.
const WINDOWS: [(Method, usize); 5] = [
    (Method::Zlib, 64 * 1024),
    (Method::Bzip2, 4 * 1024 * 1024),
    (Method::Lzma, 65 * 1024 * 1024),
    (Method::Brotli, 17 * 1024 * 1024),
    (Method::Zstd, 0),
];

#[test]
fn bombs() {
    let _alone = alone();
    let plain = vec![0; 4 * LIMIT];
    for (method, window) in WINDOWS {
        let name = method.content_type();
        let bytes = compress(name, &plain).unwrap();
        let cases = vec![Case { decoder: name, input: "zeros", bytes }];
        // A buffer that doubles has its old room and its new.
        check(cases, 0, 3 * LIMIT + window, |bytes| decompress(name, bytes, LIMIT).unwrap_err());
    }
}
