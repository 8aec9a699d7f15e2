//! A chord, one part of which has ended: counting it, and sending the body or failing it when it was the last.

use celery_protocol::canvas::{Options, Signature};
use celery_protocol::result::{ChordExpiry, ChordMember, ChordProgress, ResultTree, SavedGroup};
use celery_protocol::serializer::Serializer;
use celery_protocol::{ExceptionInfo, State, StoredMeta, Value};
use celery_results::{ChordMembers, ChordPart, ResultBackend};
use celery_worker::Parent;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::ended::{Cause, Fate, Member, repr};
use super::host::NativeHost;
use super::patience::persist;

/// How long the claim holds while the body is on its way to the broker, in seconds.
const WHILE_SENDING: u64 = 120;

/// Why the body of a chord is not sent.
#[derive(Debug)]
struct Broken {
    /// What is stored of the body.
    text: String,
    /// What the part failed with that broke it.
    original: Option<ExceptionInfo>,
    /// Whether what the parts left is forgotten: they gave what they should, and the body could not be sent.
    forgotten: bool,
}

impl Broken {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), original: None, forgotten: false }
    }

    fn by_part(id: &str, result: &str) -> Self {
        let original = ExceptionInfo::decode(result).ok();
        let shown = original.as_ref().map_or_else(|| result.to_owned(), repr);
        Self { original, ..Self::new(format!("Dependency {id} raised {shown}")) }
    }
}

impl NativeHost {
    /// Counts a part that ended in `state` with `result`, JSON; of the last one, sends the body or fails it.
    pub(super) fn return_part<'a>(
        &'a self,
        cause: Cause<'a>,
        member: &'a Member,
        state: &'a State,
        result: &str,
    ) -> BoxFuture<'a, ()> {
        let encoded = ChordMember::new(&member.id, state.clone(), result).encode();
        Box::pin(async move {
            let (Some(results), Some(sender)) = (self.results(), self.sender()) else { return };
            let (Some(group), Some(body)) = (&member.group, &member.chord) else { return };
            let known = sender.known();
            let token = Uuid::new_v4().simple().to_string();
            let part = ChordPart::new(&**group, &*member.id, encoded.into(), member.index, &*token)
                .kept(known.chord_expiry, known.chord_claim);
            let counted = persist("count the part of a chord", || async {
                let answers = results.count_parts(std::slice::from_ref(&part)).await;
                answers.into_iter().next().unwrap_or(Ok(ChordProgress::Unsized))
            });
            if !matches!(counted.await, Some(ChordProgress::Complete { .. })) {
                return;
            }
            if let Err(broken) = self.complete(cause, group, &token, body, &**results).await {
                tracing::error!("Chord '{group}' raised: ChordError({:?})", broken.text);
                self.fail_body(cause, body, &broken.text, broken.original).await;
                if !broken.forgotten {
                    persist("forget the size of a chord", || results.break_chord(group)).await;
                    return;
                }
            }
            let done = ChordExpiry::done(known.chord_claim);
            persist("end a chord", || results.end_chord(group, &token, done)).await;
        })
    }

    /// Sends the body of a chord whose parts have all ended.
    async fn complete(
        &self,
        cause: Cause<'_>,
        group: &str,
        token: &str,
        body: &Signature,
        results: &dyn ResultBackend,
    ) -> Result<(), Broken> {
        let members = persist("read the parts of a chord", || results.chord_members(group)).await;
        let members = members.ok_or_else(|| Broken::new("Join error: the result store refuses"))?;
        let values = match &members.saved {
            Some(saved) => self.joined(saved, results).await?,
            None => values(&members)?,
        };
        if persist("keep a chord", || results.keep_claim(group, token, WHILE_SENDING)).await != Some(true) {
            tracing::warn!(
                "Chord callback for '{group}' not published: dispatch claim is no longer owned by this worker"
            );
            return Ok(());
        }
        let Some(sender) = self.sender() else { return Ok(()) };
        let parent = Parent::new(cause.headers, cause.priority);
        // Published at once: the chord is forgotten when the broker has its body.
        let sent = sender.send(None, parent, body, &[values], Options::default()).await;
        let unsent = |error| Broken { forgotten: true, ..Broken::new(format!("Callback error: {error}")) };
        sent.map(drop).map_err(unsent)
    }

    /// The results of a header that has groups in it, in their shape (`celery/result.py: GroupResult.join`).
    async fn joined(&self, saved: &[u8], results: &dyn ResultBackend) -> Result<Value, Broken> {
        let unreadable = |error: celery_protocol::Error| Broken::new(format!("Join error: {error}"));
        let saved = SavedGroup::decode(saved, Serializer::Json).map_err(unreadable)?;
        let ids = saved.result.task_ids();
        let stored = persist("read the parts of a chord", || results.get(&ids)).await.unwrap_or_default();
        let mut values = Vec::with_capacity(ids.len());
        for (id, meta) in ids.iter().zip(stored) {
            let Some(meta) = meta else {
                return Err(Broken::new(format!("Join error: the result of {id} is not there")));
            };
            let meta = StoredMeta::decode(&meta).map_err(unreadable)?;
            if matches!(meta.status, State::Failure | State::Revoked) {
                return Err(Broken::by_part(id, &meta.result));
            }
            values.push(Value::from_json(&meta.result).map_err(unreadable)?);
        }
        Ok(shaped(&saved.result, &mut values.into_iter()))
    }

    /// Fails the body of a chord, with whatever waits for it (`Backend.chord_error_from_stack`,
    /// `_handle_group_chord_error`).
    pub(super) async fn fail_body(
        &self,
        cause: Cause<'_>,
        body: &Signature,
        text: &str,
        original: Option<ExceptionInfo>,
    ) {
        // As upstream's, which stores the body with the children of the task that broke the chord: its error links.
        let mut children = Vec::new();
        let with = |mut fate: Fate, children: &[ResultTree]| {
            fate.children = (!children.is_empty()).then(|| ResultTree::encode_list(children));
            fate
        };
        let fate = Fate::chord_error(text);
        if body.task() == "celery.group" {
            let own = original.map_or_else(|| fate.clone(), Fate::failed);
            for task in body.tasks() {
                let (task, linked) = result_errbacks(task);
                let Some(member) = Member::of_signature(task) else { continue };
                let mut errbacks = Vec::new();
                for errback in linked.iter().chain(body.options().signatures("link_error")) {
                    if !errbacks.contains(errback) {
                        errbacks.push(errback.clone());
                    }
                }
                children.extend(self.send_errbacks(cause, &member.id, &member.id, errbacks).await);
                self.store(&member, &with(own.clone(), &children)).await;
            }
        } else {
            let mut body = body.clone();
            if body.id().is_none() {
                body.options_mut().set("task_id", Uuid::new_v4().to_string());
            }
            if let Some(member) = Member::of_signature(&body) {
                let errbacks = body.options().signatures("link_error").to_vec();
                children.extend(self.send_errbacks(cause, &member.id, &member.id, errbacks).await);
                self.store(&member, &with(fate.clone(), &children)).await;
            }
        }
        self.fail_chain(cause, body.options().signatures("chain"), &fate, true).await;
    }
}

