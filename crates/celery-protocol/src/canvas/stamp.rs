//! Stamps: headers that a canvas puts on every task of it.

use super::{Signature, signature::Kind};
use crate::Value;

/// Stamps by name, in order; `stamped_headers` among them lists the names.
pub type Stamps = Vec<(String, Value)>;

const NAMES: &str = "stamped_headers";

/// Decides which stamps the parts of a canvas get (`celery/canvas.py: StampingVisitor`).
///
/// Each method is told the stamps so far, and gives those to add. All but [`on_signature`](Self::on_signature) add none
/// by default.
pub trait StampingVisitor {
    /// A task.
    fn on_signature(&mut self, signature: &Signature, stamps: &Stamps) -> Stamps;

    /// A group, or the header of a chord, before its members.
    fn on_group_start(&mut self, _group: &Signature, _stamps: &Stamps) -> Stamps {
        Stamps::new()
    }

    /// A chain, before its steps.
    fn on_chain_start(&mut self, _chain: &Signature, _stamps: &Stamps) -> Stamps {
        Stamps::new()
    }

    /// A chord, before its header.
    fn on_chord_header_start(&mut self, chord: &Signature, stamps: &Stamps) -> Stamps {
        self.on_group_start(chord, stamps)
    }

    /// A chord, before its body.
    fn on_chord_body(&mut self, _chord: &Signature, _stamps: &Stamps) -> Stamps {
        Stamps::new()
    }

    /// A callback.
    fn on_callback(&mut self, _callback: &Signature, _stamps: &Stamps) -> Stamps {
        Stamps::new()
    }

    /// An error callback.
    fn on_errback(&mut self, _errback: &Signature, _stamps: &Stamps) -> Stamps {
        Stamps::new()
    }
}

/// A visitor, or none, and what becomes of a stamp that is there already.
struct Stamper<'a> {
    visitor: Option<&'a mut dyn StampingVisitor>,
    append: bool,
}

impl Signature {
    /// Stamps every task in it and its callbacks (`celery/canvas.py: Signature.stamp` and its overrides). Of a chord only
    /// the header is stamped, as in Celery: the body needs a visitor.
    pub fn stamp(&mut self, stamps: impl IntoIterator<Item = (String, Value)>) {
        let mut stamper = Stamper { visitor: None, append: false };
        stamper.stamp(self, &stamps.into_iter().collect());
    }

    /// Stamps every task in it and its callbacks with what a visitor says. With `append`, a stamp that is there already
    /// becomes a list; without, the new one is dropped where the task has one.
    pub fn stamp_with(&mut self, visitor: &mut dyn StampingVisitor, append: bool) {
        let mut stamper = Stamper { visitor: Some(visitor), append };
        stamper.stamp(self, &Stamps::new());
    }
}

