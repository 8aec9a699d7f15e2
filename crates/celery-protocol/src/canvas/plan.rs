//! What has to be done to send a canvas.

use super::{
    OptionValue, Options, Signature,
    chain::{self, Ends},
    freeze::{Freezer, Place},
    results::{Node, Results},
    signature::{Kind, merge_kwargs},
};
use crate::{Error, Value, result::ResultTree};

/// What sending a canvas comes to, in order, and the result that it promises.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What to do, in this order: a chord must know its size before its last part can be done.
    pub steps: Vec<Step>,
    results: Results,
    result: Option<Node>,
    trail: Vec<Node>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// Tells the result backend of how many parts a chord consists
    /// (`celery/backends/redis.py: RedisBackend.set_chord_size`).
    ChordSize {
        /// The id of the group that is the header.
        group_id: String,
        /// How many parts.
        size: usize,
    },
    /// Saves the results of a header that has groups in it, so that the body finds them in their shape
    /// (`celery/backends/redis.py: RedisBackend.apply_chord`).
    SaveGroup {
        /// The results of the group.
        group: ResultTree,
    },
    /// Sends a task.
    Send(Call),
}

/// A task to be sent, everything about it settled but times and serialisation.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Call {
    /// The name of the task.
    pub task: String,
    /// Its id.
    pub id: String,
    /// The positional arguments.
    pub args: Vec<Value>,
    /// The keyword arguments.
    pub kwargs: Vec<(Value, Value)>,
    /// The options, `task_id` apart.
    pub options: Options,
}

impl Plan {
    /// The result of it all; `None` when there was nothing to do.
    pub fn result(&self) -> Option<ResultTree> {
        self.result.map(|node| self.results.tree(node))
    }

    /// What a task that sends this lists as its children (`celery/app/task.py: Task.add_trail`).
    pub fn trail(&self) -> impl Iterator<Item = ResultTree> {
        self.trail.iter().map(|node| self.results.tree(*node))
    }
}

impl Signature {
    /// Plans the sending of it: ids by `ids`, `rpc://` results to `reply_to`
    /// (`celery/canvas.py: Signature.apply_async` and its overrides, as of Celery 5.7).
    ///
    /// # Errors
    ///
    /// [`Error::Canvas`] for compositions that Celery refuses too, [`Error::Convert`] as [`Signature::check`].
    pub fn plan(&self, ids: &mut dyn FnMut() -> String, reply_to: &str) -> Result<Plan, Error> {
        self.plan_with(&[], &[], Options::default(), ids, reply_to)
    }

    /// As [`plan`](Self::plan), with arguments before its own and options over its own: how a worker sends callbacks
    /// and the next step of a chain.
    ///
    /// # Errors
    ///
    /// As [`plan`](Self::plan).
    pub fn plan_with(
        &self,
        args: &[Value],
        kwargs: &[(Value, Value)],
        options: Options,
        ids: &mut dyn FnMut() -> String,
        reply_to: &str,
    ) -> Result<Plan, Error> {
        self.check()?;
        let freezer = Freezer { ids, reply_to, results: Results::default() };
        let mut planner = Planner { freezer, steps: Vec::with_capacity(1), trail: Vec::new() };
        let result = planner.apply(self, args, kwargs, options)?;
        let Planner { freezer, steps, trail } = planner;
        Ok(Plan { steps, results: freezer.results, result, trail })
    }
}

struct Planner<'a> {
    freezer: Freezer<'a>,
    steps: Vec<Step>,
    trail: Vec<Node>,
}

