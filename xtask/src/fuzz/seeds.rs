//! What each target starts from: captured bytes, in the form that it reads.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::fuzz::captured::{Captured, Envelope, corpus, decode, files, fixtures, lines, open};
use crate::fuzz::target::{Input, Target};

/// Writes the seeds of a target into a folder, which holds nothing else.
pub(crate) fn write(target: &Target, folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (number, seed) in seeds(target)?.iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), seed)?;
    }
    Ok(())
}

fn seeds(target: &Target) -> Result<BTreeSet<Vec<u8>>> {
    let all = match target.input {
        Input::Envelope => envelopes()?,
        Input::FirstProtocol => first_protocol()?,
        Input::Values(serializer) => values(serializer)?,
        Input::Compressed(content_type) => compressed(content_type)?,
        Input::Json { objects, folder } => json(objects, folder)?,
        Input::Trees => trees()?,
        Input::Signatures => signatures()?,
        Input::Commands => commands()?,
    };
    let seeds: BTreeSet<Vec<u8>> = all.into_iter().filter(|seed| seed.len() <= target.max_len).collect();
    ensure!(!seeds.is_empty(), "the fuzz target {} has no seeds", target.name);
    Ok(seeds)
}

fn read_all(folder: &str) -> Result<Vec<Vec<u8>>> {
    files(&fixtures(folder), "json")?.iter().map(|path| Ok(std::fs::read(path)?)).collect()
}

/// Every envelope, whatever is in it.
fn envelopes() -> Result<Vec<Vec<u8>>> {
    let mut all = read_all("envelope")?;
    let others = ["event", "control"].map(read_all);
    for raw in others.into_iter().collect::<Result<Vec<_>>>()?.concat() {
        all.extend(open(&raw).map(|_| raw));
    }
    all.extend(corpus()?.into_iter().filter(|one| is_envelope(&one.payload)).map(|one| one.payload));
    Ok(all)
}

fn is_envelope(payload: &[u8]) -> bool {
    payload.starts_with(b"{\"body\"")
}

fn opened() -> Result<Vec<Envelope>> {
    Ok(envelopes()?.iter().filter_map(|raw| open(raw)).collect())
}

fn first_protocol() -> Result<Vec<Vec<u8>>> {
    let json = opened()?.into_iter().filter(|one| one.content_type == "application/json");
    let objects = json.filter(|one| one.body.starts_with(b"{"));
    Ok(objects.map(|one| [one.headers.as_bytes(), b"\n", &one.body].concat()).collect())
}

/// The captured values, the bodies and the results in a serialiser.
fn values(serializer: &str) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for line in lines(&fixtures("serializer").join(format!("{serializer}.jsonl")))? {
        all.push(decode(&line["payload"])?);
    }
    let bodies = opened()?.into_iter().filter(|one| one.content_type.ends_with(serializer));
    all.extend(bodies.map(|one| one.body));
    let plain = corpus()?.into_iter().filter(|one| one.serializer == serializer && one.compression == "none");
    all.extend(plain.map(|one| one.payload).filter(|payload| !is_envelope(payload)));
    Ok(all)
}

fn compressed(content_type: &str) -> Result<Vec<Vec<u8>>> {
    let lines = lines(&fixtures("compression").join("captured.jsonl"))?;
    let own = lines.iter().filter(|line| line["content_type"] == content_type);
    own.map(|line| decode(&line["compressed"])).collect()
}

/// The text of objects: those in files, and those of the corpus, out of their envelopes if they have one.
fn json(objects: &[&str], folder: &str) -> Result<Vec<Vec<u8>>> {
    let mut all = read_all(folder)?;
    let own = corpus()?.into_iter().filter(|one| objects.contains(&&*one.object));
    for Captured { payload, .. } in own.filter(|one| one.serializer == "json" && one.compression == "none") {
        all.extend(open(&payload).map(|envelope| envelope.body));
        all.push(payload);
    }
    Ok(all)
}

/// Saved groups and members of chords, and the children of results.
fn trees() -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    let plain = corpus()?.into_iter().filter(|one| one.serializer == "json" && one.compression == "none");
    for Captured { object, payload, .. } in plain {
        if object == "group" || object == "chord_member" {
            all.push(payload.clone());
        }
        if let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(&payload) {
            let parts = ["result", "children"].iter().filter_map(|key| fields.get(*key));
            all.extend(parts.filter(|part| part.is_array()).map(|part| part.to_string().into_bytes()));
        }
    }
    Ok(all)
}

fn signatures() -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for path in files(&fixtures("canvas"), "jsonl")? {
        let built = lines(&path)?.into_iter().filter(|line| line["built"].is_object());
        all.extend(built.map(|line| line["built"].to_string().into_bytes()));
    }
    Ok(all)
}

fn commands() -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for raw in json(&["control_request"], "control/request")? {
        let request: Value = serde_json::from_slice(&raw).context("a captured request is no JSON")?;
        if let Some(method) = request["method"].as_str() {
            all.push(format!("{method}\n{}", request["arguments"]).into_bytes());
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::target::chosen;

    #[test]
    fn every_target_has_seeds_of_its_form() {
        for target in chosen(&[]).unwrap() {
            let seeds = seeds(&target).unwrap();
            assert!(seeds.iter().all(|seed| seed.len() <= target.max_len));
            match target.input {
                Input::Envelope => assert!(seeds.len() > 100, "{}", seeds.len()),
                Input::Commands => assert!(seeds.contains(b"ping\n{}".as_slice())),
                Input::FirstProtocol => assert!(seeds.iter().all(|seed| seed.contains(&b'\n'))),
                _ => {}
            }
        }
    }

    #[test]
    fn a_compressed_body_is_not_opened() {
        let raw = std::fs::read(fixtures("envelope").join("task_compressed.json")).unwrap();
        assert!(open(&raw).is_none());
    }
}
