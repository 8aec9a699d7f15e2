//! Decoding needs no more memory than a stated multiple of the input, whatever the input is.
//!
//! Counted is what is allocated at the same time, old and new room of a growing buffer both.

#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

mod compressed;
mod json;
mod msgpack;
mod objects;
mod yaml;

use std::sync::{Mutex, MutexGuard, PoisonError};

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Held by the one test that runs: the allocator counts what every thread takes.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What any decoder may need for any input, in bytes: buffers that are made before the input is seen, error texts.
const CONSTANT: usize = 16 * 1024;

/// How many elements the inputs have: a few more than a buffer has room for that doubles.
const COUNT: usize = (1 << 12) + 1;

/// What is measured.
struct Case<'a> {
    decoder: &'a str,
    input: &'a str,
    bytes: Vec<u8>,
}

/// The bytes that are allocated at the same time while `decode` runs, and until its result is dropped.
fn peak<T>(decode: impl FnOnce() -> T) -> usize {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    drop(decode());
    ALLOCATOR.peak_usage().saturating_sub(before)
}

/// Decodes every case, and asserts that none needs more than `multiple` bytes for each byte of it, and `extra` bytes.
fn check<T>(cases: Vec<Case<'_>>, multiple: usize, extra: usize, decode: impl Fn(&[u8]) -> T) {
    let mut over = Vec::new();
    for Case { decoder, input, bytes } in cases {
        let peak = peak(|| decode(&bytes));
        if peak > multiple * bytes.len() + extra + CONSTANT {
            let each = peak.saturating_sub(extra) as f64 / bytes.len() as f64;
            over.push(format!("{decoder}, {input}: {peak} bytes for {}, {each:.1} for each", bytes.len()));
        }
    }
    assert!(over.is_empty(), "more than {multiple} bytes for each byte of the input:\n{}", over.join("\n"));
}

#[test]
fn the_allocator_counts() {
    let _alone = alone();
    let peak = peak(|| vec![0_u8; 1 << 20]);
    assert!((1 << 20..(1 << 20) + CONSTANT).contains(&peak), "{peak}");
}
