//! What is measured, on captured bytes.

use std::{error::Error, hint::black_box};

use celery_protocol::{Body, Message, StoredMeta, TaskHeaders, event::Event};

const TASK: &[u8] = include_bytes!("../../fixtures/envelope/task.json");
const EVENT: &[u8] = include_bytes!("../../fixtures/event/task-received.json");
const RESULT: &[u8] = include_bytes!("../../fixtures/result/plain/success.json");

/// Does an operation once.
pub(crate) type Run = Box<dyn Fn() -> Result<(), Box<dyn Error>>>;

/// Something that a worker does for each task.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// What is on the wire.
    pub(crate) bytes: usize,
    pub(crate) run: Run,
}

/// All operations.
pub(crate) fn all() -> Result<Vec<Operation>, Box<dyn Error>> {
    let message = Message::from_envelope(TASK)?;
    let headers = TaskHeaders::decode(message.headers.get())?;
    let event = Event::decode(EVENT)?;
    let result = StoredMeta::decode(RESULT)?;
    Ok(vec![
        operation("decode task", TASK, || decode_task(black_box(TASK))),
        operation("encode task", TASK, move || encode_task(black_box(&message), black_box(&headers))),
        operation("decode event", EVENT, || {
            black_box(Event::decode(black_box(EVENT))?);
            Ok(())
        }),
        operation("encode event", EVENT, move || {
            black_box(black_box(&event).encode());
            Ok(())
        }),
        operation("decode result", RESULT, || {
            black_box(StoredMeta::decode(black_box(RESULT))?);
            Ok(())
        }),
        operation("encode result", RESULT, move || {
            black_box(black_box(&result).as_meta().encode());
            Ok(())
        }),
    ])
}

fn operation(
    name: &'static str,
    wire: &[u8],
    run: impl Fn() -> Result<(), Box<dyn Error>> + 'static,
) -> Operation {
    Operation { name, bytes: wire.len(), run: Box::new(run) }
}

/// As the worker does it: the arguments stay text.
fn decode_task(raw: &[u8]) -> Result<(), Box<dyn Error>> {
    let message = Message::from_envelope(raw)?;
    let headers = TaskHeaders::decode(message.headers.get())?;
    let body = Body::split(std::str::from_utf8(&message.body)?)?;
    black_box((&headers, &body));
    Ok(())
}

/// As a client does it that has the arguments as text.
fn encode_task(message: &Message, headers: &TaskHeaders) -> Result<(), Box<dyn Error>> {
    let mut body = Vec::new();
    Body::split(std::str::from_utf8(&message.body)?)?.write(&mut body);
    let headers = serde_json::value::RawValue::from_string(String::from_utf8(headers.encode())?)?;
    let properties = message.properties.clone();
    let message = Message::new(headers, properties, body.into(), "application/json", "utf-8");
    black_box(message.to_envelope());
    Ok(())
}
