//! Nodes from the events of the parser (`yaml/composer.py: Composer`).

use std::{borrow::Cow, collections::HashMap};

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::{
    NAME, malformed,
    resolve::{Tag, resolve},
};
use crate::{Error, MAX_DEPTH};

/// A node, its children by their place among all nodes.
pub(super) struct Node<'a> {
    pub(super) tag: Tag,
    pub(super) kind: Kind<'a>,
}

pub(super) enum Kind<'a> {
    Scalar(Cow<'a, str>),
    Sequence(Vec<usize>),
    Mapping(Vec<(usize, usize)>),
}

/// Every node of a document, an alias being the place of the node it stands for.
#[derive(Default)]
pub(super) struct Nodes<'a>(Vec<Node<'a>>);

impl<'a> Nodes<'a> {
    pub(super) fn get(&self, place: usize) -> Result<&Node<'a>, Error> {
        self.0.get(place).ok_or_else(|| malformed("a node is missing"))
    }
}

/// A container under construction.
struct Open {
    place: usize,
    key: Option<usize>,
}

/// Reads the only document of a stream: its nodes and the place of the root, which an empty stream has not.
pub(super) fn compose(text: &str) -> Result<(Nodes<'_>, Option<usize>), Error> {
    let mut composer = Composer::default();
    // A block without a line break at its very end has none in PyYAML; the parser adds it.
    let open_end = if text.ends_with(['\n', '\r']) { None } else { Some(text.chars().count()) };
    for event in Parser::new_from_str(text) {
        let (mut event, span) = event.map_err(|error| malformed(error.to_string()))?;
        if let Event::Scalar(scalar, ScalarStyle::Literal | ScalarStyle::Folded, ..) = &mut event
            && open_end == Some(span.end.index())
            && scalar.ends_with('\n')
        {
            scalar.to_mut().pop();
        }
        composer.event(event)?;
    }
    Ok((composer.nodes, composer.root))
}

#[derive(Default)]
struct Composer<'a> {
    nodes: Nodes<'a>,
    root: Option<usize>,
    open: Vec<Open>,
    anchors: HashMap<usize, usize>,
    documents: usize,
}

impl<'a> Composer<'a> {
    fn event(&mut self, event: Event<'a>) -> Result<(), Error> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(malformed("there is more than one document"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = match name(tag.as_deref()) {
                    Some(name) => known(&name)?,
                    None if style == ScalarStyle::Plain || tag.is_some() => resolve(&text),
                    None => Tag::Str,
                };
                let place = self.add(anchor, Node { tag, kind: Kind::Scalar(text) });
                self.place(place)?;
            }
            Event::SequenceStart(anchor, tag) => {
                let tag = name(tag.as_deref()).map_or(Ok(Tag::Seq), |name| known(&name))?;
                self.enter(anchor, Node { tag, kind: Kind::Sequence(Vec::new()) })?;
            }
            Event::MappingStart(anchor, tag) => {
                let tag = name(tag.as_deref()).map_or(Ok(Tag::Map), |name| known(&name))?;
                self.enter(anchor, Node { tag, kind: Kind::Mapping(Vec::new()) })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.place(open.place)?;
                }
            }
            Event::Alias(anchor) => {
                let place = self.anchors.get(&anchor).copied();
                let place = place.ok_or_else(|| malformed("an alias stands for nothing"))?;
                if self.open.iter().any(|open| open.place == place) {
                    return Err(malformed("an alias stands for what holds it"));
                }
                self.place(place)?;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn add(&mut self, anchor: usize, node: Node<'a>) -> usize {
        let place = self.nodes.0.len();
        self.nodes.0.push(node);
        if anchor > 0 {
            self.anchors.insert(anchor, place);
        }
        place
    }

    fn enter(&mut self, anchor: usize, node: Node<'a>) -> Result<(), Error> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Error::TooDeep { object: NAME, limit: MAX_DEPTH });
        }
        let place = self.add(anchor, node);
        self.open.push(Open { place, key: None });
        Ok(())
    }

    /// Puts a node where it belongs.
    fn place(&mut self, node: usize) -> Result<(), Error> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match self.nodes.0.get_mut(open.place).map(|node| &mut node.kind) {
            Some(Kind::Sequence(items)) => items.push(node),
            Some(Kind::Mapping(entries)) => match open.key.take() {
                Some(key) => entries.push((key, node)),
                None => open.key = Some(node),
            },
            _ => return Err(malformed("a node is missing")),
        }
        Ok(())
    }
}

/// The full name of a tag; none when there is no tag, or `!`, which asks for the default.
fn name(tag: Option<&saphyr_parser::Tag>) -> Option<String> {
    let name = format!("{}{}", tag?.handle, tag?.suffix);
    (name != "!").then_some(name)
}

fn known(name: &str) -> Result<Tag, Error> {
    Tag::from_name(name).ok_or_else(|| malformed(format!("the tag `{name}` has no form here")))
}
