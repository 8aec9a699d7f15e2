//! Bytes as a result tree, a list of them, a saved group and a chord's member.
#![no_main]

use celery_protocol::result::{ChordMember, ResultTree, SavedGroup};
use celery_protocol::serializer::Serializer;
use celery_protocol_fuzz::{assert_same, bounded, is_too_deep, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Compressed ones are the business of their methods.
    let Some(json) = text(data).filter(|text| !text.starts_with('\0')) else { return };
    if let Ok(tree) = bounded(data, 64, 0, || ResultTree::decode(json)) {
        let _ = tree.task_ids();
        same(&tree, ResultTree::decode(&tree.encode()));
        same(&tree, ResultTree::from_value(&tree.to_value()));
    }
    if let Ok(trees) = bounded(data, 64, 0, || ResultTree::decode_list(json)) {
        same(&trees, ResultTree::decode_list(&ResultTree::encode_list(&trees)));
    }
    if let Ok(saved) = bounded(data, 96, 0, || SavedGroup::decode(data, Serializer::Json)) {
        same(&saved, SavedGroup::decode(&saved.encode(), Serializer::Json));
    }
    if let Ok(member) = bounded(data, 48, 0, || ChordMember::decode(data)) {
        let written = member.encode();
        same(&member, ChordMember::decode(&written));
        let _ = member.to_value().map(|value| ChordMember::from_value(&value).map(drop));
    }
});

/// An id may stand for itself and a parent of null, which are written a level deeper.
fn same<T: std::fmt::Debug + PartialEq>(one: &T, again: Result<T, celery_protocol::Error>) {
    match again {
        Ok(again) => assert_same(&again, one),
        Err(error) => assert!(is_too_deep(&error), "{error}"),
    }
}
