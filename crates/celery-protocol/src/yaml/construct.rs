//! Values from nodes (`yaml/constructor.py: SafeConstructor`).

use super::{
    NAME,
    compose::{Kind, Nodes, compose},
    input, malformed, number,
    resolve::{Tag, boolean},
    timestamp,
};
use crate::{Error, MAX_DEPTH, Value, base64_text, json::Typed, serializer::last_wins};

/// What aliases may repeat beyond what was read, in bytes of values.
const REPEATED: usize = 16 * 1024 * 1024;

/// What a byte of text becomes at most.
const PER_BYTE: usize = 64;

/// What a node costs besides its text.
const NODE: usize = size_of::<Value>();

/// What an entry costs that a merge copies.
const MERGED: usize = size_of::<(usize, usize)>();

/// Reads the only document; an empty one is `None`.
///
/// Memory: at most 640 bytes allocated for each byte read. What Python shares between aliases is copied: up to 16 MiB of
/// values and 64 bytes for each byte read, which take 48 MiB with the room that lists have for more.
pub(crate) fn decode(data: &[u8]) -> Result<Value, Error> {
    let text = input::text(data)?;
    let (nodes, root) = compose(&text)?;
    let budget = text.len().saturating_mul(PER_BYTE).saturating_add(REPEATED);
    match root {
        Some(root) => Constructor { nodes: &nodes, budget }.value(root, 0),
        None => Ok(Value::Null),
    }
}

struct Constructor<'a> {
    nodes: &'a Nodes<'a>,
    budget: usize,
}

impl<'a> Constructor<'a> {
    fn value(&mut self, place: usize, depth: usize) -> Result<Value, Error> {
        let node = self.nodes.get(place)?;
        match &node.kind {
            Kind::Scalar(text) => {
                self.spend(NODE + text.len())?;
                scalar(node.tag, text)
            }
            Kind::Sequence(items) if node.tag == Tag::Seq => self.list(items, depth),
            Kind::Mapping(_) if node.tag == Tag::Map => self.map(place, depth),
            Kind::Sequence(_) | Kind::Mapping(_) => Err(no_form(node.tag)),
        }
    }

    fn list(&mut self, items: &[usize], depth: usize) -> Result<Value, Error> {
        self.enter(depth)?;
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            list.push(self.value(*item, depth + 1)?);
        }
        Ok(Value::List(list))
    }

    fn map(&mut self, place: usize, depth: usize) -> Result<Value, Error> {
        self.enter(depth)?;
        let entries = self.entries(place, depth)?;
        let mut map = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = self.key(key, depth + 1)?;
            map.push((key, self.value(value, depth + 1)?));
        }
        Ok(Value::Map(last_wins(map)))
    }

    fn key(&mut self, place: usize, depth: usize) -> Result<Value, Error> {
        let node = self.nodes.get(place)?;
        match &node.kind {
            // `flatten_mapping` makes a string of the key `=`.
            Kind::Scalar(text) if node.tag == Tag::Value => Ok(Value::from(&**text)),
            Kind::Scalar(_) => self.value(place, depth),
            Kind::Sequence(_) | Kind::Mapping(_) => Err(malformed("a list or a dict cannot be a key")),
        }
    }

    /// The entries of a mapping, those of the mappings that it merges before its own (`flatten_mapping`).
    fn entries(&mut self, place: usize, depth: usize) -> Result<Vec<(usize, usize)>, Error> {
        let Kind::Mapping(entries) = &self.nodes.get(place)?.kind else {
            return Err(malformed("only mappings can be merged"));
        };
        let (mut merged, mut own) = (Vec::new(), Vec::with_capacity(entries.len()));
        for (key, value) in entries {
            if self.nodes.get(*key)?.tag != Tag::Merge {
                own.push((*key, *value));
                continue;
            }
            self.enter(depth)?;
            match &self.nodes.get(*value)?.kind {
                Kind::Sequence(items) => {
                    for item in items.iter().rev() {
                        let more = self.entries(*item, depth + 1)?;
                        self.spend(MERGED * (1 + more.len()))?;
                        merged.extend(more);
                    }
                }
                _ => {
                    let more = self.entries(*value, depth + 1)?;
                    self.spend(MERGED * (1 + more.len()))?;
                    merged.extend(more);
                }
            }
        }
        merged.append(&mut own);
        Ok(merged)
    }

    fn enter(&mut self, depth: usize) -> Result<(), Error> {
        if depth >= MAX_DEPTH {
            return Err(Error::TooDeep { object: NAME, limit: MAX_DEPTH });
        }
        self.spend(NODE)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Error> {
        match self.budget.checked_sub(bytes) {
            Some(left) => self.budget = left,
            None => return Err(malformed("its aliases repeat too much")),
        }
        Ok(())
    }
}

fn scalar(tag: Tag, text: &str) -> Result<Value, Error> {
    Ok(match tag {
        Tag::Null => Value::Null,
        Tag::Str => Value::from(text),
        Tag::Int => number::int(text)?,
        Tag::Float => Value::Float(number::float(text)?),
        Tag::Timestamp => Value::Typed(timestamp::timestamp(text)?),
        Tag::Bool => match boolean(&text.to_lowercase()) {
            Some(value) => Value::Bool(value),
            None => return Err(malformed(format!("`{}` is no bool", number::shown(text)))),
        },
        Tag::Binary if text.is_ascii() => Value::Typed(Typed::Bytes(base64_text::decode("!!binary", text)?)),
        Tag::Binary => return Err(malformed("!!binary is not ASCII")),
        Tag::Seq | Tag::Map | Tag::Merge | Tag::Value => {
            return Err(no_form(tag));
        }
    })
}

/// What is said of a tag on a node of another kind.
fn no_form(tag: Tag) -> Error {
    malformed(format!("{} cannot be told of such a node", tag.text()))
}
