//! The keys of the result backend.

use celery_protocol::result::ResultKeys;

use crate::{envelope::utf8, line::Line};

pub(crate) fn check(line: &Line) {
    let [prefix, kind, suffix] = *line.case.split('|').collect::<Vec<_>>() else {
        panic!("{line}: not three parts");
    };
    let keys =
        if line.version == "5.4" { ResultKeys::of_celery_5_4(prefix) } else { ResultKeys::new(prefix) };
    let chord = keys.chord("the-id");
    let ours = match (kind, suffix) {
        ("task", "") => keys.task("the-id"),
        ("group", "") => keys.group("the-id"),
        ("chord", "") => keys.chord_unlock("the-id"),
        ("group", ".j") => chord.members,
        ("group", ".t") => chord.added,
        ("group", ".s") => chord.size,
        ("group", ".d") => chord.seen,
        ("group", ".c") => chord.claim,
        _ => panic!("{line}: an unknown key"),
    };
    assert_eq!(ours, utf8(&line.payload), "{line}");
}
