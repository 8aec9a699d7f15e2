//! Calls of the scripts that keep a chord: see `fixtures/corpus.py: record_script`.

use celery_protocol::{
    State,
    result::{
        ChordCleanup, ChordExpiry, ChordKeys, ChordMember, ChordPartReturn, ChordProgress, ClaimExtend,
        ResultKeys,
    },
};

use crate::line::Line;

pub(crate) fn check(line: &Line) {
    let (keys, args): (Vec<String>, Vec<String>) = serde_json::from_slice(&line.payload).unwrap();
    let chord = ResultKeys::default().chord("the-chord");
    let reply = line.reply.as_deref().unwrap();
    match *line.case.split('.').collect::<Vec<_>>() {
        ["part_return", kind, at] => {
            let part = part_return(&chord, kind == "ordered", &args);
            assert_eq!(part.0, keys, "{line}");
            assert_eq!(part.1, args, "{line}");
            let progress = ChordPartReturn::progress(reply.try_into().unwrap());
            let expected = match at {
                "0" => ChordProgress::Counted { ready: 1, total: 3 },
                "1" | "2" => ChordProgress::Counted { ready: 2, total: 3 },
                "3" => ChordProgress::Complete { total: 3 },
                _ => ChordProgress::Done,
            };
            assert_eq!(progress, expected, "{line}");
        }
        ["claim_extend", ..] => {
            let ours = ClaimExtend { keys: &chord, claim_token: &args[0], expires: args[1].parse().unwrap() };
            assert_eq!(
                (ours.keys().map(str::to_owned).to_vec(), ours.args().to_vec()),
                (keys, args),
                "{line}"
            );
            assert!(ClaimExtend::holds(reply[0].unwrap()), "{line}");
        }
        ["cleanup", ..] => {
            let done_expires = ChordExpiry::done(ChordExpiry::claim(Some(3.0)));
            let ours = ChordCleanup { keys: &chord, claim_token: &args[0], done_expires };
            assert_eq!(
                (ours.keys().map(str::to_owned).to_vec(), ours.args().to_vec()),
                (keys, args),
                "{line}"
            );
            assert!(ChordCleanup::cleaned(reply[0].unwrap()), "{line}");
        }
        _ => panic!("{line}: an unknown script"),
    }
}

/// The same call, made here.
fn part_return(chord: &ChordKeys, ordered: bool, theirs: &[String]) -> (Vec<String>, Vec<String>) {
    let index = theirs[0].strip_prefix("part-").unwrap();
    let member = ChordMember::new(&theirs[0], State::Success, index).encode();
    let part = ChordPartReturn {
        keys: chord,
        task_id: &theirs[0],
        member: &member,
        ordered,
        group_index: Some(index.parse().unwrap()),
        expiry: ChordExpiry::new(86400, Some(600)),
        claim_expires: ChordExpiry::claim(Some(3.0)),
        claim_token: &theirs[7],
    };
    let args = part.args().map(|arg| String::from_utf8(arg.into_owned()).unwrap());
    (part.keys().map(str::to_owned).to_vec(), args.to_vec())
}
