//! Sends many tasks, and shows how far it is.
//!
//! ```text
//! cargo run --release -p celery-client --example send_many -- redis://localhost/0 100000 proj.add
//! ```

use std::time::Instant;

use celery_client::{Client, Signature};
use indicatif::{ProgressBar, ProgressStyle};

/// How many tasks are sent between two steps of the bar.
const CHUNK: u64 = 2_000;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "redis://localhost/0".to_owned());
    let count: u64 = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let task = arguments.next().unwrap_or_else(|| "proj.add".to_owned());
    let client = Client::builder(url).without_results().connect().await?;
    let style =
        ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} tasks, {per_sec}, {eta} left")?;
    let bar = ProgressBar::new(count).with_style(style);
    let start = Instant::now();
    while bar.position() < count {
        let from = bar.position();
        let to = count.min(from + CHUNK);
        let calls = (from..to).map(|n| Signature::new(&*task).args((n, 1)).ignore_result());
        for sent in client.send_all(calls).await {
            sent?;
        }
        bar.set_position(to);
    }
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    println!("{count} tasks in {seconds:.2} s: {:.0} tasks/s", count as f64 / seconds);
    Ok(())
}
