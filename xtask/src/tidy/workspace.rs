//! The files and crates that the rules look at.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use celery_oxide_tests::paths;

/// A file of the repository.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the root of the workspace.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Source {
    /// The place of the line with `index`, counted from zero.
    pub(crate) fn at(&self, index: usize) -> String {
        format!("{}:{}", self.path.display(), index + 1)
    }

    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|own| own == extension)
    }

    /// Whether it begins with what it is: a `//!` line, or a README taken as one.
    pub(crate) fn is_described(&self) -> bool {
        self.text.starts_with("//! ") || self.text.starts_with("#![doc = include_str!(")
    }

    /// Whether it only tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.components().any(|part| ["tests", "tests_py"].iter().any(|name| part.as_os_str() == *name))
    }

    /// The lines before the unit tests at its end.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().take_while(|(_, line)| *line != "#[cfg(test)]")
    }
}

/// A crate of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// From the root of the workspace.
    pub(crate) folder: PathBuf,
    /// What it depends on, tests and build scripts left out.
    pub(crate) dependencies: Vec<String>,
}

/// Everything that is under the rules.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) sources: Vec<Source>,
    pub(crate) packages: Vec<Package>,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self> {
        let root = paths::workspace();
        let mut sources = Vec::new();
        collect(&root, &root, &mut sources)?;
        sources.sort_by(|one, other| one.path.cmp(&other.path));
        let mut packages = Vec::new();
        for source in &sources {
            if source.path.file_name().is_some_and(|name| name == "Cargo.toml")
                && let Some(package) = package(source)?
            {
                packages.push(package);
            }
        }
        Ok(Self { root, sources, packages })
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| source.has_extension("rs"))
    }
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let hidden = name.starts_with('.') && name != ".ci";
        if hidden || ["target", "__pycache__"].contains(&name) {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, sources)?;
        } else if ["rs", "toml", "md", "py"]
            .iter()
            .any(|known| path.extension().is_some_and(|own| own == *known))
        {
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let path = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
            sources.push(Source { path, text });
        }
    }
    Ok(())
}

fn package(source: &Source) -> Result<Option<Package>> {
    let manifest: toml::Table =
        toml::from_str(&source.text).with_context(|| format!("cannot read {}", source.path.display()))?;
    let Some(name) = manifest.get("package").and_then(|package| package.get("name")?.as_str()) else {
        return Ok(None);
    };
    let mut tables = vec![&manifest];
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let mut dependencies = Vec::new();
    for table in tables {
        let named = table.get("dependencies").and_then(toml::Value::as_table);
        dependencies.extend(named.into_iter().flat_map(|named| named.keys().cloned()));
    }
    let folder = source.path.parent().unwrap_or(Path::new("")).to_path_buf();
    Ok(Some(Package { name: name.to_owned(), folder, dependencies }))
}
