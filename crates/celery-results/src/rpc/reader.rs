//! The side of those who await tasks.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::{chords, driver::Rpc, inbox::Inbox};
use crate::{Error, Result, ResultReader, ResultStore, Watch};

impl Rpc {
    fn inbox(&self) -> Result<&Inbox> {
        self.inbox.as_ref().ok_or_else(|| Error::Refused {
            url: self.as_uri(),
            reason: "results go to whoever sent the task: nobody else can read them".to_owned(),
        })
    }
}

/// What the client itself has heard of the tasks that it sent.
#[async_trait]
impl ResultReader for Rpc {
    /// Asks nobody. Of results that nobody waits for the newest 200,000 are kept, or 128 MiB.
    async fn get(&self, task_ids: &[&str]) -> Result<Vec<Option<Bytes>>> {
        match &self.inbox {
            Some(inbox) => Ok(inbox.letters.get(task_ids)),
            // As upstream's, to a worker that asks.
            None => Ok(task_ids.iter().map(|_| None).collect()),
        }
    }

    async fn watch(&self, task_id: &str) -> Result<Watch> {
        let inbox = self.inbox()?;
        Ok(inbox.letters.watch(task_id, Arc::clone(&inbox.url)))
    }

    async fn forget(&self, task_ids: &[&str]) -> Result<()> {
        self.inbox()?.letters.forget(task_ids);
        Ok(())
    }

    async fn save_group(&self, _: &str, _: Bytes, _: Option<Duration>) -> Result<()> {
        Err(chords::no_chords())
    }

    async fn get_group(&self, _: &str) -> Result<Option<Bytes>> {
        Ok(None)
    }

    async fn forget_group(&self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn set_chord_size(&self, _: &str, _: u64, _: Option<Duration>) -> Result<()> {
        Err(chords::no_chords())
    }
}
