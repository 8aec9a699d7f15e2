//! Remote control.

use celery_protocol::{
    Message,
    control::{ControlReply, ControlRequest, ReplyTo},
    serializer::Serializer,
};

use crate::{envelope, event::same, line::Line};

pub(crate) fn check_request(line: &Line) {
    let checked = envelope::check(line);
    let Some(body) = checked.body else {
        return;
    };
    let json = body.to_json().unwrap();
    let plain = envelope::plain_body(line, &checked.message);
    let message = Message { body: plain.into(), ..checked.message };
    let request = ControlRequest::from_message(&message).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!((&*request.method, request.clock > 0), (&*line.case, true), "{line}");
    assert_eq!(request.ticket.is_some(), line.case == "ping", "{line}");
    request.command().unwrap_or_else(|error| panic!("{line}: {error}"));
    same(line, &request.encode_body(), &json);
    if line.serializer() == Serializer::Json {
        envelope_again(line, request.to_message("celery").unwrap(), message);
    }
}

pub(crate) fn check_reply(line: &Line) {
    let checked = envelope::check(line);
    let Some(body) = checked.body else {
        return;
    };
    let json = body.to_json().unwrap();
    let plain = envelope::plain_body(line, &checked.message);
    let message = Message { body: plain.into(), ..checked.message };
    let reply = ControlReply::from_message(&message).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!((&*reply.node, reply.ticket.as_deref()), ("w1@host", Some("the-ticket")), "{line}");
    same(line, &reply.encode_body(), &json);
    if line.serializer() == Serializer::Json {
        let info = &message.properties.delivery_info;
        let to = ReplyTo { exchange: info.exchange.clone(), routing_key: info.routing_key.clone() };
        envelope_again(line, reply.to_message(&to).unwrap(), message);
    }
}

/// The message made here, with kombu's tag, is the one that kombu published.
fn envelope_again(line: &Line, mut ours: Message, theirs: Message) {
    ours.properties.delivery_tag = theirs.properties.delivery_tag;
    assert_eq!(envelope::utf8(&ours.to_envelope()), envelope::utf8(&line.payload), "{line}");
}
