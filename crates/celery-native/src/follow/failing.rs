//! Whom a failure concerns: the chord, the steps that will not come, the error links.

use std::collections::VecDeque;

use celery_protocol::canvas::{Options, Signature, group};
use celery_protocol::result::ResultTree;
use celery_protocol::{ResultMeta, State, StoredMeta, Value};
use celery_results::StoreResult;
use celery_worker::Parent;
use futures_util::future::BoxFuture;

use super::ended::{Cause, Fate, Member};
use super::host::NativeHost;
use super::patience::persist;

impl NativeHost {
    /// Stores the state of one task.
    pub(super) async fn store(&self, member: &Member, fate: &Fate) {
        let result = fate.exception.encode();
        let mut meta = ResultMeta::new(&member.id, fate.state.clone(), &result);
        meta.traceback = fate.traceback.as_deref();
        meta.children = fate.children.as_deref();
        self.store_meta(member, meta).await;
    }

    /// Stores a result, dated and with the relatives of its task.
    pub(super) async fn store_meta(&self, member: &Member, mut meta: ResultMeta<'_>) {
        let (Some(results), Some(sender)) = (self.results(), self.sender()) else { return };
        let date_done = sender.date_done();
        meta.date_done = Some(&date_done);
        meta.group_id = member.group.as_deref();
        meta.parent_id = member.parent.as_deref();
        let stored = StoreResult::new(&*member.id, meta.encode().into(), self.expires());
        let batch = [stored.answering(member.reply.clone())];
        persist("store a failure", || results.store(&batch)).await;
    }

    /// Fails the steps that will not come (`Backend._fail_chain`): the last of them is what somebody waits for.
    pub(super) fn fail_chain<'a>(
        &'a self,
        cause: Cause<'a>,
        chain: &[Signature],
        fate: &'a Fate,
        store: bool,
    ) -> BoxFuture<'a, ()> {
        let mut steps: VecDeque<Signature> = chain.iter().cloned().collect();
        Box::pin(async move {
            while let Some(step) = steps.pop_front() {
                if let Some(member) = Member::of_signature(&step) {
                    let failed = member.chord.is_some() && self.has_failed(&member.id).await;
                    if store {
                        let own = Fate { children: None, ..fate.clone() };
                        self.store(&member, &own).await;
                    }
                    if member.chord.is_some() && !failed {
                        self.return_part(cause, &member, &fate.state, &fate.exception.encode()).await;
                    }
                }
                // A chord among the steps is done when its body is.
                steps.extend(step.body().cloned());
            }
        })
    }

    async fn has_failed(&self, id: &str) -> bool {
        let Some(results) = self.results() else { return false };
        let stored = persist("read a state", || results.get(std::slice::from_ref(&id))).await;
        let stored = stored.unwrap_or_default().into_iter().flatten().next();
        let meta = stored.and_then(|meta| StoredMeta::decode(&meta).ok());
        meta.is_some_and(|meta| matches!(meta.status, State::Failure | State::Revoked))
    }

    /// Sends the error links of the task `id`, as a worker does that does not know them: they are called with its id
    /// (`Backend._call_task_errbacks`). Gives what the task in whose name it is done has as children for them.
    pub(super) async fn send_errbacks(
        &self,
        cause: Cause<'_>,
        id: &str,
        root: &str,
        errbacks: Vec<Signature>,
    ) -> Vec<ResultTree> {
        let Some(sender) = self.sender().filter(|_| !errbacks.is_empty()) else { return Vec::new() };
        let mut options = Options::default();
        options.set("parent_id", id);
        options.set("root_id", root);
        let parent = Parent::new(cause.headers, cause.priority);
        let sent = sender.send(cause.job, parent, &group(errbacks), &[Value::from(id)], options).await;
        match sent {
            Ok(sent) => sent.children,
            Err(error) => {
                tracing::error!("Cannot send the error links of {id}: {error}");
                Vec::new()
            }
        }
    }
}
