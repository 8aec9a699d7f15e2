//! Callbacks and error callbacks.

use super::{Signature, signature::Kind};

impl Signature {
    /// Runs `callback` with the result once this succeeds (`celery/canvas.py: Signature.link` and its overrides).
    ///
    /// On a chord it is linked to the body; on a group to its first member, without the result.
    pub fn link(&mut self, callback: Self) {
        match &mut self.kind {
            Kind::Task | Kind::Chain(_) => self.options.append("link", callback),
            Kind::Group(tasks) => {
                if let Some(first) = tasks.first_mut() {
                    let mut callback = callback;
                    callback.set_immutable(true);
                    first.link(callback);
                }
            }
            Kind::Chord(_, body) => {
                if let Some(body) = body {
                    body.link(callback);
                }
            }
        }
    }

    /// Runs `errback` with the id of the failed task, or as Celery calls error callbacks, once this fails
    /// (`celery/canvas.py: Signature.link_error` and its overrides).
    ///
    /// On a group it is linked to each member, on a chord to the body, and to that of chords in its header
    /// (`task_allow_error_cb_on_chord_header` being off).
    pub fn link_error(&mut self, errback: Self) {
        match &mut self.kind {
            Kind::Task | Kind::Chain(_) => self.options.append("link_error", errback),
            Kind::Group(tasks) => {
                for task in tasks {
                    task.link_error(errback.clone());
                }
            }
            Kind::Chord(header, body) => {
                // Of a frozen header Celery asks the group itself, which is no chord.
                if let (true, Kind::Group(tasks)) = (header.listed, &mut header.group.kind) {
                    for task in tasks.iter_mut().filter(|task| task.is_chord()) {
                        task.link_error(errback.clone());
                    }
                }
                if let Some(body) = body {
                    body.link_error(errback);
                }
            }
        }
    }

    /// [`link`](Self::link), for building.
    #[must_use]
    pub fn linked(mut self, callback: impl Into<Self>) -> Self {
        self.link(callback.into());
        self
    }

    /// [`link_error`](Self::link_error), for building (`Signature.on_error`).
    #[must_use]
    pub fn on_error(mut self, errback: impl Into<Self>) -> Self {
        self.link_error(errback.into());
        self
    }

    /// Whether it takes no more arguments; a group and a chord pass it on to their tasks (`set_immutable`).
    pub fn set_immutable(&mut self, immutable: bool) {
        match &mut self.kind {
            Kind::Task | Kind::Chain(_) => self.immutable = immutable,
            Kind::Group(tasks) => tasks.iter_mut().for_each(|task| task.set_immutable(immutable)),
            Kind::Chord(header, _) => header.group.set_immutable(immutable),
        }
    }
}
