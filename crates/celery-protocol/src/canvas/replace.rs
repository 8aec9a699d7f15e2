//! What is sent in the place of a task (`celery/app/task.py: Task.replace`).

use super::{
    OptionValue, Signature,
    freeze::{Freezer, Place},
    results::Results,
    signature::Kind,
};
use crate::{Error, Value};

/// What a task that is replaced leaves to what is sent in its place.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Replaced {
    /// Its id, under which the result is awaited.
    pub id: String,
    /// The first task of all.
    pub root_id: Option<String>,
    /// The group it is in.
    pub group_id: Option<String>,
    /// Its place in the group.
    pub group_index: Option<i64>,
    /// The body of the chord that it is a part of.
    pub chord: Option<Signature>,
    /// What follows it when it succeeds.
    pub callbacks: Vec<Signature>,
    /// What follows it when it fails.
    pub errbacks: Vec<Signature>,
    /// The steps that follow it, reversed: the next one is the last, as in a message.
    pub chain: Vec<Signature>,
    /// How often it has been replaced before.
    pub nesting: u32,
}

impl Replaced {
    /// The task `id`, which leaves nothing.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }
}

impl Signature {
    /// What is to be sent in the place of a task: this, with the task's id, its place in its group and chord, and
    /// whatever follows it. New ids are made by `ids`, `rpc://` results go to `reply_to`.
    ///
    /// # Errors
    ///
    /// [`Error::Canvas`] for what Celery refuses: an empty chain, or a part of another chord.
    pub fn replacing(
        mut self,
        replaced: Replaced,
        ids: &mut dyn FnMut() -> String,
        reply_to: &str,
    ) -> Result<Self, Error> {
        if self.options.contains("chord") {
            let text = "A signature replacing a task must not be part of a chord";
            return Err(Error::Canvas(text.to_owned()));
        }
        if self.is_empty_chain() {
            return Err(Error::Canvas("Cannot replace with an empty chain".to_owned()));
        }
        self.check()?;
        if self.is_group() {
            self = self | accumulate();
        }
        if let Kind::Chain(tasks) = &mut self.kind
            && let Some(last) = tasks.pop_if(|last| last.is_group())
        {
            tasks.push(last | accumulate());
        }
        for callback in replaced.callbacks {
            self.link(callback);
        }
        for errback in replaced.errbacks {
            self.link_error(errback);
        }
        if self.is_chain() {
            let links = self.options.take_signatures("link");
            if let (Kind::Chain(tasks), false) = (&mut self.kind, links.is_empty())
                && let Some(last) = tasks.last_mut()
            {
                last.options.extend("link", links);
            }
        }
        let place = Place { id: Some(replaced.id), ..Place::default() };
        self.freeze(place, &mut Freezer { ids, reply_to, results: Results::default() })?;
        let nesting = i64::from(replaced.nesting) + 1;
        let chord = replaced.chord.map_or(OptionValue::Value(Value::Null), OptionValue::from);
        self.options.set("chord", chord);
        self.options.set("group_id", replaced.group_id);
        self.options.set("group_index", replaced.group_index.map_or(Value::Null, Value::Int));
        self.options.set("root_id", replaced.root_id);
        self.options.set("replaced_task_nesting", nesting);
        if let Kind::Chain(tasks) = &mut self.kind {
            for task in tasks {
                task.options.set("replaced_task_nesting", nesting);
            }
        }
        for mut step in replaced.chain.into_iter().rev() {
            step.options.set("replaced_task_nesting", nesting);
            self = self | step;
        }
        Ok(self)
    }
}

/// Gives the first argument back (`celery/app/builtins.py: add_accumulate_task`): groups end in it, so that they have one
/// result.
fn accumulate() -> Signature {
    Signature::new("celery.accumulate").kwarg("index", 0)
}

#[cfg(test)]
mod tests {
    use super::super::{chain, group};
    use super::*;

    fn replacing(signature: Signature, replaced: Replaced) -> Result<Signature, Error> {
        let mut number = 0;
        let mut ids = || {
            number += 1;
            format!("id-{number}")
        };
        signature.replacing(replaced, &mut ids, "reply")
    }

    #[test]
    fn the_last_step_has_the_id_of_the_task() {
        let steps = chain([Signature::new("a"), Signature::new("b")]);
        let mut replaced = Replaced::new("old");
        replaced.callbacks = vec![Signature::new("link")];
        replaced.chain = vec![Signature::new("d"), Signature::new("c")];
        let sent = replacing(steps, replaced).unwrap();
        let tasks: Vec<&str> = sent.tasks().iter().map(Signature::task).collect();
        assert_eq!(tasks, ["a", "b", "c", "d"]);
        assert_eq!(sent.tasks()[1].id(), Some("old"));
        assert_eq!(sent.tasks()[1].options().signatures("link")[0].task(), "link");
        assert_eq!(sent.tasks()[3].options().value("replaced_task_nesting"), Some(&Value::Int(1)));
    }

    #[test]
    fn groups_have_one_result() {
        let sent =
            replacing(group([Signature::new("a"), Signature::new("b")]), Replaced::new("old")).unwrap();
        assert_eq!(sent.task(), "celery.chord");
        assert_eq!(sent.body().and_then(Signature::id), Some("old"));
    }

    #[test]
    fn what_celery_refuses() {
        assert!(replacing(chain(Vec::<Signature>::new()), Replaced::new("old")).is_err());
        let part = Signature::new("a").option("chord", OptionValue::from(Signature::new("body")));
        assert!(replacing(part, Replaced::new("old")).is_err());
    }
}
