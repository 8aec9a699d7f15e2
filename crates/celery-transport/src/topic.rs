//! Which routing keys a binding takes.

/// Whether a binding to an exchange of that type, with the key `binding`, takes a message with `routing_key`.
///
/// Source: `kombu/transport/virtual/exchange.py: DirectExchange`, `TopicExchange`, `FanoutExchange`.
pub(crate) fn binding_takes(exchange_type: &str, binding: &str, routing_key: &str) -> bool {
    match exchange_type {
        "fanout" => true,
        "topic" => topic_matches(binding, routing_key),
        _ => binding == routing_key,
    }
}

/// Whether a topic binding with the key `binding` takes a message with `routing_key`. `*` is one word, `#` any text, and
/// the dots around them must be there.
///
/// Source: `kombu/transport/virtual/exchange.py: TopicExchange.key_to_pattern`.
pub(crate) fn topic_matches(binding: &str, routing_key: &str) -> bool {
    let (word, rest) = match binding.split_once('.') {
        Some((word, rest)) => (word, Some(rest)),
        None => (binding, None),
    };
    let follows = |text: &str| match rest {
        Some(rest) => text.strip_prefix('.').is_some_and(|text| topic_matches(rest, text)),
        None => text.is_empty(),
    };
    match word {
        "*" => {
            let end = routing_key.find('.').unwrap_or(routing_key.len());
            end > 0 && follows(&routing_key[end..])
        }
        "#" => routing_key
            .char_indices()
            .map(|(start, _)| start)
            .chain([routing_key.len()])
            .any(|start| follows(&routing_key[start..])),
        _ => routing_key.strip_prefix(word).is_some_and(follows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_keys() {
        for (binding, key, matches) in [
            ("a.*.c", "a.b.c", true),
            ("a.*.c", "a.b.b.c", false),
            ("a.*.c", "a..c", false),
            ("a.#", "a.b.c", true),
            ("a.#", "a", false),
            ("#", "", true),
            ("#.c", "a.b.c", true),
            ("#.c", "c", false),
            ("a.#.c", "a.b.x.c", true),
            ("a", "a.b", false),
            ("a.b", "a.b", true),
        ] {
            assert_eq!(topic_matches(binding, key), matches, "{binding} {key}");
        }
    }
}
