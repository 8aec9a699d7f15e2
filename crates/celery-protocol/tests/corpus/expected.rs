//! What the corpus must hold, so that nothing is passed because it is not there.

use std::collections::BTreeMap;

use crate::line::Line;

const SERIALIZERS: [&str; 4] = ["json", "msgpack", "yaml", "pickle"];
const COMPRESSIONS: [&str; 6] = ["none", "gzip", "bzip2", "lzma", "brotli", "zstd"];

/// How many objects there are in JSON without compression.
const CASES: [(&str, usize); 13] = [
    ("task", 19),
    ("task_v1", 2),
    ("task_hybrid", 1),
    ("task_restored", 1),
    ("message", 1),
    ("result", 17),
    ("group", 3),
    ("chord_member", 4),
    ("key", 56),
    ("event", 12),
    ("event_multi", 1),
    ("control_request", 4),
    ("control_reply", 3),
];

pub(crate) fn check(version: &str, lines: &[Line]) {
    let mut checked = BTreeMap::new();
    for line in lines {
        *checked.entry(line.combination()).or_insert(0_usize) += 1;
    }
    let expected = combinations(version);
    let missing: Vec<_> = expected.iter().filter(|combination| !checked.contains_key(*combination)).collect();
    assert!(missing.is_empty(), "{version} has no {missing:?}");
    let unknown: Vec<_> = checked.keys().filter(|combination| !expected.contains(combination)).collect();
    assert!(unknown.is_empty(), "{version} has {unknown:?}");
    for (object, cases) in CASES {
        let serializer = if object == "key" { "raw" } else { "json" };
        assert_eq!(checked[&(object, serializer, "none")], cases, "{version} {object}");
    }
    for (combination, count) in &checked {
        println!("{version} {combination:?}: {count}");
    }
}

fn combinations(version: &str) -> Vec<(&'static str, &'static str, &'static str)> {
    let every = |object| {
        SERIALIZERS
            .iter()
            .flat_map(move |serializer| COMPRESSIONS.map(|compression| (object, *serializer, compression)))
    };
    // Every serialiser, and every compression once.
    let some = |object| {
        every(object).filter(|(_, serializer, compression)| *serializer == "json" || *compression == "none")
    };
    // Celery compresses neither events nor remote control, and results from 5.7 on.
    let plain = |object| every(object).filter(|(.., compression)| *compression == "none");
    let mut all: Vec<_> = every("task").collect();
    for object in ["task_v1", "task_hybrid", "task_restored"] {
        all.extend(some(object));
    }
    for serializer in ["raw", "text"] {
        all.extend(COMPRESSIONS.map(|compression| ("message", serializer, compression)));
    }
    all.push(("message", "json", "none"));
    for object in ["result", "group", "chord_member"] {
        if version == "5.7" { all.extend(every(object)) } else { all.extend(plain(object)) }
    }
    for object in ["event", "event_multi", "control_request", "control_reply"] {
        all.extend(plain(object));
    }
    all.push(("key", "raw", "none"));
    if version == "5.7" {
        all.push(("chord_script", "json", "none"));
    }
    all
}
