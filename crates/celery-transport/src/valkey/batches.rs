//! Batches of messages that are bounded in bytes.

use celery_valkey::Connection;
use fred::{
    prelude::HashesInterface,
    types::{Key, Value},
};

use crate::Result;

/// How many messages there are in one at most.
const COUNT: usize = 128;
/// How many bytes, unless one message alone is larger: a script holds up all clients of the server while it runs.
const BYTES: usize = 4 << 20;
/// How many sizes are asked for at once.
const SIZES: usize = 1024;

/// How many batches of small messages there are.
pub(super) fn count(messages: usize) -> usize {
    messages.div_ceil(COUNT)
}

/// Cuts `items` into batches by the sizes that their tags have in `unacked`. One round trip for each 1024.
pub(super) async fn batches<'a, T>(
    connection: &Connection,
    unacked: &Key,
    items: &'a [T],
    tag: impl Fn(&T) -> &str,
) -> Result<Vec<&'a [T]>> {
    let mut batches = Vec::with_capacity(count(items.len()));
    for items in items.chunks(SIZES) {
        let pipeline = connection.client().pipeline();
        for item in items {
            // A command of a pipeline is only written down here: its answer comes with the others.
            let _: std::result::Result<(), _> = pipeline.hstrlen(unacked, tag(item)).await;
        }
        let mut sizes = Vec::with_capacity(items.len());
        for size in pipeline.try_all::<Value>().await {
            sizes.push(size.map_err(|error| connection.error(&error))?.as_usize().unwrap_or_default());
        }
        cut(items, &sizes, &mut batches);
    }
    Ok(batches)
}

fn cut<'a, T>(items: &'a [T], sizes: &[usize], batches: &mut Vec<&'a [T]>) {
    let (mut start, mut bytes) = (0, 0);
    for (index, size) in sizes.iter().enumerate() {
        if index > start && (index - start == COUNT || bytes + size > BYTES) {
            batches.push(&items[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    if start < items.len() {
        batches.push(&items[start..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_too_many_nor_too_large() {
        let lengths = |sizes: &[usize]| {
            let (items, mut batches) = (vec![(); sizes.len()], Vec::new());
            cut(&items, sizes, &mut batches);
            batches.into_iter().map(<[()]>::len).collect::<Vec<_>>()
        };
        assert_eq!(lengths(&[1; 300]), [128, 128, 44]);
        assert_eq!(lengths(&[1 << 20; 9]), [4, 4, 1]);
        assert_eq!(lengths(&[1, 5 << 20, 1, 1]), [1, 1, 2]);
        assert_eq!(lengths(&[9 << 20]), [1]);
        assert!(lengths(&[]).is_empty());
    }
}
