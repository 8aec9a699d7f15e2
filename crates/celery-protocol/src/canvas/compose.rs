//! Building compositions.

use std::ops::BitOr;

use serde::Serialize;

use super::{
    Signature,
    signature::{Header, Kind},
};
use crate::Value;

/// One signature after the other, each with the result of the one before it (`celery/canvas.py: chain`, `_fold_chain`).
///
/// As in Celery, a group that something follows becomes a chord, a chain in a chain is spliced into it, and a group of
/// one is that one. So what comes out need not be a chain.
pub fn chain<S: Into<Signature>>(signatures: impl IntoIterator<Item = S>) -> Signature {
    signatures.into_iter().fold(steps(Vec::new()), |chain, next| chain | next.into())
}

/// Signatures that run at the same time (`celery/canvas.py: group`).
pub fn group<S: Into<Signature>>(signatures: impl IntoIterator<Item = S>) -> Signature {
    Signature::of("celery.group", Kind::Group(signatures.into_iter().map(Into::into).collect()))
}

/// Signatures that run at the same time, and one that runs with the list of their results once all are done
/// (`celery/canvas.py: chord`).
pub fn chord<S: Into<Signature>>(
    header: impl IntoIterator<Item = S>,
    body: impl Into<Signature>,
) -> Signature {
    make_chord(header.into_iter().map(Into::into).collect(), body.into())
}

pub(super) fn make_chord(header: Vec<Signature>, body: Signature) -> Signature {
    let mut chord = Signature::of("celery.chord", Kind::Chord(Header::of(header), Some(Box::new(body))));
    chord.kwargs.push(("kwargs".into(), Value::Map(Vec::new())));
    chord
}

/// One task message that calls `task` with each of `items`, one after the other (`celery/canvas.py: xmap`).
pub fn map(task: impl Into<Signature>, items: impl Serialize) -> Signature {
    mapping("celery.map", &task.into(), items)
}

/// As [`map`], each item being the positional arguments of a call (`celery/canvas.py: xstarmap`).
pub fn starmap(task: impl Into<Signature>, items: impl Serialize) -> Signature {
    mapping("celery.starmap", &task.into(), items)
}

/// A group of [`starmap`]s, each over up to `size` of the items (`celery/canvas.py: chunks.group`).
///
/// # Panics
///
/// Never: a `size` of 0 counts as 1.
pub fn chunks<T: Serialize>(
    task: impl Into<Signature>,
    items: impl IntoIterator<Item = T>,
    size: usize,
) -> Signature {
    let task = task.into();
    let items: Vec<T> = items.into_iter().collect();
    group(items.chunks(size.max(1)).map(|part| starmap(task.clone(), part)))
}

fn mapping(name: &str, task: &Signature, items: impl Serialize) -> Signature {
    let invalid = task.invalid.clone();
    let mut mapping = Signature::new(name).kwarg("task", task.to_value()).kwarg("it", items).immutable();
    mapping.invalid = mapping.invalid.or(invalid);
    mapping
}

pub(super) fn steps(tasks: Vec<Signature>) -> Signature {
    Signature::of("celery.chain", Kind::Chain(tasks))
}

/// A group of one member is that member (`maybe_unroll_group`).
pub(super) fn unroll(signature: Signature) -> Signature {
    match signature.kind {
        Kind::Group(mut tasks) if tasks.len() == 1 => tasks.remove(0),
        kind => Signature { kind, ..signature },
    }
}

/// `left | right`: `right` runs with the result of `left`.
impl BitOr for Signature {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        match self.kind {
            Kind::Task => task_or(self, other),
            Kind::Chain(_) => chain_or(self, other),
            // celery/canvas.py: group.__or__
            Kind::Group(_) if other.is_empty_group() => self,
            Kind::Group(tasks) => Self { invalid: self.invalid, ..make_chord(tasks, other) },
            Kind::Chord(..) => chord_or(self, other),
        }
    }
}

/// `celery/canvas.py: Signature.__or__`
fn task_or(this: Signature, other: Signature) -> Signature {
    match other.kind {
        Kind::Chain(_) => {
            let mut tasks = vec![this];
            tasks.extend(other.unchain());
            steps(tasks)
        }
        _ => steps(vec![this, unroll(other)]),
    }
}

