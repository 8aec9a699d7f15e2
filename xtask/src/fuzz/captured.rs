//! The captured bytes in `crates/celery-protocol/fixtures`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use celery_oxide_tests::paths;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A line of `fixtures/corpus/*.jsonl`.
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) object: String,
    pub(crate) serializer: String,
    pub(crate) compression: String,
    pub(crate) payload: Vec<u8>,
}

/// An envelope, its body taken out of base64.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) headers: String,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// `fixtures` or a folder in it.
pub(crate) fn fixtures(folder: &str) -> PathBuf {
    paths::workspace().join("crates/celery-protocol/fixtures").join(folder)
}

/// Every file below a folder with this extension.
pub(crate) fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The JSON objects of a file with one in each line.
pub(crate) fn lines(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let parse = |line: &str| serde_json::from_str(line).with_context(|| format!("in {}", path.display()));
    text.lines().map(parse).collect()
}

/// The whole corpus.
pub(crate) fn corpus() -> Result<Vec<Captured>> {
    let mut all = Vec::new();
    for path in files(&fixtures("corpus"), "jsonl")? {
        for line in lines(&path)? {
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            let payload = decode(&line["payload"])?;
            let (object, serializer, compression) = (text("object"), text("serializer"), text("compression"));
            all.push(Captured { object, serializer, compression, payload });
        }
    }
    Ok(all)
}

/// What base64 stands for.
pub(crate) fn decode(value: &Value) -> Result<Vec<u8>> {
    STANDARD.decode(value.as_str().unwrap_or_default()).context("a fixture is not base64")
}

/// Opens an envelope; nothing for what is none, or has a compressed body.
pub(crate) fn open(raw: &[u8]) -> Option<Envelope> {
    #[derive(Deserialize)]
    struct Parts<'a> {
        body: String,
        #[serde(borrow)]
        headers: &'a RawValue,
        #[serde(rename = "content-type")]
        content_type: Option<String>,
        properties: Value,
    }
    let parts: Parts<'_> = serde_json::from_slice(raw).ok()?;
    if parts.headers.get().contains("\"compression\"") {
        return None;
    }
    let body = match parts.properties["body_encoding"].as_str() {
        Some("base64") => STANDARD.decode(parts.body).ok()?,
        _ => parts.body.into_bytes(),
    };
    let (headers, content_type) = (parts.headers.get().to_owned(), parts.content_type.unwrap_or_default());
    Some(Envelope { headers, content_type, body })
}
