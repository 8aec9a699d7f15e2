//! What tasks did, as they wrote it down themselves.
//!
//! Each worker incarnation has a file of its own; every task appends a record of 32 bytes when its body begins, and
//! another when it ends, with one `write` each. A killed process leaves whole records only: the size divides a page, and
//! a `write` is cut short at the end of a page if at all. The times are those of the machine's monotonic clock, which all
//! processes share.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use rustix::time::{ClockId, clock_gettime};

/// The environment variable that names the file, read by the apps.
pub const VARIABLE: &str = "EFFECTS";

/// The size of a record in bytes: `S 00000017 0000000012345.123456` and a line feed. The letter is `S` at the start, `R` at
/// the start of a task whose message is marked as redelivered, and `E` at the end.
const RECORD: usize = 32;

/// A task's body began, or ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mark {
    /// The number of the task.
    pub task: usize,
    /// Seconds of the monotonic clock.
    pub at: f64,
    /// Whether it ended.
    pub ended: bool,
    /// Whether it began with a message that was marked as redelivered, and its app says so.
    pub redelivered: bool,
}

/// Seconds of the monotonic clock.
pub fn now() -> f64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The marks of one incarnation, in the order in which they were written; none if it wrote nothing.
pub fn read(file: &Path) -> Result<Vec<Mark>> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    let whole = bytes.chunks_exact(RECORD);
    ensure!(whole.remainder().is_empty(), "{} ends within a record", file.display());
    whole.map(|record| parse(record).with_context(|| format!("in {}", file.display()))).collect()
}

/// How many records the file has.
pub fn count(file: &Path) -> usize {
    std::fs::metadata(file).map_or(0, |about| usize::try_from(about.len()).unwrap_or(usize::MAX) / RECORD)
}

fn parse(record: &[u8]) -> Result<Mark> {
    let text = std::str::from_utf8(record).context("a record is no text")?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let [kind, task, at] = words[..] else { bail!("{text:?} is no record") };
    let (ended, redelivered) = match kind {
        "S" => (false, false),
        "R" => (false, true),
        "E" => (true, false),
        _ => bail!("{text:?} is no record"),
    };
    Ok(Mark { task: task.parse()?, at: at.parse()?, ended, redelivered })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("effects");
        assert_eq!(read(&file)?, []);
        std::fs::write(&file, "S 00000017 0000000012345.123456\nE 00000017 0000000012346.500000\n")?;
        let began = Mark { task: 17, at: 12_345.123_456, ..Mark::default() };
        assert_eq!(read(&file)?, [began, Mark { at: 12_346.5, ended: true, ..began }]);
        assert_eq!(count(&file), 2);
        std::fs::write(&file, "R 00000017 0000000012345.123456\n")?;
        assert_eq!(read(&file)?, [Mark { redelivered: true, ..began }]);
        std::fs::write(&file, "S 00000017 0000000012345.")?;
        assert!(read(&file).is_err());
        Ok(())
    }

    #[test]
    fn the_clock_goes_forward() {
        let before = now();
        assert!(now() >= before && before > 0.0);
    }
}
