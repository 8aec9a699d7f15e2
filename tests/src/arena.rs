//! Who may use the machine: most tests share it, a test that measures time has it alone.
//!
//! Two file locks, so that it holds between the threads of `cargo test` and between the processes of nextest alike.
//! The gate keeps a waiting timing test from being passed for ever by tests that share.

use std::fs::File;

use anyhow::{Context, Result};

use crate::paths;

/// A place in the arena, given back when dropped.
#[derive(Debug)]
pub struct Place {
    _floor: File,
}

/// Waits for a place beside others.
pub fn shared() -> Result<Place> {
    let gate = open("gate.lock")?;
    let floor = open("floor.lock")?;
    gate.lock_shared().context("cannot lock the gate")?;
    floor.lock_shared().context("cannot lock the floor")?;
    Ok(Place { _floor: floor })
}

/// Waits until every other test has left, and keeps newcomers out.
pub fn alone() -> Result<Place> {
    let gate = open("gate.lock")?;
    let floor = open("floor.lock")?;
    gate.lock().context("cannot lock the gate")?;
    floor.lock().context("cannot lock the floor")?;
    Ok(Place { _floor: floor })
}

fn open(name: &str) -> Result<File> {
    let folder = paths::target().join("e2e");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join(name);
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))
}
