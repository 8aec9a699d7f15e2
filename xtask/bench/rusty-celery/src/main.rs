//! `rusty-celery-bench send URL COUNT` queues tasks that do nothing; `rusty-celery-bench work URL` runs them.

use celery::prelude::*;

#[celery::task(name = "bench.noop")]
async fn noop() -> TaskResult<()> {
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().collect();
    let (what, url) = (&*words[1], words[2].clone());
    let app = celery::app!(
        broker = RedisBroker { url },
        tasks = [noop],
        task_routes = ["*" => "rusty"],
        prefetch_count = 1000,
        heartbeat = None,
    )
    .await?;
    if what == "send" {
        for _ in 0..words[3].parse::<usize>()? {
            app.send_task(noop::new()).await?;
        }
        return Ok(());
    }
    app.consume_from(&["rusty"]).await?;
    Ok(())
}