impl Planner<'_> {
    fn apply(
        &mut self,
        signature: &Signature,
        args: &[Value],
        kwargs: &[(Value, Value)],
        options: Options,
    ) -> Result<Option<Node>, Error> {
        match &signature.kind {
            Kind::Task => Ok(Some(self.apply_task(signature, args, kwargs, options))),
            Kind::Chain(tasks) => self.apply_chain(signature, tasks, args, kwargs, options),
            Kind::Group(_) => self.apply_group(signature, args, kwargs, options).map(Some),
            Kind::Chord(..) => self.apply_chord(signature, args, kwargs, options).map(Some),
        }
    }

    /// `Signature.apply_async`
    fn apply_task(
        &mut self,
        signature: &Signature,
        args: &[Value],
        kwargs: &[(Value, Value)],
        mut options: Options,
    ) -> Node {
        options.retain(|_, value| !value.is_null());
        let Signature { task, args, kwargs, mut options, .. } = signature.clone_with(args, kwargs, options);
        let id = match options.remove("task_id") {
            Some(OptionValue::Value(Value::Str(id))) => id,
            _ => self.freezer.new_id(),
        };
        let result = self.freezer.results.task(&id);
        if adds_to_parent(options.remove("add_to_parent")) {
            self.trail.push(result);
        }
        self.steps.push(Step::Send(Call { task, id, args, kwargs, options }));
        result
    }

    /// `_chain.apply_async`, `_chain.run`
    fn apply_chain(
        &mut self,
        signature: &Signature,
        tasks: &[Signature],
        args: &[Value],
        kwargs: &[(Value, Value)],
        given: Options,
    ) -> Result<Option<Node>, Error> {
        let mut options = signature.options.clone();
        options.update(given);
        let link = options.take_signatures("link");
        let link_error = options.take_signatures("link_error");
        options.remove("parent_id");
        let ends = Ends {
            last_id: take_text(&mut options, "task_id"),
            group_id: take_text(&mut options, "group_id"),
            group_index: take_index(&mut options),
            chord: options.take_signatures("chord").pop(),
            root_id: take_text(&mut options, "root_id"),
        };
        let mut all = if signature.immutable { Vec::new() } else { args.to_vec() };
        all.extend_from_slice(&signature.args);
        let (mut tasks, results) = chain::prepare(tasks, &all, kwargs, &link_error, ends, &mut self.freezer)?;
        let Some(&result) = results.first() else { return Ok(None) };
        if let (false, Some(last)) = (link.is_empty(), tasks.first_mut()) {
            last.options.extend("link", link);
        }
        let Some(first) = tasks.pop() else { return Ok(None) };
        let alone = tasks.is_empty();
        let mut steps = options.take_signatures("chain");
        steps.extend(tasks);
        options.set("chain", OptionValue::Signatures(steps));
        let applied = self.apply(&first, &[], &[], options)?;
        Ok(if alone { applied } else { Some(result) })
    }

    /// `group.apply_async`, `group._apply_tasks`
    fn apply_group(
        &mut self,
        signature: &Signature,
        args: &[Value],
        kwargs: &[(Value, Value)],
        given: Options,
    ) -> Result<Node, Error> {
        if !given.signatures("link").is_empty() || !given.signatures("link_error").is_empty() {
            return Err(Error::Canvas("a group takes no link: link its tasks, or use a chord".to_owned()));
        }
        if signature.tasks().is_empty() {
            return signature.clone().freeze(Place::default(), &mut self.freezer);
        }
        // celery/canvas.py: group._freeze_gid
        let mut options = signature.options.clone();
        for (key, value) in given.iter() {
            if !(matches!(key, "group_id" | "stamped_headers") && options.contains(key)) {
                options.set(key, value.clone());
            }
        }
        let group_id = take_text(&mut options, "task_id").unwrap_or_else(|| self.freezer.new_id());
        options.set("group_id", &*group_id);
        let root_id = options.text("root_id").map(str::to_owned);
        let chord = options.take_signatures("chord").pop();
        options.remove("group_index");
        let adds_to_parent = adds_to_parent(options.remove("add_to_parent"));
        options.set("add_to_parent", false);
        let mut members = Vec::new();
        self.prepare_members(signature.tasks(), &group_id, root_id.as_deref(), &mut members)?;
        let mut size = 0;
        let mut results = Vec::with_capacity(members.len());
        let count = members.len();
        for (at, (member, result)) in members.into_iter().enumerate() {
            let chord = chord.clone().or_else(|| member.options.signatures("chord").first().cloned());
            size += descend(&member);
            // The backend must know before the last part can be done.
            if chord.is_some() && at + 1 == count {
                self.steps.push(Step::ChordSize { group_id: group_id.clone(), size });
            }
            let mut options = options.clone();
            options.set("chord", chord.map_or(OptionValue::Value(Value::Null), OptionValue::from));
            self.apply(&member, args, kwargs, options)?;
            results.push(result);
        }
        // A group of one chain that ends in a group is that group.
        let result = match results[..] {
            [only] if self.freezer.results.children(only).is_some() => only,
            _ => self.freezer.results.group(&group_id, results),
        };
        if adds_to_parent {
            self.trail.push(result);
        }
        Ok(result)
    }

    /// The members of a group, those of nested groups among them, frozen (`group._prepared`).
    fn prepare_members(
        &mut self,
        tasks: &[Signature],
        group_id: &str,
        root_id: Option<&str>,
        members: &mut Vec<(Signature, Node)>,
    ) -> Result<(), Error> {
        for (index, task) in tasks.iter().enumerate() {
            if task.is_group() {
                self.prepare_members(task.tasks(), group_id, root_id, members)?;
                continue;
            }
            if task.is_empty_chain() {
                continue;
            }
            let mut task = task.copied();
            let place = Place {
                group_id: Some(group_id.to_owned()),
                group_index: i64::try_from(index).ok(),
                root_id: root_id.map(str::to_owned),
                ..Place::default()
            };
            let result = task.freeze(place, &mut self.freezer)?;
            members.push((task, result));
        }
        Ok(())
    }

    /// `_chord.apply_async`, `_chord.run`
    fn apply_chord(
        &mut self,
        signature: &Signature,
        args: &[Value],
        kwargs: &[(Value, Value)],
        mut given: Options,
    ) -> Result<Node, Error> {
        let Kind::Chord(header, Some(body)) = &signature.kind else {
            return Err(Error::Canvas("a chord without a body cannot be sent".to_owned()));
        };
        let mut all = if signature.immutable { Vec::new() } else { args.to_vec() };
        all.extend_from_slice(&signature.args);
        let mut header_kwargs = match signature.kwargs.iter().find(|(key, _)| key.as_str() == Some("kwargs"))
        {
            Some((_, Value::Map(kwargs))) => kwargs.clone(),
            _ => Vec::new(),
        };
        merge_kwargs(&mut header_kwargs, kwargs);
        let mut header = (*header.group).clone();
        let called_with = take_text(&mut given, "task_id");
        let delays = Delays::take(&mut given, &signature.options);
        let callbacks = (given.take_signatures("link"), given.take_signatures("link_error"));
        let mut for_body = given.clone();
        for_body.remove("parent_id");
        let mut body = body.clone_with(&[], &[], for_body);
        if header.options.text("task_id").is_none() {
            let id = signature.options.text("task_id").map_or_else(|| self.freezer.new_id(), str::to_owned);
            header.options.set("task_id", id);
        }
        let group_id = header.options.text("task_id").unwrap_or_default().to_owned();
        let root_id = body.options.text("root_id").map(str::to_owned);

        let mut options = signature.options.clone();
        let own_id = take_text(&mut options, "task_id");
        options.remove("countdown");
        options.remove("eta");
        options.update(given);
        let mut link = options.take_signatures("link");
        let mut link_error = options.take_signatures("link_error");
        // What the call gives replaces what the chord has (`dict(self.options, **options, **callbacks)`).
        if !callbacks.0.is_empty() {
            link = callbacks.0;
        }
        if !callbacks.1.is_empty() {
            link_error = callbacks.1;
        }
        add_body_callbacks(&mut body, link, link_error);
        let mut for_body = options.clone();
        for_body.remove("parent_id");
        body.options.update(for_body);
        body.unroll_chords();
        let body_id = called_with.or(own_id).unwrap_or_else(|| self.freezer.new_id());
        let place = Place {
            id: Some(body_id),
            group_id: Some(group_id.clone()),
            root_id: root_id.clone(),
            ..Place::default()
        };
        let body_result = body.freeze(place, &mut self.freezer)?;
        body.strip_header_chords();
        options.remove("chain");
        options.remove("chord");

        let place = Place {
            group_id: Some(group_id.clone()),
            chord: Some(body.clone()),
            root_id,
            ..Place::default()
        };
        let (_, children) = header.freeze_members(&place, &mut self.freezer)?;
        let header_result = if header.tasks().is_empty() {
            self.apply(&body, &[Value::List(Vec::new())], &[], Options::default())?;
            self.freezer.results.group(&group_id, children)
        } else {
            if children.iter().any(|child| self.freezer.results.children(*child).is_some()) {
                let saved = self.freezer.results.group(&group_id, children);
                self.steps.push(Step::SaveGroup { group: self.freezer.results.tree(saved) });
            }
            options.set("task_id", &*group_id);
            delays.put(&mut options);
            self.apply_group(&header, &all, &header_kwargs, options)?
        };
        self.freezer.results.set_parent(body_result, Some(header_result));
        Ok(body_result)
    }
}

