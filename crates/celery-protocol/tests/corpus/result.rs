//! What a result backend keeps.

use celery_protocol::{
    ExceptionInfo, MAX_MESSAGE_SIZE, StoredMeta, Value,
    compression::content_type,
    result::{
        ChordExpiry, ChordKeys, ChordMember, ChordPartReturn, ResultTree, SavedGroup, compress_result,
        decode_payload, decompress_result,
    },
    serializer::Serializer,
};

use crate::{
    envelope::{check_refused, utf8},
    line::Line,
};

/// The result of a task.
pub(crate) fn check(line: &Line) {
    let Some((inside, _)) = stored(line) else {
        return check_refused(line, StoredMeta::decode_as(&line.payload, Serializer::Pickle));
    };
    let stored = StoredMeta::decode_as(&line.payload, line.serializer())
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(stored.task_id, format!("id-{}", line.case), "{line}");
    // JSON has string keys only, YAML has others too: see `StoredMeta::decode_as`.
    if line.stable && !(line.serializer() == Serializer::Yaml && line.case == "typed") {
        let again = stored.as_meta().encode_as(line.serializer(), None).unwrap();
        assert_eq!(utf8_lossy(&again), utf8_lossy(&inside), "{line}");
    }
    if stored.status.is_exception() {
        let exception = ExceptionInfo::decode(&stored.result).unwrap();
        assert_eq!(ExceptionInfo::decode(&exception.encode()).unwrap(), exception, "{line}");
        assert!(!exception.args().unwrap().is_empty(), "{line}");
        if line.serializer() == Serializer::Json {
            assert_eq!(exception.encode(), stored.result, "{line}");
        }
    }
    let children = stored.children.unwrap();
    let tree = ResultTree::decode_list(&children).unwrap();
    if children != "null" {
        assert_eq!(ResultTree::encode_list(&tree), children, "{line}");
    }
    assert_eq!(tree.len(), if line.case == "children" { 3 } else { 0 }, "{line}");
    if matches!(&*line.case, "async_result" | "group_result") {
        assert_eq!(ResultTree::decode(&stored.result).unwrap().encode(), stored.result, "{line}");
    }
}

/// A saved group.
pub(crate) fn check_group(line: &Line) {
    let Some((inside, _)) = stored(line) else {
        return check_refused(line, SavedGroup::decode(&line.payload, Serializer::Pickle));
    };
    let group = SavedGroup::decode(&line.payload, line.serializer()).unwrap();
    assert_eq!(group.encode_as(line.serializer(), None).unwrap(), inside, "{line}");
    let tasks = match &*line.case {
        "empty" => vec![],
        _ => vec!["one", "two"],
    };
    assert_eq!((&*group.result.id, group.result.task_ids()), ("the-group", tasks), "{line}");
}

/// One part of a chord.
pub(crate) fn check_member(line: &Line) {
    check_score(line);
    let Some((inside, value)) = stored(line) else {
        return check_refused(line, ChordMember::decode_as(&line.payload, Serializer::Pickle));
    };
    let member = ChordMember::decode_as(&line.payload, line.serializer()).unwrap();
    assert_eq!(member.task_id, format!("id-{}", line.case), "{line}");
    assert_eq!(value.as_list().unwrap()[2].as_str(), Some(member.state.as_str()), "{line}");
    if !(line.serializer() == Serializer::Yaml && line.case == "typed") {
        let again = member.encode_as(line.serializer(), None).unwrap();
        assert_eq!(utf8_lossy(&again), utf8_lossy(&inside), "{line}");
    }
}

fn check_score(line: &Line) {
    let keys = ChordKeys::new("");
    let group_index = match &*line.case {
        "success" => Some(0),
        "failure" => Some(12),
        "typed" => Some(1),
        _ => None,
    };
    let part = ChordPartReturn {
        keys: &keys,
        task_id: "",
        member: &line.payload,
        ordered: true,
        group_index,
        expiry: ChordExpiry::default(),
        claim_expires: 5,
        claim_token: "",
    };
    let (ours, theirs): (f64, f64) =
        (part.score().parse().unwrap(), line.score.as_deref().unwrap().parse().unwrap());
    assert_eq!(ours.to_bits(), theirs.to_bits(), "{line}");
}

/// What is under the compression, and the value in it; nothing of what is pickled.
fn stored(line: &Line) -> Option<(Vec<u8>, Value)> {
    let inside = decompress_result(&line.payload, MAX_MESSAGE_SIZE).unwrap();
    if let Some(method) = line.compression() {
        let again = compress_result(&inside, method).unwrap();
        let head = [b"\0celery-compressed\0", content_type(method).unwrap().as_bytes(), b"\0"].concat();
        assert!(again.starts_with(&head) && line.payload.starts_with(&head), "{line}");
        assert_eq!(decompress_result(&again, inside.len()).unwrap(), inside, "{line}");
    } else {
        assert_eq!(*inside, line.payload, "{line}");
    }
    if line.is_opaque() {
        return None;
    }
    let value =
        decode_payload(&line.payload, line.serializer()).unwrap_or_else(|error| panic!("{line}: {error}"));
    if line.stable {
        let again = line.serializer().encode(&value).unwrap();
        assert_eq!(utf8_lossy(&again), utf8_lossy(&inside), "{line}");
    }
    if line.serializer() == Serializer::Json {
        assert_eq!(value.to_json().unwrap(), utf8(&inside), "{line}");
    }
    Some((inside.into_owned(), value))
}

/// Bytes in a form that a failed comparison shows well, and that differs where they do.
fn utf8_lossy(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
