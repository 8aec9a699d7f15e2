//! What has come for a client, and who waits for it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use celery_protocol::{State, StoredMeta};
use tokio::sync::watch;

use crate::{Error, Watch, watch::Latest};

/// How many results are kept for whoever asks later.
const MOST: usize = 200_000;
/// How many bytes of them; few where it is tested.
const MOST_BYTES: usize = if cfg!(test) { 4096 } else { 128 << 20 };
/// How many of the oldest are looked at for each result that comes: two would do, but for those that are waited for.
const LOOKS: usize = 8;

/// Results by the ids of their tasks. What nobody waits for is kept within limits, the newest.
#[derive(Debug, Default)]
pub(super) struct Letters(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    tasks: HashMap<Arc<str>, Letter>,
    /// Those that a result came for, the oldest first.
    came: VecDeque<Arc<str>>,
    bytes: usize,
    failed: Option<Error>,
}

#[derive(Debug)]
struct Letter {
    latest: watch::Sender<Latest>,
    /// Of the meta.
    size: usize,
    /// Nothing that comes later counts.
    succeeded: bool,
}

impl Letters {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A result has come for the task `id`.
    pub(super) fn receive(&self, id: &str, meta: Bytes) -> Result<(), celery_protocol::Error> {
        let status = StoredMeta::decode(&meta)?.status;
        let mut table = self.table();
        let table = &mut *table;
        let id = table.tasks.get_key_value(id).map_or_else(|| Arc::from(id), |(id, _)| Arc::clone(id));
        let letter = table.tasks.entry(Arc::clone(&id)).or_insert_with(Letter::empty);
        if letter.succeeded {
            return Ok(());
        }
        if letter.size == 0 {
            table.came.push_back(id);
        }
        table.bytes = table.bytes + meta.len() - letter.size;
        (letter.size, letter.succeeded) = (meta.len(), status == State::Success);
        letter.latest.send_if_modified(|latest| {
            let is_new = !matches!(&*latest, Latest::Meta(before) if *before == meta);
            *latest = Latest::Meta(meta);
            is_new
        });
        table.tidy();
        Ok(())
    }

    /// The results that have come.
    pub(super) fn get(&self, ids: &[&str]) -> Vec<Option<Bytes>> {
        let table = self.table();
        let meta = |id: &&str| match &*table.tasks.get(*id)?.latest.borrow() {
            Latest::Meta(meta) => Some(meta.clone()),
            Latest::Nothing | Latest::Failed(_) => None,
        };
        ids.iter().map(meta).collect()
    }

    /// Watches the task `id`.
    pub(super) fn watch(self: &Arc<Self>, id: &str, url: Arc<str>) -> Watch {
        let mut table = self.table();
        let failed = table.failed.clone();
        let letter = table.tasks.entry(Arc::from(id)).or_insert_with(Letter::empty);
        if let Some(error) = failed {
            letter.latest.send_replace(Latest::Failed(error));
        }
        let mut latest = letter.latest.subscribe();
        latest.mark_changed();
        Watch::new(latest, url, Watching { letters: Arc::clone(self), id: Arc::from(id) })
    }

    /// Forgets results.
    pub(super) fn forget(&self, ids: &[&str]) {
        let mut table = self.table();
        for id in ids {
            let Some(letter) = table.tasks.get_mut(*id) else { continue };
            // Whoever waits goes on waiting.
            letter.latest.send_replace(Latest::Nothing);
            letter.succeeded = false;
            let size = std::mem::take(&mut letter.size);
            let is_watched = letter.latest.receiver_count() > 0;
            table.bytes -= size;
            table.came.retain(|came| **came != **id);
            if !is_watched {
                table.tasks.remove(*id);
            }
        }
    }

    /// Nothing comes any more.
    pub(super) fn fail(&self, error: &Error) {
        let mut table = self.table();
        table.failed = Some(error.clone());
        for letter in table.tasks.values().filter(|letter| letter.size == 0) {
            letter.latest.send_replace(Latest::Failed(error.clone()));
        }
    }

    /// A watch of the task `id` has ended.
    fn leave(&self, id: &str) {
        let mut table = self.table();
        let is_over = |letter: &Letter| letter.size == 0 && letter.latest.receiver_count() == 0;
        if table.tasks.get(id).is_some_and(is_over) {
            table.tasks.remove(id);
        }
    }
}

impl Letter {
    fn empty() -> Self {
        Self { latest: watch::Sender::new(Latest::Nothing), size: 0, succeeded: false }
    }
}

impl Table {
    /// Lets go of the oldest that nobody waits for, while there are too many.
    fn tidy(&mut self) {
        for _ in 0..LOOKS {
            if self.came.len() <= MOST && self.bytes <= MOST_BYTES {
                return;
            }
            let Some(oldest) = self.came.pop_front() else { return };
            match self.tasks.get(&oldest) {
                Some(letter) if letter.latest.receiver_count() > 0 => self.came.push_back(oldest),
                Some(letter) => {
                    self.bytes -= letter.size;
                    self.tasks.remove(&oldest);
                }
                None => {}
            }
        }
    }
}

/// One watch. It ends when it is dropped.
struct Watching {
    letters: Arc<Letters>,
    id: Arc<str>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.letters.leave(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use celery_protocol::ResultMeta;

    use super::*;

    fn meta(status: State, result: &str) -> Bytes {
        ResultMeta::new("t", status, result).encode().into()
    }

    fn letters() -> (Arc<Letters>, Arc<str>) {
        (Arc::default(), Arc::from("rpc://"))
    }

    #[tokio::test]
    async fn a_watch_gives_what_came_before_and_what_comes() {
        let (letters, url) = letters();
        let (started, done) = (meta(State::Started, "1"), meta(State::Success, "2"));
        letters.receive("t", started.clone()).unwrap();
        let mut watch = letters.watch("t", Arc::clone(&url));
        let mut other = letters.watch("other", url);
        assert_eq!(watch.next().await.unwrap(), started);
        letters.receive("t", done.clone()).unwrap();
        // A task that ran again says so too late.
        letters.receive("t", meta(State::Failure, "3")).unwrap();
        assert_eq!(watch.next().await.unwrap(), done);
        assert_eq!(letters.get(&["t", "other"]), [Some(done), None]);
        letters.receive("other", started.clone()).unwrap();
        assert_eq!(other.next().await.unwrap(), started);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_let_go_of() {
        let (letters, url) = letters();
        let large: Bytes = meta(State::Success, &format!("\"{}\"", "x".repeat(MOST_BYTES / 4)));
        let _watch = letters.watch("0", Arc::clone(&url));
        for id in 0..9 {
            letters.receive(&id.to_string(), large.clone()).unwrap();
        }
        let kept: Vec<usize> = (0..9).filter(|id| letters.get(&[&id.to_string()])[0].is_some()).collect();
        assert_eq!(kept, [0, 7, 8]);
        letters.forget(&["8", "0"]);
        assert_eq!(letters.table().came.len(), 1);
        drop(letters.watch("never", url));
        assert!(!letters.table().tasks.contains_key("never"));
    }

    #[tokio::test]
    async fn failures_are_told_to_those_who_wait() {
        let (letters, url) = letters();
        let mut before = letters.watch("a", Arc::clone(&url));
        let error = Error::Refused { url: "amqp://h".to_owned(), reason: "no".to_owned() };
        letters.fail(&error);
        assert_eq!(before.next().await.unwrap_err(), error);
        assert_eq!(letters.watch("b", url).next().await.unwrap_err(), error);
    }
}