/// The option `add_to_parent`: true unless something false is given.
fn adds_to_parent(option: Option<OptionValue>) -> bool {
    !matches!(option, Some(OptionValue::Value(value)) if value.is_falsy())
}

/// `countdown` and `eta`, which delay the header of a chord.
struct Delays([(&'static str, Option<OptionValue>); 2]);

impl Delays {
    /// Those of the call go before those of the chord.
    fn take(given: &mut Options, own: &Options) -> Self {
        Self(["countdown", "eta"].map(|key| {
            let set = |value: &OptionValue| !value.is_null();
            (key, given.remove(key).filter(set).or_else(|| own.get(key).filter(|value| set(value)).cloned()))
        }))
    }

    fn put(self, options: &mut Options) {
        for (key, delay) in self.0 {
            if let Some(delay) = delay {
                options.set(key, delay);
            }
        }
    }
}

/// Links the callbacks of a chord to its body (`_chord._add_body_callbacks`).
fn add_body_callbacks(body: &mut Signature, link: Vec<Signature>, link_error: Vec<Signature>) {
    for callback in link {
        if body.is_empty_group() {
            body.options.append("link", callback);
        } else {
            body.link(callback);
        }
    }
    for errback in link_error {
        if body.is_group() {
            link_error_to_members(body, &errback, true);
        } else {
            body.options.append("link_error", errback);
        }
    }
}

/// `_link_error_to_body_tasks`
fn link_error_to_members(signature: &mut Signature, errback: &Signature, runs_as_group: bool) {
    let own = signature.options.get("link_error").is_some_and(|value| !value.is_null());
    match &mut signature.kind {
        Kind::Group(_) if runs_as_group && own => signature.options.append("link_error", errback.clone()),
        Kind::Group(tasks) => tasks.iter_mut().for_each(|task| link_error_to_members(task, errback, false)),
        Kind::Chord(_, Some(body)) => link_error_to_members(body, errback, true),
        _ => signature.link_error(errback.clone()),
    }
}

/// How many parts of a chord a member of its header is (`_chord._descend`).
fn descend(signature: &Signature) -> usize {
    match &signature.kind {
        Kind::Task => 1,
        Kind::Group(tasks) => tasks.iter().map(descend).sum(),
        Kind::Chain(tasks) => tasks.iter().rev().map(descend).find(|size| *size > 0).unwrap_or(0),
        Kind::Chord(_, body) => body.as_ref().map_or(0, |body| descend(body)),
    }
}

fn take_text(options: &mut Options, key: &str) -> Option<String> {
    match options.remove(key) {
        Some(OptionValue::Value(Value::Str(text))) => Some(text),
        _ => None,
    }
}

fn take_index(options: &mut Options) -> Option<i64> {
    match options.remove("group_index") {
        Some(OptionValue::Value(Value::Int(index))) => Some(index),
        _ => None,
    }
}
