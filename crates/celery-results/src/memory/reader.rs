//! The side of those who await tasks.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{driver::Memory, watches};
use crate::{Result, ResultReader, Watch};

#[async_trait]
impl ResultReader for Memory {
    async fn get(&self, task_ids: &[&str]) -> Result<Vec<Option<Bytes>>> {
        let state = self.backend.state();
        Ok(task_ids.iter().map(|id| state.results.get(id).cloned()).collect())
    }

    async fn watch(&self, task_id: &str) -> Result<Watch> {
        Ok(watches::watch(&self.backend, task_id))
    }

    async fn forget(&self, task_ids: &[&str]) -> Result<()> {
        let mut state = self.backend.state();
        for id in task_ids {
            state.results.remove(id);
            state.watches.forget(id);
        }
        Ok(())
    }

    async fn save_group(&self, group_id: &str, group: Bytes, expires: Option<Duration>) -> Result<()> {
        self.backend.state().groups.set(group_id, group, expires);
        Ok(())
    }

    async fn get_group(&self, group_id: &str) -> Result<Option<Bytes>> {
        Ok(self.backend.state().groups.get(group_id).cloned())
    }

    async fn forget_group(&self, group_id: &str) -> Result<()> {
        self.backend.state().groups.remove(group_id);
        Ok(())
    }

    async fn set_chord_size(&self, group_id: &str, size: u64, expires: Option<Duration>) -> Result<()> {
        self.backend.state().set_chord_size(group_id, size, expires);
        Ok(())
    }
}
