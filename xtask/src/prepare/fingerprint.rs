//! Whether the sources of the wheel have changed since it was installed.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use celery_oxide_tests::paths;

/// What of the workspace goes into the wheel.
const SOURCES: [&str; 4] = ["crates", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml"];

/// A hash of the names and contents of the wheel's sources and of `extra`.
pub(crate) fn of_wheel(extra: &str) -> Result<String> {
    let mut files = BTreeMap::new();
    for source in SOURCES {
        collect(&paths::workspace().join(source), &mut files)?;
    }
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    extra.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

fn collect(path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            let entry = entry?.path();
            let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // Caches and the tests are no part of the wheel.
            if !name.starts_with('.') && !["__pycache__", "target", "tests", "tests_py"].contains(&name) {
                collect(&entry, files)?;
            }
        }
    } else if !path.extension().is_some_and(|extension| extension == "so" || extension == "pyc") {
        let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        files.insert(path.to_path_buf(), content);
    }
    Ok(())
}