/// What has the result of `signature`, and the error links of that result (`celery/backends/base.py: _result_errbacks`):
/// of a chord its body, and those of both.
fn result_errbacks(signature: &Signature) -> (&Signature, Vec<Signature>) {
    let (mut signature, mut errbacks) = (signature, Vec::new());
    while let Some(body) = signature.body() {
        errbacks.extend_from_slice(signature.options().signatures("link_error"));
        signature = body;
    }
    errbacks.extend_from_slice(signature.options().signatures("link_error"));
    if signature.task() == "celery.group" {
        errbacks.extend(signature.tasks().iter().flat_map(|task| result_errbacks(task).1));
    }
    (signature, errbacks)
}

/// The results of the parts of a chord, in their order (`RedisBackend._unpack_chord_result`).
fn values(members: &ChordMembers) -> Result<Value, Broken> {
    let unreadable = |error: celery_protocol::Error| Broken::new(format!("Join error: {error}"));
    let mut values = Vec::with_capacity(members.members.len());
    for payload in &members.members {
        let member = ChordMember::decode(payload).map_err(unreadable)?;
        if matches!(member.state, State::Failure | State::Revoked) {
            return Err(Broken::by_part(&member.task_id, &member.result));
        }
        values.push(Value::from_json(&member.result).map_err(unreadable)?);
    }
    Ok(Value::List(values))
}

/// Values in the shape of a group.
fn shaped(tree: &ResultTree, values: &mut impl Iterator<Item = Value>) -> Value {
    match &tree.children {
        Some(children) => Value::List(children.iter().map(|child| shaped(child, values)).collect()),
        None => values.next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_take_the_shape_of_their_group() {
        let inner = ResultTree::group("g", vec![ResultTree::task("b"), ResultTree::task("c")]);
        let tree = ResultTree::group("h", vec![ResultTree::task("a"), inner]);
        let mut values = [1, 2, 3].into_iter().map(Value::from);
        assert_eq!(shaped(&tree, &mut values).to_json().unwrap(), "[1, [2, 3]]");
    }

    #[test]
    fn the_first_part_that_failed_is_named() {
        let mut members = ChordMembers::default();
        members.members = vec![
            r#"[1, "a", "SUCCESS", 4]"#.into(),
            r#"[1, "b", "FAILURE", {"exc_type": "ValueError", "exc_message": ["no"], "exc_module": "builtins"}]"#
                .into(),
        ];
        let broken = values(&members).unwrap_err();
        assert_eq!(broken.text, "Dependency b raised ValueError('no')");
    }
}
