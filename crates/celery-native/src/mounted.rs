//! Tasks made ready for an engine.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use celery_executor::Limits;
use celery_results::ResultBackend;
use celery_transport::Queue;
use celery_worker::{Following, Host, Sender, Target, TaskSpec};

use crate::definition::Entry;
use crate::follow::NativeHost;
use crate::{Error, Hooks, TaskTable, Tasks};

/// Tasks made ready for an engine that is put together elsewhere, where they may run beside tasks of another kind.
///
/// A [`Worker`](crate::Worker) does this by itself. Whoever does it in its place gives the engine the [specs](Self::specs),
/// makes lanes of the [table](Self::table) with an [`Executor`](crate::Executor), [concludes](Self::host) what ends, and
/// [connects](Self::connect) the tasks with a [`Sender`] before the first job.
#[derive(Debug)]
pub struct Mounted {
    table: Arc<TaskTable>,
    specs: Vec<TaskSpec>,
    queues: Vec<Option<String>>,
    takes: Vec<Option<celery_worker::Takes>>,
}

impl Tasks<()> {
    /// Makes the tasks ready. `limits` are those of tasks that have none.
    ///
    /// # Errors
    ///
    /// [`Error`] says which task was registered wrongly.
    pub fn mount(self, limits: Limits, hooks: Hooks) -> Result<Mounted, Error> {
        let entries: Vec<Entry> =
            self.into_definitions().into_iter().map(|task| task.finish()).collect::<Result<_, _>>()?;
        let mut names = HashSet::new();
        if let Some(twice) = entries.iter().find(|entry| !names.insert(Arc::clone(&entry.name))) {
            return Err(Error::Twice(twice.name.to_string()));
        }
        Ok(Mounted {
            specs: entries.iter().map(|entry| entry.spec(limits)).collect(),
            queues: entries.iter().map(|entry| entry.settings.queue.clone()).collect(),
            takes: entries.iter().map(|entry| entry.signature.parameters.takes()).collect(),
            table: Arc::new(TaskTable::new(entries, hooks)),
        })
    }
}

impl Mounted {
    /// The tasks as the engine knows them. The [table](Self::table) numbers them in this order.
    pub fn specs(&self) -> &[TaskSpec] {
        &self.specs
    }

    /// What runs them.
    pub fn table(&self) -> &Arc<TaskTable> {
        &self.table
    }

    /// Adds how the tasks are sent to what is known of sending: to their own queue, or else to `first`.
    pub fn known_to(&self, known: &mut Following, first: &Queue) {
        for ((spec, queue), takes) in self.specs.iter().zip(&self.queues).zip(&self.takes) {
            let own = queue
                .as_ref()
                .map(|name| known.queues.get(name).cloned().unwrap_or_else(|| Queue::named(name)));
            let mut target = Target::new(own.unwrap_or_else(|| first.clone()));
            target.takes.clone_from(takes);
            target.options.push((String::from("ignore_result"), spec.ignore_result.into()));
            known.targets.insert(Arc::clone(&spec.name), target);
        }
    }

    /// What concludes the tasks: tells their chords, chains and error links. `expires` is how long results are kept;
    /// `hostname` is given when they are to be extended (`result_extended`).
    pub fn host(
        &self,
        results: Option<Arc<dyn ResultBackend>>,
        expires: Option<Duration>,
        hostname: Option<String>,
        sender: Arc<Sender>,
    ) -> Arc<dyn Host> {
        let host = NativeHost::new(results, expires, hostname);
        host.connect(sender);
        Arc::new(host)
    }

    /// Connects the tasks with what sends others. To be called once, before the first job.
    pub fn connect(&self, sender: Arc<Sender>) {
        self.table.connect(sender);
    }
}
