//! The Rust tasks of this process.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use celery_executor::{EventSender, Lane, Limits, Runner};
use celery_native::{Executor, Hooks, Mounted, Tasks, TokioExecutor};
use celery_protocol::canvas::Encoding;
use celery_results::ResultBackend;
use celery_scheduler::SystemClock;
use celery_transport::{Queue, Transport};
use celery_worker::{Config, Following, Host, Outbox, Sender, Target};

use super::host::Hosts;
use super::runner::{Both, Places};

/// Makes the tasks, when the engine was given any.
static TASKS: OnceLock<fn() -> Tasks> = OnceLock::new();

/// Gives the engine of this process Rust tasks; the first call counts.
pub(super) fn provide(tasks: fn() -> Tasks) {
    let _ = TASKS.set(tasks);
}

/// The Rust tasks of a worker.
#[derive(Debug)]
pub(crate) struct Native {
    mounted: Mounted,
    /// Where they are among the tasks of the engine.
    places: Arc<Places>,
    expires: Option<Duration>,
    /// The node name, when results are to be extended.
    extended: Option<String>,
    known: Following,
    queues: Vec<Queue>,
    zone: celery_scheduler::Zone,
}

/// Lanes for async tasks, and for those that block.
type Lanes = (Vec<Lane>, Vec<Lane>);

impl Native {
    /// Puts the tasks among those of `config`; `None` when there are none. A task that Python has too is Rust's: Python
    /// keeps it to call it by.
    pub(crate) fn join(config: &mut Config) -> Result<Option<Self>, celery_native::Error> {
        let Some(make) = TASKS.get() else { return Ok(None) };
        let mounted = make().mount(Limits::default(), Hooks::new())?;
        let known_of_python: HashMap<Arc<str>, usize> =
            config.tasks.iter().enumerate().map(|(at, spec)| (Arc::clone(&spec.name), at)).collect();
        let mut places = Places::default();
        for (own, spec) in mounted.specs().iter().enumerate() {
            let at = match known_of_python.get(&spec.name) {
                Some(&at) => {
                    config.tasks[at] = spec.clone();
                    at
                }
                None => {
                    config.tasks.push(spec.clone());
                    config.tasks.len() - 1
                }
            };
            places.insert(at as u32, own as u32);
        }
        let first = config.queues.first().cloned().unwrap_or_else(|| Queue::named("celery"));
        let mut known = match &config.following {
            Some(known) => Following::clone(known),
            None => Following::new(Encoding::json(&*config.hostname, &*config.hostname)),
        };
        mounted.known_to(&mut known, &first);
        if config.following.is_some() {
            config.following = Some(Arc::new(known.clone()));
        }
        // What a Rust task sends, no app can be asked about.
        known.alone = true;
        known.left_to_host.clear();
        known.unrouted.get_or_insert_with(|| Target::new(first));
        Ok(Some(Self {
            mounted,
            places: Arc::new(places),
            expires: config.result_expires,
            extended: config.result_extended.then(|| config.hostname.clone()),
            known,
            queues: config.queues.clone(),
            zone: config.zone.clone(),
        }))
    }

    /// The names of the tasks.
    pub(crate) fn names(&self) -> HashSet<String> {
        self.mounted.specs().iter().map(|spec| spec.name.to_string()).collect()
    }

    /// Lanes that run both kinds of task, in the slots of those that run Python's.
    pub(crate) fn lanes(&self, (loops, threads): Lanes, events: EventSender) -> io::Result<Lanes> {
        let slots = |lanes: &[Lane]| lanes.iter().map(Lane::slots).max().unwrap_or(1);
        let mut executor =
            TokioExecutor::new().loops(loops.len()).concurrency(slots(&loops)).threads(slots(&threads));
        let own = executor.lanes(Arc::clone(self.mounted.table()), events)?;
        let both = |python: Vec<Lane>, own: Vec<Lane>| {
            let both = |(python, own): (Lane, Lane)| {
                let runner = Both::new(Arc::clone(python.runner()), Arc::clone(own.runner()), &self.places);
                Lane::new(Arc::new(runner) as Arc<dyn Runner>, python.slots())
            };
            python.into_iter().zip(own).map(both).collect()
        };
        Ok((both(loops, own.loops), both(threads, own.threads)))
    }

    /// Connects the tasks with what sends others, and with what they end in.
    pub(crate) fn connect(
        &self,
        hosts: &Hosts,
        outbox: Outbox,
        results: Option<Arc<dyn ResultBackend>>,
        transport: Arc<dyn Transport>,
    ) {
        let sender = Arc::new(Sender::new(
            Arc::new(self.known.clone()),
            self.zone.clone(),
            &self.queues,
            outbox,
            results.clone(),
            transport,
            Arc::new(SystemClock),
        ));
        hosts.connect(self.mounted.host(results, self.expires, self.extended.clone(), Arc::clone(&sender)));
        self.mounted.connect(sender);
    }

    /// A host that asks Rust about its own tasks, and Python about all else.
    pub(crate) fn hosts(&self, python: Arc<dyn Host>) -> Arc<Hosts> {
        Arc::new(Hosts::new(python, self.names()))
    }
}
