//! Shows the workers that are online and what they do.
//!
//! ```text
//! cargo run -p celery-client --example workers -- redis://localhost/0
//! ```

use celery_client::Client;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example")]
async fn main() -> celery_client::Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://localhost/0".to_owned());
    let client = Client::builder(url).without_results().connect().await?;
    let mut active = client.workers().active().await?;
    for (node, stats) in client.workers().stats().await? {
        let stats = stats?;
        let pool = stats.pool.unwrap_or_default();
        println!("{node}: {} slots", pool.max_concurrency.unwrap_or_default());
        for (task, count) in stats.total {
            println!("    {count:>6} {task}");
        }
        for task in active.remove(&node).transpose()?.unwrap_or_default() {
            println!("    runs {} {}", task.name, task.id);
        }
    }
    Ok(())
}