impl Stamper<'_> {
    fn stamp(&mut self, signature: &mut Signature, stamps: &Stamps) {
        match signature.kind {
            Kind::Task => {
                self.stamp_links(signature, stamps, self.append);
                let added = self.visitor.as_mut().map(|visitor| visitor.on_signature(signature, stamps));
                let stamps = self.merged(stamps, added, Some(signature));
                for (name, value) in stamps {
                    signature.options.set(&name, value);
                }
            }
            Kind::Chain(_) => {
                let added = self.visitor.as_mut().map(|visitor| visitor.on_chain_start(signature, stamps));
                let stamps = self.merged(stamps, added, Some(signature));
                self.stamp_links(signature, &stamps, false);
                self.stamp_members(signature, &stamps);
            }
            Kind::Group(_) => {
                let added = self.visitor.as_mut().map(|visitor| visitor.on_group_start(signature, stamps));
                let stamps = self.merged(stamps, added, Some(signature));
                self.stamp_links(signature, &stamps, self.append);
                self.stamp_members(signature, &stamps);
            }
            Kind::Chord(..) => self.stamp_chord(signature, stamps),
        }
    }

    fn stamp_chord(&mut self, chord: &mut Signature, stamps: &Stamps) {
        let added = self.visitor.as_mut().map(|visitor| visitor.on_chord_header_start(chord, stamps));
        let stamps = self.merged(stamps, added, Some(chord));
        self.stamp_links(chord, &stamps, self.append);
        if let Kind::Chord(header, _) = &mut chord.kind {
            self.stamp_members(&mut header.group, &stamps);
        }
        let added = self.visitor.as_mut().map(|visitor| visitor.on_chord_body(chord, &stamps));
        if added.is_some() {
            let stamps = self.merged(&stamps, added, Some(chord));
            if let Kind::Chord(_, Some(body)) = &mut chord.kind {
                self.stamp(body, &stamps);
            }
        }
    }

    fn stamp_members(&mut self, signature: &mut Signature, stamps: &Stamps) {
        if let Kind::Chain(tasks) | Kind::Group(tasks) = &mut signature.kind {
            tasks.iter_mut().for_each(|task| self.stamp(task, stamps));
        }
    }

    /// The callbacks get the stamps without those of the task that they are linked to (`Signature.stamp_links`).
    fn stamp_links(&mut self, signature: &mut Signature, stamps: &Stamps, append: bool) {
        let append = std::mem::replace(&mut self.append, append);
        for (key, of_error) in [("link", false), ("link_error", true)] {
            let mut stamps = stamps.clone();
            for link in signature.options.signatures_mut(key) {
                let added = self.visitor.as_mut().map(|visitor| {
                    if of_error {
                        visitor.on_errback(link, &stamps)
                    } else {
                        visitor.on_callback(link, &stamps)
                    }
                });
                stamps = self.merged(&stamps, added, None);
                self.stamp(link, &stamps);
            }
        }
        self.append = append;
    }

    /// The stamps, those that were added and those of the signature itself (`Signature._stamp_headers`).
    fn merged(&self, stamps: &Stamps, added: Option<Stamps>, own: Option<&Signature>) -> Stamps {
        let mut merged = named(stamps.clone());
        if let Some(added) = added {
            merge(&mut merged, named(added), self.append);
        }
        if let Some(signature) = own {
            let mut names = names(&merged);
            names.extend(signature.options.stamped_headers().map(str::to_owned));
            let own = signature
                .options
                .iter()
                .filter(|(key, _)| names.iter().any(|name| name == key))
                .map(|(key, value)| (key.to_owned(), value.to_value()))
                .collect();
            set_names(&mut merged, names);
            merge(&mut merged, own, self.append);
        }
        let names = names(&merged);
        set_names(&mut merged, names);
        merged
    }
}

/// With the list of their names, unless it is there.
fn named(mut stamps: Stamps) -> Stamps {
    if !stamps.iter().any(|(name, _)| name == NAMES) {
        let names = stamps.iter().map(|(name, _)| name.as_str().into()).collect();
        stamps.push((NAMES.to_owned(), Value::List(names)));
    }
    stamps
}

fn names(stamps: &Stamps) -> Vec<String> {
    let listed = stamps.iter().find(|(name, _)| name == NAMES).and_then(|(_, names)| names.as_list());
    listed.unwrap_or_default().iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Sets the list of names, each once.
fn set_names(stamps: &mut Stamps, names: Vec<String>) {
    let mut once: Vec<Value> = Vec::with_capacity(names.len());
    for name in names {
        let name = Value::Str(name);
        if !once.contains(&name) {
            once.push(name);
        }
    }
    if let Some((_, slot)) = stamps.iter_mut().find(|(name, _)| name == NAMES) {
        *slot = Value::List(once);
    }
}

/// `_merge_dictionaries`
fn merge(into: &mut Stamps, from: Stamps, aggregate: bool) {
    for (name, value) in from {
        let Some((_, slot)) = into.iter_mut().find(|(known, _)| *known == name) else {
            into.push((name, value));
            continue;
        };
        match (&mut *slot, value) {
            (Value::Map(known), Value::Map(more)) => super::signature::merge_kwargs(known, &more),
            (Value::List(known), Value::List(more)) => known.extend(more),
            (_, value) if aggregate => {
                let mut list = match std::mem::take(slot) {
                    Value::Null => Vec::new(),
                    Value::List(list) => list,
                    one => vec![one],
                };
                match value {
                    Value::List(more) => list.extend(more),
                    one => list.push(one),
                }
                *slot = Value::List(list);
            }
            _ => {}
        }
    }
}
