//! Freezing: the ids of everything in a canvas.

use super::{
    Signature,
    chain::{self, Ends},
    results::{Node, Results},
    signature::Kind,
};
use crate::Error;

/// What freezing gives out: new ids, and the results that they promise.
pub(super) struct Freezer<'a> {
    /// Makes an id.
    pub(super) ids: &'a mut dyn FnMut() -> String,
    /// Where `rpc://` results go; what Celery calls the thread's oid.
    pub(super) reply_to: &'a str,
    pub(super) results: Results,
}

/// What a signature is told about its surroundings (the arguments of `Signature.freeze`).
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub(super) id: Option<String>,
    pub(super) group_id: Option<String>,
    pub(super) group_index: Option<i64>,
    pub(super) chord: Option<Signature>,
    pub(super) root_id: Option<String>,
    pub(super) parent_id: Option<String>,
}

impl Freezer<'_> {
    pub(super) fn new_id(&mut self) -> String {
        (self.ids)()
    }
}

impl Signature {
    /// Gives ids to it and all in it that have none yet, and makes the result that it promises
    /// (`celery/canvas.py: Signature.freeze` and its overrides).
    pub(super) fn freeze(&mut self, place: Place, freezer: &mut Freezer<'_>) -> Result<Node, Error> {
        match &mut self.kind {
            Kind::Task => Ok(self.freeze_task(place, freezer)),
            Kind::Chain(tasks) => {
                let args = std::mem::take(&mut self.args);
                let ends = Ends {
                    last_id: place.id,
                    group_id: place.group_id,
                    group_index: place.group_index,
                    chord: place.chord,
                    root_id: place.root_id,
                };
                let result = chain::freeze_in_place(tasks, &args, ends, freezer)?;
                self.args = args;
                self.options.set("task_id", freezer.results.id(result));
                Ok(result)
            }
            Kind::Group(_) => {
                let (id, children) = self.freeze_members(&place, freezer)?;
                Ok(freezer.results.group(&id, children))
            }
            Kind::Chord(..) => self.freeze_chord(place, freezer),
        }
    }

    fn freeze_task(&mut self, place: Place, freezer: &mut Freezer<'_>) -> Node {
        let options = &mut self.options;
        let id = match options.text("task_id") {
            Some(id) => id.to_owned(),
            None => {
                let id = place.id.unwrap_or_else(|| freezer.new_id());
                options.set("task_id", &*id);
                id
            }
        };
        if let Some(root) = place.root_id.filter(|id| !id.is_empty()) {
            options.set("root_id", root);
        }
        if let Some(parent) = place.parent_id.filter(|id| !id.is_empty()) {
            options.set("parent_id", parent);
        }
        options.set_default("reply_to", freezer.reply_to);
        if let Some(group) = place.group_id.filter(|id| !id.is_empty()) {
            options.set_default("group_id", group);
        }
        if let Some(chord) = place.chord.filter(|chord| !chord.is_empty_group()) {
            options.set("chord", chord);
        }
        if let Some(index) = place.group_index {
            options.set("group_index", index);
        }
        freezer.results.task(&id)
    }

