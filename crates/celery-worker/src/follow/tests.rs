//! What is sent after a task, and what is left to the app.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use celery_executor::Kind;
use celery_protocol::canvas::{Encoding, Options, Signature, Step, chain, chord};
use celery_protocol::{Body, TaskHeaders, Value};
use celery_results::ChordMembers;
use celery_scheduler::Zone;
use celery_transport::{DeliveryTag, Queue};
use serde_json::json;

use super::*;
use crate::TaskSpec;
use crate::in_flight::InFlight;

const NOW: SystemTime = UNIX_EPOCH;

fn encoding() -> Encoding {
    Encoding::json("gen1@host", "reply")
}

fn follower(change: impl FnOnce(&mut Following)) -> Follower {
    let mut known = Following::new(encoding());
    known.unrouted = Some(Target::new(Queue::named("celery")));
    known.queues.insert("fast".to_owned(), Queue::named("fast"));
    change(&mut known);
    Follower::new(Arc::new(known), Zone::default(), &[Queue::named("celery")])
}

/// The first message of a canvas, as if a worker had it.
fn first_of(canvas: &Signature) -> InFlight {
    let mut number = 0;
    let mut ids = || {
        number += 1;
        format!("id-{number}")
    };
    let plan = canvas.plan_with(&[], &[], Options::default(), &mut ids, "reply").unwrap();
    let call = plan.steps.into_iter().find_map(|step| match step {
        Step::Send(call) => Some(call),
        _ => None,
    });
    let message = call.unwrap().message(&encoding()).unwrap();
    InFlight {
        tag: DeliveryTag("tag".into()),
        headers: TaskHeaders::decode(message.headers.get()).unwrap(),
        spec: Arc::new(TaskSpec::new("first", Kind::Async)),
        message: Arc::new(message),
        started: None,
        acked: false,
    }
}

fn headers_of(sending: &Sending) -> TaskHeaders {
    TaskHeaders::decode(sending.publications[0].message.headers.get()).unwrap()
}

#[test]
fn the_next_step_of_a_chain() {
    let next = Signature::new("next").arg(5).option("queue", "fast").option("countdown", 10);
    let first = first_of(&chain([Signature::new("first"), next, Signature::new("last")]));
    let mut follower = follower(|_| ());
    let sending = follower.after(&first, "4", NOW).unwrap();
    assert_eq!((sending.publications.len(), sending.children.len()), (1, 1));
    assert_eq!(&*sending.publications[0].routing_key, "fast");
    let headers = headers_of(&sending);
    assert_eq!(&*headers.task, "next");
    assert_eq!(headers.parent_id.as_deref(), Some(&*first.headers.id));
    assert_eq!(headers.root_id.as_deref(), Some(&*first.headers.id));
    assert_eq!(headers.eta.as_deref(), Some("1970-01-01T00:00:10+00:00"));
    assert_eq!(headers.argsrepr.as_deref(), Some("(4, 5)"));
    let body = std::str::from_utf8(&sending.publications[0].message.body).unwrap();
    let body = Body::split(body).unwrap();
    assert_eq!(body.args, "[4, 5]");
    assert!(body.embed.chain.is_some_and(|chain| chain.contains("\"last\"")), "{:?}", body.embed.chain);
    // Its queue is declared once it is used, and once.
    assert_eq!(follower.not_declared(sending.queues).len(), 1);
    assert!(follower.after(&first, "4", NOW).unwrap().queues.is_empty());
}

#[test]
fn a_task_that_nothing_follows() {
    let first = first_of(&Signature::new("first"));
    let follower = follower(|_| ());
    assert!(follower.after(&first, "4", NOW).unwrap().publications.is_empty());
    assert!(follower.part(&first, "4").is_none());
}

#[test]
fn the_priority_of_what_follows() {
    let next = Signature::new("next");
    let body = Signature::new("body");
    for (inherits, wanted) in [(false, None), (true, Some(7))] {
        let follower = follower(|known| known.inherits_priority = inherits);
        let priority = |sending: &Sending| sending.publications[0].message.properties.priority;
        let first = first_of(&chain([Signature::new("first").option("priority", 7), next.clone()]));
        assert_eq!(priority(&follower.after(&first, "4", NOW).unwrap()), wanted);
        let part = first_of(&chord([Signature::new("first").option("priority", 7)], body.clone()));
        let members = ChordMembers::default();
        assert_eq!(priority(&follower.body(&part, &members, NOW).unwrap()), wanted);
    }
}

#[test]
fn the_body_of_a_chord() {
    let part = first_of(&chord([Signature::new("first"), Signature::new("first")], Signature::new("body")));
    let follower = follower(|_| ());
    let (counted, claim) = follower.part(&part, "4").unwrap();
    assert_eq!((&*counted.task_id, counted.group_index), (&*part.headers.id, Some(0)));
    assert_eq!((&counted.group_id, &counted.token), (&claim.group_id, &claim.token));
    let mut members = ChordMembers::default();
    members.members = vec![counted.member, r#"[1, "other", "SUCCESS", {"a": [null]}]"#.into()];
    let sending = follower.body(&part, &members, NOW).unwrap();
    let body = std::str::from_utf8(&sending.publications[0].message.body).unwrap();
    assert_eq!(Body::split(body).unwrap().args, r#"[[4, {"a": [null]}]]"#);
    assert_eq!(headers_of(&sending).parent_id.as_deref(), Some(&*part.headers.id));

    // What went wrong, or has groups in it, is for the app.
    members.members.push(r#"[1, "third", "FAILURE", {"exc_type": "ValueError"}]"#.into());
    assert!(follower.body(&part, &members, NOW).is_err());
    members.members.pop();
    members.saved = Some("{}".into());
    assert!(follower.body(&part, &members, NOW).is_err());
}

#[test]
fn what_only_the_app_can_send() {
    let next = || Signature::new("next");
    let takes_one = Takes { positional: vec![("a".to_owned(), false)], ..Takes::default() };
    let mut typed = Target::new(Queue::named("celery"));
    typed.takes = Some(takes_one);
    let follower = follower(|known| {
        known.left_to_host.insert("left".into());
        known.targets.insert("typed".into(), typed);
    });
    let date = json!({"__type__": "date", "__value__": "2026-11-25"});
    for (odd, signature) in [
        ("its sending is the app's", Signature::new("left")),
        ("an unknown queue", next().option("queue", "elsewhere")),
        ("an option that is not honoured", next().option("retry_policy", Value::Map(Vec::new()))),
        ("a moment at which it expires", next().option("expires", "2026-11-25T00:00:00+00:00")),
        ("an argument too many", Signature::new("typed").arg(1)),
        ("a typed value", next().arg(date)),
    ] {
        let first = first_of(&chain([Signature::new("first"), signature]));
        assert!(follower.after(&first, "4", NOW).is_err(), "{odd}");
    }
    let first = first_of(&chain([Signature::new("first"), Signature::new("typed")]));
    assert!(follower.after(&first, "4", NOW).is_ok());
}

#[test]
fn how_long_chords_are_kept() {
    assert_eq!(follower(|_| ()).chord_expires(), None);
    let follower = follower(|known| known.chord_expiry.parts = 60);
    assert_eq!(follower.chord_expires(), Some(Duration::from_secs(60)));
}
