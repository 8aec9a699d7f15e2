//! Counts the allocations of what `codec_speed` measures, apart from it, since counting takes time.
//!
//! Each operation is one line of JSON: its name, how often it allocates, how many bytes in all.

#[path = "../codec_speed/operations.rs"]
mod operations;

use std::{alloc::System, error::Error, io::Write};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for operation in operations::all()? {
        let region = Region::new(ALLOCATOR);
        (operation.run)()?;
        let seen = region.change();
        let line = serde_json::json!({
            "operation": operation.name,
            "bytes": operation.bytes,
            "allocations": seen.allocations + seen.reallocations,
            "allocated": seen.bytes_allocated,
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}
