//! The steps of a chain.

use super::{
    Options, Signature,
    compose::{make_chord, unroll},
    freeze::{Freezer, Place},
    results::Node,
    signature::Kind,
};
use crate::{Error, Value};

/// The longest chain that is sent: each result holds the one before it, and the first message all that follow.
const MOST_STEPS: usize = 1000;

/// What the two ends of a chain are told: the last step belongs to the group or chord around the chain.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    pub(super) last_id: Option<String>,
    pub(super) group_id: Option<String>,
    pub(super) group_index: Option<i64>,
    pub(super) chord: Option<Signature>,
    pub(super) root_id: Option<String>,
}

/// A step, and the places in the chain of what it was made of: a chord of a group and what follows it has several.
struct Held {
    signature: Signature,
    places: Vec<usize>,
}

/// The steps of a chain to be sent, the last one first, and the result of each
/// (`_chain.prepare_steps` with `clone=True`).
pub(super) fn prepare(
    tasks: &[Signature],
    args: &[Value],
    kwargs: &[(Value, Value)],
    link_error: &[Signature],
    ends: Ends,
    freezer: &mut Freezer<'_>,
) -> Result<(Vec<Signature>, Vec<Node>), Error> {
    let mut steps = Vec::with_capacity(tasks.len());
    flatten(tasks.to_vec(), &mut steps);
    drop_empty_groups(&mut steps);
    let none = Options::default;
    for (place, step) in steps.iter_mut().enumerate() {
        let (args, kwargs) = if place == 0 { (args, kwargs) } else { (&[][..], &[][..]) };
        *step = step.clone_with(args, kwargs, none());
    }
    let (held, results) = join(steps, link_error, ends, freezer)?;
    let mut tasks: Vec<_> = held.into_iter().map(|held| held.signature).collect();
    tasks.iter_mut().for_each(Signature::strip_header_chords);
    Ok((tasks, results))
}

/// Gives ids to the steps of a chain where they are (`_chain.prepare_steps` with `clone=False`). Returns the result of
/// the last one.
pub(super) fn freeze_in_place(
    tasks: &mut [Signature],
    args: &[Value],
    ends: Ends,
    freezer: &mut Freezer<'_>,
) -> Result<Node, Error> {
    let mut slots = Vec::with_capacity(tasks.len());
    leaves(tasks, &mut slots);
    let real = slots.iter().any(|slot| !slot.is_empty_group());
    if real {
        slots.retain(|slot| !slot.is_empty_group());
    } else {
        slots.truncate(1);
    }
    if let Some(first) = slots.first_mut() {
        first.args.splice(0..0, args.iter().cloned());
    }
    let steps = slots.iter_mut().map(|slot| std::mem::replace(&mut **slot, Signature::new(""))).collect();
    let (held, results) = join(steps, &[], ends, freezer)?;
    for Held { mut signature, places } in held {
        // Chords that were made of a group and what follows it come apart again.
        let Some((last, groups)) = places.split_last() else { continue };
        for place in groups {
            let Kind::Chord(header, Some(body)) = signature.kind else { break };
            *slots[*place] = *header.group;
            signature = *body;
        }
        *slots[*last] = signature;
    }
    results.first().copied().ok_or_else(empty)
}

pub(super) fn empty() -> Error {
    Error::Canvas("a chain without steps cannot be sent".to_owned())
}

/// Joins the steps from the last to the first: what follows a group becomes the body of a chord, each step gets its id,
/// and each result its parent (the loop of `_chain.prepare_steps`).
fn join(
    steps: Vec<Signature>,
    link_error: &[Signature],
    ends: Ends,
    freezer: &mut Freezer<'_>,
) -> Result<(Vec<Held>, Vec<Node>), Error> {
    if steps.len() > MOST_STEPS {
        let count = steps.len();
        return Err(Error::Canvas(format!("a chain of {count} steps is over the limit of {MOST_STEPS}")));
    }
    let mut held: Vec<Held> = Vec::with_capacity(steps.len());
    let mut results: Vec<Node> = Vec::with_capacity(steps.len());
    let mut previous: Option<Node> = None;
    let root_id = ends.root_id.clone();
    let mut ends = Some(ends);
    for (place, mut task) in steps.into_iter().enumerate().rev() {
        let mut places = vec![place];
        if task.is_group()
            && let (Some(body), Some(body_result)) = (held.pop(), results.pop())
        {
            task = upgraded(task, body.signature, previous, root_id.as_deref(), freezer);
            places.extend(body.places);
            // What follows is linked to the chord's result below, instead of to that of the body.
            if let Some(node) = results.last().and_then(|last| freezer.results.child_of(*last, body_result)) {
                freezer.results.set_parent(node, None);
                previous = Some(node);
            }
        }
        let of_last = ends.take().map(|ends| Place {
            id: ends.last_id,
            group_id: ends.group_id,
            group_index: ends.group_index,
            chord: ends.chord,
            ..Place::default()
        });
        let place = Place { root_id: root_id.clone(), ..of_last.unwrap_or_default() };
        let result = task.freeze(place, freezer)?;
        if let (false, Some(previous)) = (held.is_empty(), previous)
            && freezer.results.parent(previous).is_none()
        {
            freezer.results.set_parent(previous, Some(result));
        }
        for errback in link_error {
            task.link_error(errback.clone());
        }
        previous = Some(if task.is_chord() { freezer.results.root(result) } else { result });
        held.push(Held { signature: task, places });
        results.push(result);
    }
    Ok((held, results))
}

