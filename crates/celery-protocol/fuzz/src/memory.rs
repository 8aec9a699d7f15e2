//! The bound on memory: a multiple of the input, as the decoders promise it.

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What any decoder may need for any input: error texts, small buffers that are made before the input is seen.
const CONSTANT: usize = 64 * 1024;

/// Runs `decode`, which may have `multiple` bytes allocated for each byte of the input, `extra` bytes and 64 KiB.
///
/// # Panics
///
/// When it allocated more.
pub fn bounded<T>(input: &[u8], multiple: usize, extra: usize, decode: impl FnOnce() -> T) -> T {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let decoded = decode();
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);
    let bound = multiple * input.len() + extra + CONSTANT;
    assert!(peak <= bound, "{peak} bytes for an input of {} bytes; {bound} are allowed", input.len());
    decoded
}
