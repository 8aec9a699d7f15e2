//! Where things are: the workspace, the target folder, the Python apps.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// Cargo's target folder: `CARGO_TARGET_DIR`, else `target` in the workspace.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => workspace().join(folder),
        None => workspace().join("target"),
    }
}

/// The folder of the Python app `name`: `tests/apps/<name>`.
pub fn app(name: &str) -> PathBuf {
    workspace().join("tests").join("apps").join(name)
}

/// A scratch folder below the target folder, gone when dropped.
pub fn scratch(prefix: &str) -> Result<TempDir> {
    let parent = target().join("e2e");
    std::fs::create_dir_all(&parent).with_context(|| format!("cannot create {}", parent.display()))?;
    tempfile::Builder::new().prefix(prefix).tempdir_in(&parent).context("cannot create a scratch folder")
}
