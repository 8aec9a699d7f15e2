//! What a RabbitMQ node gives a consumer that does nothing: so many deliveries a second, acknowledged in batches.
//!
//! `cargo run --release --example amqp_ceiling -- URL QUEUE COUNT PREFETCH` takes that many messages out of the queue and
//! prints the rate.

#![expect(clippy::print_stdout, reason = "the result of the program")]

use std::{error::Error, time::Instant};

use futures_util::StreamExt;
use lapin::{
    Connection, ConnectionProperties,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, queue, count, prefetch] = &words[..] else {
        return Err("usage: amqp_ceiling URL QUEUE COUNT PREFETCH".into());
    };
    let (count, prefetch): (u64, u16) = (count.parse()?, prefetch.parse()?);
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let (queue, options) = (queue.as_str().into(), BasicConsumeOptions::default());
    let mut deliveries = channel.basic_consume(queue, "".into(), options, FieldTable::default()).await?;
    // A quarter of what may be held is acknowledged with one frame: the broker never waits for it.
    let batch = u64::from(prefetch / 4).max(1);
    let (mut taken, mut since) = (0, None);
    while taken < count {
        let delivery = deliveries.next().await.ok_or("the consumer was cancelled")??;
        let since = *since.get_or_insert_with(Instant::now);
        taken += 1;
        if taken.is_multiple_of(batch) || taken == count {
            channel.basic_ack(delivery.delivery_tag, BasicAckOptions { multiple: true }).await?;
        }
        if taken == count {
            println!("{:.0}", count as f64 / since.elapsed().as_secs_f64());
        }
    }
    Ok(())
}