/// The chord of a group and what follows it.
fn upgraded(
    group: Signature,
    body: Signature,
    previous: Option<Node>,
    root_id: Option<&str>,
    freezer: &Freezer<'_>,
) -> Signature {
    let Kind::Group(tasks) = group.kind else { return group };
    let mut chord = make_chord(tasks, body);
    // A group result has no task id.
    if let Some(node) = previous.filter(|node| freezer.results.children(*node).is_none()) {
        chord.options.set("task_id", freezer.results.id(node));
    }
    chord.options.set("root_id", root_id);
    chord
}

/// The steps without chains among them, groups of one unrolled, and the bodies of chords cut to their first step.
fn flatten(tasks: Vec<Signature>, steps: &mut Vec<Signature>) {
    for task in tasks {
        let task = unroll(task);
        match task.kind {
            Kind::Chain(tasks) => flatten(tasks, steps),
            Kind::Chord(header, Some(body)) if led_by_task(&body) => {
                let (first, rest) = unroll_body(*body);
                let kind = Kind::Chord(header, Some(Box::new(first)));
                // The first step may be a chain itself.
                flatten(vec![Signature { kind, ..task }.copied()], steps);
                flatten(rest, steps);
            }
            kind => steps.push(Signature { kind, ..task }),
        }
    }
}

/// The places of the steps, as [`flatten`] without cutting chords.
fn leaves<'a>(tasks: &'a mut [Signature], slots: &mut Vec<&'a mut Signature>) {
    for mut task in tasks {
        if matches!(&task.kind, Kind::Group(members) if members.len() == 1) {
            let Kind::Group(members) = &mut task.kind else { continue };
            let Some(member) = members.first_mut() else { continue };
            task = member;
        }
        if task.is_chain() {
            if let Kind::Chain(tasks) = &mut task.kind {
                leaves(tasks, slots);
            }
        } else {
            slots.push(task);
        }
    }
}

/// Empty groups are no steps, unless there is nothing else.
fn drop_empty_groups(steps: &mut Vec<Signature>) {
    if steps.iter().any(|step| !step.is_empty_group()) {
        steps.retain(|step| !step.is_empty_group());
    } else {
        steps.truncate(1);
    }
}

/// Whether the body of a chord can be cut: a chain whose first step is no group (`_is_chain_led_by_task`).
fn led_by_task(body: &Signature) -> bool {
    matches!(&body.kind, Kind::Chain(tasks) if tasks.first().is_some_and(|first| !first.is_group()))
}

/// The first step of a body and the others, which need not travel with every task of the header
/// (`_chord._unroll_body`, `_first_task_options`).
fn unroll_body(body: Signature) -> (Signature, Vec<Signature>) {
    let mut options = body.options.clone();
    options.retain(|key, _| {
        !matches!(
            key,
            "chord"
                | "group_id"
                | "group_index"
                | "link"
                | "link_error"
                | "parent_id"
                | "root_id"
                | "task_id"
        )
    });
    let mut tasks = body.unchain();
    if tasks.is_empty() {
        return (super::compose::steps(Vec::new()), tasks);
    }
    let first = tasks.remove(0).clone_with(&[], &[], options);
    (first, tasks)
}

impl Signature {
    /// Cuts the bodies of the chords in a chain, before it is frozen (`_chain._unroll_chords`).
    pub(super) fn unroll_chords(&mut self) {
        let Kind::Chain(tasks) = &mut self.kind else { return };
        let mut waiting = std::mem::take(tasks);
        waiting.reverse();
        while let Some(mut task) = waiting.pop() {
            task.unroll_chords();
            match task.kind {
                Kind::Chord(header, Some(body)) if led_by_task(&body) => {
                    let (first, rest) = unroll_body(*body);
                    waiting.extend(rest.into_iter().rev());
                    waiting.push(Self { kind: Kind::Chord(header, Some(Box::new(first))), ..task });
                }
                kind => tasks.push(Self { kind, ..task }),
            }
        }
    }
}