    /// Freezes the members of a group, nested groups flattened into it. Returns its id and the results
    /// (`group._freeze_group_tasks`, `group._freeze_unroll`).
    pub(super) fn freeze_members(
        &mut self,
        place: &Place,
        freezer: &mut Freezer<'_>,
    ) -> Result<(String, Vec<Node>), Error> {
        let Kind::Group(tasks) = &mut self.kind else {
            return Err(Error::Canvas("a group was expected".to_owned()));
        };
        let options = &mut self.options;
        let id = match options.text("task_id") {
            Some(id) => id.to_owned(),
            None => freezer.new_id(),
        };
        options.set("task_id", &*id);
        if let Some(group) = &place.group_id {
            options.set("group_id", &**group);
        }
        // An empty group is false in Python, and so no chord.
        if let Some(chord) = place.chord.as_ref().filter(|chord| !chord.is_empty_group()) {
            options.set("chord", chord.clone());
        }
        if let Some(index) = place.group_index {
            options.set("group_index", index);
        }
        // What is set there already, null included, goes before what was given.
        options.set_default("root_id", place.root_id.as_deref());
        options.set_default("parent_id", place.parent_id.as_deref());
        let root_id = options.text("root_id").map(str::to_owned);
        let parent_id = options.text("parent_id").map(str::to_owned);
        let mut waiting: Vec<Self> = std::mem::take(tasks);
        waiting.reverse();
        let mut results = Vec::with_capacity(waiting.len());
        while let Some(mut task) = waiting.pop() {
            match task.kind {
                // `deque.extendleft`, which turns their order around.
                Kind::Group(members) => waiting.extend(members),
                _ if task.is_empty_chain() => {}
                _ => {
                    task = task.copied();
                    let place = Place {
                        id: None,
                        group_id: place.group_id.clone(),
                        group_index: i64::try_from(tasks.len()).ok(),
                        chord: place.chord.clone(),
                        root_id: root_id.clone(),
                        parent_id: parent_id.clone(),
                    };
                    results.push(task.freeze(place, freezer)?);
                    tasks.push(task);
                }
            }
        }
        Ok((id, results))
    }

    /// `_chord.freeze`. The body goes first here: the header tasks hold a copy of it, where Celery's hold the thing
    /// itself and see it frozen later.
    fn freeze_chord(&mut self, place: Place, freezer: &mut Freezer<'_>) -> Result<Node, Error> {
        let Kind::Chord(header, body) = &mut self.kind else {
            return Err(Error::Canvas("a chord was expected".to_owned()));
        };
        let body =
            body.as_mut().ok_or_else(|| Error::Canvas("a chord without a body cannot be sent".to_owned()))?;
        let body_result = body.freeze(
            Place {
                id: place.id,
                group_id: place.group_id,
                group_index: place.group_index,
                chord: place.chord,
                root_id: place.root_id.clone(),
                parent_id: None,
            },
            freezer,
        )?;
        // Each task of the header gets a copy: with the copies that are in it already, a chain of groups would grow with
        // the power of its length. Celery takes them out before it sends anything.
        body.strip_header_chords();
        header.listed = false;
        let header_place = Place {
            root_id: place.root_id,
            parent_id: place.parent_id,
            chord: Some((**body).clone()),
            ..Place::default()
        };
        let (id, results) = header.group.freeze_members(&header_place, freezer)?;
        let header_result = freezer.results.group(&id, results);
        self.options.set("task_id", id);
        let root = freezer.results.root(body_result);
        freezer.results.set_parent(root, Some(header_result));
        Ok(body_result)
    }

    /// Takes the body of a chord out of the tasks that end its header, at any depth: it is in the chord already, and
    /// sending the header puts it back (`_strip_chord_header_links`).
    pub(super) fn strip_header_chords(&mut self) {
        match &mut self.kind {
            Kind::Task => {}
            Kind::Chain(tasks) | Kind::Group(tasks) => tasks.iter_mut().for_each(Self::strip_header_chords),
            Kind::Chord(header, body) => {
                header.group.clear_chord();
                header.group.strip_header_chords();
                if let Some(body) = body {
                    body.strip_header_chords();
                }
            }
        }
    }

    /// `_clear_chord_option`
    fn clear_chord(&mut self) {
        self.options.remove("chord");
        match &mut self.kind {
            Kind::Task => {}
            Kind::Chain(tasks) => {
                if let Some(last) = tasks.last_mut() {
                    last.clear_chord();
                }
            }
            Kind::Group(tasks) => tasks.iter_mut().for_each(Self::clear_chord),
            Kind::Chord(_, body) => {
                if let Some(body) = body {
                    body.clear_chord();
                }
            }
        }
    }
}
