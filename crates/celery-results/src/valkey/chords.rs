//! The side of those who complete chords.

use std::sync::LazyLock;

use async_trait::async_trait;
use celery_protocol::result::{ChordCleanup, ChordKeys, ChordPartReturn, ChordProgress, ClaimExtend};
use fred::{
    prelude::{KeysInterface, ListInterface, SortedSetsInterface},
    types::{Key, Value, scripts::Script},
};
use futures_util::future::join_all;

use super::{driver::Valkey, reply};
use crate::{ChordMembers, ChordPart, ChordStore, Result};

static PART: LazyLock<Script> = LazyLock::new(|| Script::from_lua(include_str!("scripts/chord_part.lua")));
static KEEP: LazyLock<Script> = LazyLock::new(|| Script::from_lua(include_str!("scripts/keep_claim.lua")));
static END: LazyLock<Script> = LazyLock::new(|| Script::from_lua(include_str!("scripts/end_chord.lua")));

impl Valkey {
    fn chord(&self, group_id: &str) -> ChordKeys {
        ChordKeys::new(&self.keys.group_name(group_id))
    }

    /// Runs a script on the keys of a chord.
    async fn run(&self, script: &Script, keys: &[&str], args: Vec<Value>) -> Result<Value> {
        Ok(self.connection.call(script, keys.iter().copied().map(Key::from).collect(), args).await?)
    }

    async fn count(&self, part: &ChordPart) -> Result<ChordProgress> {
        let keys = self.chord(&part.group_id);
        let call = ChordPartReturn {
            keys: &keys,
            task_id: &part.task_id,
            member: &part.member,
            ordered: self.chord_ordered,
            group_index: part.group_index,
            expiry: part.expiry,
            claim_expires: part.claim_seconds,
            claim_token: &part.token,
        };
        let args = call.args().map(|arg| Value::Bytes(arg.into_owned().into())).to_vec();
        let reply = self.run(&PART, &call.keys(), args).await?;
        let mut numbers = [None; 4];
        for (number, value) in numbers.iter_mut().zip(reply.into_array()) {
            *number = value.as_i64();
        }
        Ok(ChordPartReturn::progress(numbers))
    }

    async fn end(&self, group_id: &str, token: &str, seconds: u64) -> Result<bool> {
        let keys = self.chord(group_id);
        let call = ChordCleanup { keys: &keys, claim_token: token, done_expires: seconds };
        let args = call.args().map(Value::from).to_vec();
        let reply = self.run(&END, &call.keys(), args).await?;
        Ok(reply.as_i64().is_some_and(ChordCleanup::cleaned))
    }
}

#[async_trait]
impl ChordStore for Valkey {
    async fn count_parts(&self, parts: &[ChordPart]) -> Vec<Result<ChordProgress>> {
        // The client sends what is asked at the same time together.
        join_all(parts.iter().map(|part| self.count(part))).await
    }

    async fn add_to_chord(&self, group_id: &str) -> Result<()> {
        let key = self.chord(group_id).added;
        let _: Value = self.connection.client().incr(key).await.map_err(|error| self.error(&error))?;
        Ok(())
    }

    async fn chord_members(&self, group_id: &str) -> Result<ChordMembers> {
        let keys = self.chord(group_id);
        let client = self.connection.client();
        let members = async {
            if self.chord_ordered {
                client.zrange(&keys.members, 0, -1, None, false, None, false).await
            } else {
                client.lrange(&keys.members, 0, -1).await
            }
        };
        let (members, saved) = tokio::join!(members, client.get(&keys.group));
        let members: Vec<Value> = members.map_err(|error| self.error(&error))?;
        let saved: Value = saved.map_err(|error| self.error(&error))?;
        let members = members.into_iter().filter_map(reply::bytes).collect();
        Ok(ChordMembers { members, saved: reply::bytes(saved) })
    }

    async fn keep_claim(&self, group_id: &str, token: &str, seconds: u64) -> Result<bool> {
        let keys = self.chord(group_id);
        let call = ClaimExtend { keys: &keys, claim_token: token, expires: seconds };
        let args = call.args().map(Value::from).to_vec();
        let reply = self.run(&KEEP, &call.keys(), args).await?;
        Ok(reply.as_i64().is_some_and(ClaimExtend::holds))
    }

    async fn end_chord(&self, group_id: &str, token: &str, seconds: u64) -> Result<bool> {
        self.end(group_id, token, seconds.max(1)).await
    }

    async fn break_chord(&self, group_id: &str) -> Result<()> {
        let size = self.chord(group_id).size;
        self.connection.client().del(size).await.map_err(|error| self.error(&error))
    }

    async fn release_claim(&self, group_id: &str, token: &str) -> Result<()> {
        self.end(group_id, token, 0).await.map(|_| ())
    }
}
