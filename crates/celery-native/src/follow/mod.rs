//! What the end of a task concerns besides its own result, where it is more than sending what follows a success: the
//! chord that it was a part of, the rest of its chain, its error links.
//!
//! As `celery/backends/base.py: Backend.mark_as_failure, _fail_chain, _call_task_errbacks, chord_error_from_stack` and
//! `celery/backends/redis.py: RedisBackend.on_chord_part_return` of Celery 5.7.
//!
//! | file | what it knows |
//! |---|---|
//! | `host.rs` | what the engine leaves to the program around it |
//! | `ended.rs` | a task that has ended, and what is stored of it |
//! | `failing.rs` | whom a failure concerns |
//! | `chord.rs` | a chord, one part of which has ended |
//! | `patience.rs` | asking a store that is away again |

mod chord;
mod ended;
mod failing;
mod host;
mod patience;

pub(crate) use host::NativeHost;
