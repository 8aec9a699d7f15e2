//! The driver for Valkey and Redis 6.2 or later, wire compatible with kombu's Redis transport.
//!
//! The keys are kombu's: a list per queue and priority step, `unacked` and `unacked_index` for what is delivered and not
//! settled, `_kombu.binding.<exchange>` for routing. Stock workers and producers share them. Four keys are ours, under
//! `global_keyprefix` like all others:
//!
//! | key | type | meaning |
//! |---|---|---|
//! | `celery-oxide.workers` | sorted set | worker id -> unix time (of the server) at which its lease ends |
//! | `celery-oxide.worker.<id>` | hash | delivery tag -> the list that the message came from; for one from a sorted set a zero byte, the queue, a zero byte and the message's own tag |
//! | `celery-oxide.parked` | sorted set | a parked message (delivery tag, zero byte, list; or as above) -> unix time at which it is due |
//! | `celery-oxide.steady` | string | three unix times that say what the server has heard from workers; `renew.lua` |
//!
//! A message goes from its list into `unacked`, `unacked_index` and the lease of its worker in one script, so there is no
//! moment at which a crash loses it. A live worker renews its lease and the scores of what it holds, so neither a stock
//! worker's visibility timeout nor ours runs a long task twice. A dead worker's lease ends, and the next tick of any
//! other worker, or one that starts, puts its messages back; not after an outage, when the leases of all have ended.
//!
//! Delivery tags are made for each delivery and used once. A stock worker books under the tag in the envelope, so neither
//! another copy of a message nor the same one in its hands later is ever taken for ours.
//!
//! What is for later can be parked: it leaves its worker, and any worker puts it back into its queue when it is due. See
//! `parking.rs`.
//!
//! Waiting costs nothing: a fetch that found too little has the server track the lists (`CLIENT TRACKING`), and a push
//! to one of them sends one invalidation, which names it: only there the next fetch looks. A question every ten seconds
//! covers what can be missed (`FLUSHALL`). One push tells all who wait; `herd.rs` says how they do not all run.
//!
//! # Sorted sets
//!
//! celery-redis-plus 0.4 and celery-asyncio 6.0a6 keep a queue in other keys, which are read as well, in the same fetch:
//!
//! | key | type | meaning |
//! |---|---|---|
//! | `queue:<queue>` | sorted set | delivery tag -> `(255 - priority) * 10^13 + milliseconds`: the lowest is served first |
//! | `message:<tag>` | hash | `payload`, `routing_key`, `priority`, `native_delayed`, `eta`, `delivery_count`; ours: `celery-oxide.score` |
//! | `messages_index:<queue>` | sorted set | delivery tag -> unix time at which somebody has to look after the message |
//! | `_kombu.binding.<exchange>` | sorted set | binding -> unix time until which it holds |
//!
//! What is taken leaves the queue, and its score in the index is kept minutes ahead, so the other kind of worker restores it
//! only when no worker of ours is left. With a `valkey://` URL tasks are published into them; bindings stay sets.
//!
//! # Fanout exchanges
//!
//! A channel for kombu, and a stream under the same name for celery-redis-plus and celery-asyncio, `/{db}.<exchange>`. Both
//! are heard on one connection; streams are written where something hints at their readers. See `streams.rs`.
//!
//! # Deliveries
//!
//! Counted in the header `x-delivery-count` of what comes from lists, and in `delivery_count` for sorted sets. What was
//! delivered `delivery_limit` times goes to the list (or sorted set) of a dead-letter queue instead of its own: `dead.rs`.
//!
//! # What a task costs
//!
//! For a fetch of `n` messages from `q` queues with `p` priority steps, acknowledged in one batch:
//!
//! | | round trips | commands run by the server |
//! |---|---|---|
//! | fetch, lists | 1 | `EVALSHA`, `TIME`, `ZADD` (lease), `q` `ZRANGE`, up to `2pq` `RPOP`, and for each 1000 messages `ZADD`, 2 `HSET`; `EXISTS` when it ran dry. After a push: one `ZRANGE` or `RPOP` for each key that it went to |
//! | fetch, sorted sets | 1 | the same, `ZREM`, and for each message `HMGET`, 2 `HSET`, `ZADD` |
//! | settle, acks | 1 | `EVALSHA`, and for each 1000 messages `HMGET`, `ZREM`, 2 `HDEL`; for sorted sets 2 `ZREM`, `DEL`, `HDEL` |
//! | settle, park | 1 | `EVALSHA`, `TIME`, and 5 for each message; `EVALSHA`, `TIME`, 2, and 5 for each message to let go of up to 512 |
//! | settle, give back | 1 for each 1024, and 2 for each 128 or 4 MiB | `HSTRLEN` for each message; 2 `HMGET`, `EVALSHA`, `TIME`, and 6 for each message. For sorted sets one round trip more, with `HGET` for each message |
//! | publish, default exchange | 1 | one `LPUSH` for each run of messages to the same list; into sorted sets `EVAL`, `TIME`, and 3 for each message |
//! | publish, other exchanges | 2 | one `SMEMBERS` for each exchange before that |
//! | publish, fanout | 1 | `PUBLISH`, and `XADD` where streams are read; else `EXISTS` every 30 s |
//! | hear a stream | 1 for each 256 | `XREAD`, after an invalidation and every 30 s |
//! | ask | 1 + 2 for each burst of replies | `PUBLISH`; `BRPOP` and `RPOP`; before and after it `EVALSHA` for the queue of replies |
//! | idle | 1.1 a second | about 4 a second: every 5 s 9 commands for the lease, `q + 2` for what is due and 4 for what is parked; a `PING` every 2 s, an `EXISTS` every 10 s |
//!
//! So with 256 messages a fetch from one queue: 2/256 round trips and about 0.06 commands a task. Copies of a message
//! between the socket and [`Message`](celery_protocol::Message): the reply is cut out of the read buffer without a copy;
//! decoding copies the headers and decodes base64 into the body. Nothing keeps the raw bytes: what is given back is read
//! again from `unacked`.

mod acknowledger;
mod asker;
mod batches;
mod bindings;
mod consumer;
mod dead;
mod declare;
mod driver;
mod due;
mod failure;
mod fetch;
mod give_back;
mod held;
mod herd;
mod keys;
mod lease;
mod look;
mod options;
mod origin;
mod parking;
mod publisher;
mod ranking;
mod reconcile;
mod reply;
mod script;
mod session;
mod sorted;
mod stream_reader;
mod streams;
mod subscription;
mod triple;
mod visibility;
mod wake;

pub use celery_valkey::{SCHEMES, hide_password, is_ours};
pub use driver::Valkey;
