//! READMEs, module headers and links.

use std::path::Path;

use anyhow::Result;

use crate::tidy::rules::Findings;
use crate::tidy::workspace::{Source, Workspace};

pub(crate) fn crates_are_described(workspace: &Workspace) -> Result<Findings> {
    let mut broken = Vec::new();
    for package in &workspace.packages {
        let readme = package.folder.join("README.md");
        if !workspace.root.join(&readme).is_file() {
            broken.push(format!("{} is missing", readme.display()));
        }
        let roots = ["lib.rs", "main.rs"].map(|name| package.folder.join("src").join(name));
        for root in workspace.rust().filter(|source| roots.contains(&source.path)) {
            if !root.is_described() {
                broken.push(format!("{} does not begin with what the crate is", root.path.display()));
            }
        }
    }
    Ok(Findings::of(broken))
}

/// Links to files of the repository; what is behind a scheme is not looked at.
pub(crate) fn links_resolve(workspace: &Workspace) -> Result<Findings> {
    let mut broken = Vec::new();
    for source in workspace.sources.iter().filter(|source| source.has_extension("md")) {
        for (index, target) in links(source) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            let folder = source.path.parent().unwrap_or(Path::new(""));
            if !workspace.root.join(folder).join(file).exists() {
                broken.push(format!("{} links to {target}", source.at(index)));
            }
        }
    }
    Ok(Findings::of(broken))
}

/// The targets of `[text](target)`, code blocks left out.
fn links(source: &Source) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (index, line) in source.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let mut rest = line;
        while let Some(start) = rest.find("](") {
            rest = &rest[start + 2..];
            let Some(end) = rest.find(')') else { break };
            found.push((index, rest[..end].split(' ').next().unwrap_or_default()));
            rest = &rest[end..];
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_code() {
        let text = "See [a](b.md) and [c](d.md#e \"title\").\n```\n[x](y)\n```\n".to_owned();
        let source = Source { path: "README.md".into(), text };
        assert_eq!(links(&source), [(0, "b.md"), (0, "d.md#e")]);
    }
}
