//! The fuzz targets: `crates/celery-protocol/fuzz/targets`.

use anyhow::{Result, bail};

/// What a target is fed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// The name of its binary.
    pub(crate) name: &'static str,
    pub(crate) input: Input,
    /// The longest input in bytes. The targets themselves hold the decoders to a multiple of it.
    pub(crate) max_len: usize,
    /// What the process may have in memory, in MiB: the corpus, and what no allocator of Rust counts.
    pub(crate) resident: u32,
}

/// What its inputs are, and so which captured bytes are its seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A whole envelope.
    Envelope,
    /// The headers, a line break, the body of a task of protocol 1.
    FirstProtocol,
    /// Values in a serialiser.
    Values(&'static str),
    /// Bytes of a compression method, by its content type.
    Compressed(&'static str),
    /// The JSON text of objects of the corpus and of the files in a folder of the fixtures.
    Json { objects: &'static [&'static str], folder: &'static str },
    /// What results hold of other results.
    Trees,
    /// Signatures.
    Signatures,
    /// The name of a command, a line break, its arguments.
    Commands,
}

const fn target(name: &'static str, input: Input) -> Target {
    Target { name, input, max_len: 4096, resident: 512 }
}

/// A method whose window the process may touch.
const fn method(name: &'static str, content_type: &'static str) -> Target {
    Target { resident: 1024, ..target(name, Input::Compressed(content_type)) }
}

const fn json(name: &'static str, objects: &'static [&'static str], folder: &'static str) -> Target {
    target(name, Input::Json { objects, folder })
}

/// Every target.
const ALL: [Target; 18] = [
    target("envelope", Input::Envelope),
    target("v1", Input::FirstProtocol),
    target("json", Input::Values("json")),
    target("msgpack", Input::Values("msgpack")),
    target("yaml", Input::Values("yaml")),
    method("zlib", "application/x-gzip"),
    method("bzip2", "application/x-bz2"),
    method("lzma", "application/x-lzma"),
    method("brotli", "application/x-brotli"),
    method("zstd", "application/zstd"),
    json("result_meta", &["result"], "result"),
    target("result_tree", Input::Trees),
    target("signature", Input::Signatures),
    json("event", &["event"], "event"),
    json("event_batch", &["event", "event_multi"], "event"),
    json("control_request", &["control_request"], "control/request"),
    target("control_command", Input::Commands),
    json("control_reply", &["control_reply"], "control/reply"),
];

/// The targets of these names; all when there is none.
pub(crate) fn chosen(names: &[String]) -> Result<Vec<Target>> {
    if names.is_empty() {
        return Ok(ALL.to_vec());
    }
    if let Some(unknown) = names.iter().find(|name| ALL.iter().all(|target| target.name != **name)) {
        bail!("there is no fuzz target {unknown}; there are: {}", ALL.map(|target| target.name).join(", "));
    }
    Ok(ALL.into_iter().filter(|target| names.iter().any(|name| name == target.name)).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use celery_oxide_tests::paths;

    use super::*;

    #[test]
    fn every_target_is_listed() {
        let folder = paths::workspace().join(super::super::build::FOLDER).join("targets");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(files, ALL.iter().map(|target| target.name.to_owned()).collect());
    }

    #[test]
    fn targets_are_chosen_by_name() {
        assert_eq!(chosen(&[]).unwrap().len(), ALL.len());
        let names: Vec<_> = chosen(&["yaml".to_owned()]).unwrap().iter().map(|target| target.name).collect();
        assert_eq!(names, ["yaml"]);
        assert!(chosen(&["pickle".to_owned()]).unwrap_err().to_string().contains("envelope, v1"));
    }
}
