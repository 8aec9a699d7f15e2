//! Bytes as a compressed body of the method `brotli`.
#![no_main]

use celery_protocol::compression::Method;
use celery_protocol_fuzz::compression;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| compression::check(Method::Brotli, data));
