//! The promise of a result.

use std::{fmt, marker::PhantomData, time::Duration};

use celery_protocol::{State, StoredMeta, Value, from_value, result::ResultTree};
use futures_util::future::{BoxFuture, select_ok, try_join_all};
use serde::de::DeserializeOwned;

use crate::{Client, Error, Result, outcome};

/// What was sent, and the result that it promises. Nothing happens to the task when it is dropped.
pub struct Handle<R> {
    client: Client,
    tree: ResultTree,
    result: PhantomData<fn() -> R>,
}

impl<R> Handle<R> {
    pub(crate) fn new(client: Client, tree: ResultTree) -> Self {
        Self { client, tree, result: PhantomData }
    }

    /// The id of the task; of a group, its id.
    pub fn id(&self) -> &str {
        &self.tree.id
    }

    /// The result with those it comes from and those in it, as Celery's `as_tuple` has them: to be kept, and read by
    /// `result_from_tuple`.
    pub fn tree(&self) -> &ResultTree {
        &self.tree
    }

    /// The result that this one follows: of the last step of a chain, the step before it; of a chord, its header.
    pub fn parent(&self) -> Option<Handle<Value>> {
        Some(Handle::new(self.client.clone(), (**self.tree.parent.as_ref()?).clone()))
    }

    /// The results in a group, in their order; none for a task.
    pub fn children(&self) -> Vec<Handle<Value>> {
        let children = self.tree.children.iter().flatten();
        children.map(|child| Handle::new(self.client.clone(), child.clone())).collect()
    }

    /// The same promise, its result to be read as another type.
    pub fn typed<T>(self) -> Handle<T> {
        Handle::new(self.client, self.tree)
    }

    /// What is stored of the task now, nothing of a group: state, traceback, children, and what `result_extended` adds. `None` while nothing
    /// is, which Celery calls PENDING.
    ///
    /// # Errors
    ///
    /// [`Error::NoResults`], [`Error::Results`], and [`Error::Protocol`] for a result that cannot be read.
    pub async fn meta(&self) -> Result<Option<StoredMeta>> {
        let stored = self.client.results()?.get(&[self.id()]).await?;
        match stored.into_iter().next().flatten() {
            Some(payload) => Ok(Some(StoredMeta::decode(&payload)?)),
            None => Ok(None),
        }
    }

    /// The state now. A group has succeeded when all in it have, has failed or was revoked when one has, and is pending
    /// otherwise.
    ///
    /// # Errors
    ///
    /// As [`meta`](Self::meta).
    pub async fn state(&self) -> Result<State> {
        let mut ids = Vec::new();
        leaves(&self.tree, &mut ids);
        let mut all = Vec::with_capacity(ids.len());
        for payload in self.client.results()?.get(&ids).await? {
            all.push(match payload {
                Some(payload) => StoredMeta::decode(&payload)?.status,
                None => State::Pending,
            });
        }
        let failed = all.iter().find(|state| matches!(state, State::Failure | State::Revoked));
        Ok(match (&self.tree.children, failed) {
            (None, _) => all.pop().unwrap_or(State::Pending),
            (Some(_), Some(failed)) => failed.clone(),
            (Some(_), None) if all.iter().all(|state| *state == State::Success) => State::Success,
            (Some(_), None) => State::Pending,
        })
    }

    /// Removes the results of it, of all in it and of what it comes from out of the result backend.
    ///
    /// # Errors
    ///
    /// [`Error::NoResults`] and [`Error::Results`].
    pub async fn forget(&self) -> Result<()> {
        let results = self.client.results()?;
        let mut ids = Vec::new();
        let mut next = Some(&self.tree);
        while let Some(tree) = next {
            leaves(tree, &mut ids);
            if tree.children.is_some() {
                results.forget_group(&tree.id).await?;
            }
            next = tree.parent.as_deref();
        }
        Ok(results.forget(&ids).await?)
    }

    /// Tells all workers not to run it, or any in it, if it has not started.
    ///
    /// # Errors
    ///
    /// [`Error::Broker`].
    pub async fn revoke(&self) -> Result<()> {
        let mut ids = Vec::new();
        leaves(&self.tree, &mut ids);
        self.client.revoke(ids).await
    }

    /// Waits for the result, for as long as it takes; of a group, for the list of its results.
    ///
    /// The result backend tells when it is there: nothing asks again and again, and any number of handles can wait on
    /// one connection.
    ///
    /// # Errors
    ///
    /// [`Error::Task`] when the task failed or was revoked (of a group: the first that is seen to), [`Error::NoResults`],
    /// [`Error::Results`], and [`Error::Protocol`] when the result is not what `R` wants.
    pub async fn wait(&self) -> Result<R>
    where
        R: DeserializeOwned,
    {
        Ok(from_value(value_of(&self.client, &self.tree).await?)?)
    }

    /// [`wait`](Self::wait)s, but no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// Those of `wait`, and [`Error::Timeout`].
    pub async fn get(&self, timeout: Duration) -> Result<R>
    where
        R: DeserializeOwned,
    {
        match tokio::time::timeout(timeout, self.wait()).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { id: self.id().to_owned(), timeout }),
        }
    }
}

/// The value of a result, or the list of those of a group.
///
/// What it comes from is watched as well: a step that was revoked or has expired ends a chain without a word to the
/// steps after it (`celery/result.py: AsyncResult._maybe_reraise_parent_error`).
async fn value_of(client: &Client, tree: &ResultTree) -> Result<Value> {
    let mut parents = Vec::new();
    let mut parent = tree.parent.as_deref();
    while let Some(this) = parent {
        leaves(this, &mut parents);
        parent = this.parent.as_deref();
    }
    if parents.is_empty() {
        return values_of(client, tree).await;
    }
    let failure = select_ok(parents.into_iter().map(|id| Box::pin(failure_of(client, id))));
    tokio::select! {
        biased;
        value = values_of(client, tree) => value,
        // Only a failure is an answer: the other futures stay.
        Ok((error, _)) = failure => Err(error),
    }
}

fn values_of<'a>(client: &'a Client, tree: &'a ResultTree) -> BoxFuture<'a, Result<Value>> {
    Box::pin(async move {
        match &tree.children {
            None => ending_of(client, &tree.id).await,
            Some(children) => Ok(Value::List(
                try_join_all(children.iter().map(|child| value_of_boxed(client, child))).await?,
            )),
        }
    })
}

/// A member of a group has parents of its own.
fn value_of_boxed<'a>(client: &'a Client, tree: &'a ResultTree) -> BoxFuture<'a, Result<Value>> {
    Box::pin(value_of(client, tree))
}

/// The value of a task, once it has one.
async fn ending_of(client: &Client, id: &str) -> Result<Value> {
    let mut watch = client.results()?.watch(id).await?;
    loop {
        if let Some(value) = outcome::of(StoredMeta::decode(&watch.next().await?)?)? {
            return Ok(value);
        }
    }
}

/// How a task failed; it is no answer when it did not.
async fn failure_of(client: &Client, id: &str) -> Result<Error, ()> {
    match ending_of(client, id).await {
        Err(error @ Error::Task(_)) => Ok(error),
        _ => Err(()),
    }
}

/// The ids of the tasks in a result.
fn leaves<'a>(tree: &'a ResultTree, ids: &mut Vec<&'a str>) {
    match &tree.children {
        None => ids.push(&tree.id),
        Some(children) => children.iter().for_each(|child| leaves(child, ids)),
    }
}

impl<R> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self::new(self.client.clone(), self.tree.clone())
    }
}

impl<R> fmt::Debug for Handle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("id", &self.tree.id).finish_non_exhaustive()
    }
}