/// `celery/canvas.py: _chain.__or__`
fn chain_or(mut this: Signature, other: Signature) -> Signature {
    if other.is_empty_group() {
        return this;
    }
    match other.kind {
        Kind::Chain(_) => return other.unchain().into_iter().fold(this, |chain, next| chain | next),
        Kind::Group(_) => {
            let other = unroll(other);
            if !other.is_group() {
                return this | other;
            }
            let mut tasks = this.unchain();
            return match tasks.last_mut() {
                None => other,
                Some(last) if last.is_chord() => {
                    last.continue_body(other);
                    steps(tasks)
                }
                Some(_) => {
                    tasks.push(other);
                    steps(tasks)
                }
            };
        }
        Kind::Task | Kind::Chord(..) => {}
    }
    let Kind::Chain(tasks) = &mut this.kind else { return this };
    match tasks.last_mut() {
        Some(last) if last.is_group() => {
            if let Some(Signature { kind: Kind::Group(header), .. }) = tasks.pop() {
                let chord = make_chord(header, other);
                match tasks.last_mut() {
                    Some(before) if before.is_chord() => before.continue_body(chord),
                    _ => tasks.push(chord),
                }
            }
            this
        }
        Some(last) if last.is_chord() && !other.is_chord() => {
            last.continue_body(other);
            this
        }
        // Nothing to be handed down to the steps: they need not be copied each time one is added.
        _ if this.options.is_empty() && this.args.is_empty() && !this.immutable => {
            tasks.push(other);
            this
        }
        _ => {
            let invalid = this.invalid.clone();
            let mut tasks = this.unchain();
            tasks.push(other);
            Signature { invalid, ..steps(tasks) }
        }
    }
}

/// `celery/canvas.py: _chord.__or__`
fn chord_or(mut this: Signature, other: Signature) -> Signature {
    let single = !other.is_group() || other.tasks().len() == 1;
    if single && !other.is_chain() {
        this.continue_body(unroll(other));
        return this;
    }
    task_or(this, other)
}

impl Signature {
    /// `chord.body = chord.body | other`.
    fn continue_body(&mut self, other: Self) {
        if let Kind::Chord(_, body) = &mut self.kind {
            let next = match body.take() {
                Some(body) => *body | other,
                None => other,
            };
            *body = Some(Box::new(next));
        }
    }

    /// The steps of a chain, with its links on the last one and its error links on each
    /// (`_chain.unchain_tasks`).
    pub(super) fn unchain(self) -> Vec<Self> {
        let Self { kind: Kind::Chain(tasks), options, .. } = self else { return Vec::new() };
        let mut tasks: Vec<_> = tasks.iter().map(Self::copied).collect();
        if let Some(last) = tasks.last_mut() {
            for link in options.signatures("link") {
                last.link(link.clone());
            }
        }
        for errback in options.signatures("link_error") {
            for task in &mut tasks {
                task.link_error(errback.clone());
            }
        }
        tasks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(signature: &Signature) -> String {
        let inner = |tasks: &[Signature]| tasks.iter().map(shape).collect::<Vec<_>>().join(" ");
        match &signature.kind {
            Kind::Task => signature.task.clone(),
            Kind::Chain(tasks) => format!("chain({})", inner(tasks)),
            Kind::Group(tasks) => format!("group({})", inner(tasks)),
            Kind::Chord(header, body) => {
                format!(
                    "chord({} => {})",
                    inner(header.group.tasks()),
                    body.as_deref().map(shape).unwrap_or_default()
                )
            }
        }
    }

    /// The shapes that Celery 5.7 shows for the same expressions.
    #[test]
    fn compositions_are_rebuilt_as_celery_rebuilds_them() {
        let t = |name: &str| Signature::new(name);
        let g = || group([t("x"), t("y")]);
        let cases = [
            (t("a") | t("b") | t("c"), "chain(a b c)"),
            (t("a") | (t("b") | t("c")), "chain(a b c)"),
            (t("a") | g(), "chain(a group(x y))"),
            (t("a") | g() | t("b"), "chain(a chord(x y => b))"),
            (t("a") | g() | t("b") | t("c"), "chain(a chord(x y => chain(b c)))"),
            (t("a") | group([t("b")]), "chain(a b)"),
            (g() | t("a"), "chord(x y => a)"),
            (chain([g(), t("a"), t("b")]), "chord(x y => chain(a b))"),
            (chord([t("a")], t("b")) | t("c"), "chord(a => chain(b c))"),
            (chord([t("a")], t("b")) | g(), "chain(chord(a => b) group(x y))"),
            (chain([t("a"), group::<Signature>([])]), "chain(a)"),
            (chain::<Signature>([]) | g(), "group(x y)"),
        ];
        for (signature, expected) in cases {
            assert_eq!(shape(&signature), expected);
        }
    }

    #[test]
    fn chunks_are_a_group_of_starmaps() {
        let chunked = chunks(Signature::new("add"), [(1, 1), (2, 2), (3, 3)], 2);
        assert_eq!(shape(&chunked), "group(celery.starmap celery.starmap)");
        let part = chunked.tasks()[1].to_json().unwrap();
        assert!(part.contains(r#""it": [[3, 3]]"#) && part.ends_with(r#""immutable": true}"#), "{part}");
        assert_eq!(shape(&map(Signature::new("add"), [1, 2])), "celery.map");
    }
}
