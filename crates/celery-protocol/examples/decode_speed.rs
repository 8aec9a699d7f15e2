//! Measures how long one task message takes to decode, as a worker decodes it.

use std::{
    error::Error,
    hint::black_box,
    io::Write,
    time::{Duration, Instant},
};

use celery_protocol::{Body, Message, TaskHeaders};

const RAW: &[u8] = include_bytes!("../fixtures/envelope/task.json");
const ROUNDS: u32 = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let mut best = Duration::MAX;
    for _ in 0..400 {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            let message = Message::from_envelope(black_box(RAW))?;
            let headers = TaskHeaders::decode(message.headers.get())?;
            let text = std::str::from_utf8(&message.body)?;
            let body = Body::split(text)?;
            black_box((&headers, &body));
        }
        best = best.min(start.elapsed() / ROUNDS);
    }
    writeln!(std::io::stdout(), "{} bytes decoded in {} ns", RAW.len(), best.as_nanos())?;
    Ok(())
}
