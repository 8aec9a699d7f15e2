//! MessagePack against bytes that kombu wrote.

use proptest::prelude::*;

use super::{decode, encode};
use crate::{
    Error, MAX_DEPTH, Value,
    json::Typed,
    serializer::{Serializer, table},
};

#[test]
fn captured_values() {
    let seen =
        table::check(Serializer::Msgpack, include_str!("../../fixtures/serializer/msgpack.jsonl"), &[]);
    assert!(seen > 400, "{seen}");
}

#[test]
fn what_has_no_form_is_named() {
    let said = |value: Value| encode(&value).unwrap_err().to_string();
    assert_eq!(said(Value::Typed(Typed::Decimal("1".into()))), "msgpack has no form for a Decimal");
    assert_eq!(
        said(Value::BigInt("-9223372036854775809".into())),
        "msgpack has no form for an int beyond 64 bits"
    );
    assert_eq!(
        said(Value::Surrogates("\\udcff".into())),
        "msgpack has no form for a str with lone surrogates"
    );
    assert_eq!(said(Value::Extension(-2, [].into())), "msgpack has no form for an extension of msgpack");
}

#[test]
fn depth_is_bounded_both_ways() {
    let mut value = Value::Null;
    for _ in 0..MAX_DEPTH {
        value = Value::List(vec![value]);
    }
    assert_eq!(decode(&encode(&value).unwrap()).unwrap(), value);
    let value = Value::Map(vec![("k".into(), value)]);
    assert!(matches!(encode(&value), Err(Error::TooDeep { .. })));
    assert!(matches!(decode(&[0x91; 4096]), Err(Error::TooDeep { .. })));
}

#[test]
fn a_length_reserves_nothing() {
    let mut nested = Vec::new();
    for _ in 0..MAX_DEPTH {
        nested.extend_from_slice(&[0xdd, 0x00, 0x00, 0x10, 0x00]);
    }
    nested.resize(nested.len() + (1 << 16), 0xc0);
    assert!(matches!(decode(&nested), Err(Error::Malformed { .. })));
    let said = decode(&[0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0]).unwrap_err().to_string();
    assert_eq!(said, "msgpack cannot be decoded: it ends too early, at byte 5");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("NaN is not equal to itself", |value| !value.is_nan())
            .prop_map(Value::Float),
        any::<String>().prop_map(Value::Str),
        any::<Vec<u8>>().prop_map(|bytes| Value::Typed(Typed::Bytes(bytes))),
        (0..=i8::MAX, any::<Vec<u8>>()).prop_map(|(code, bytes)| Value::Extension(code, bytes.into())),
    ];
    leaf.prop_recursive(4, 60, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..20).prop_map(Value::List),
            proptest::collection::btree_map(".*", inner, 0..8).prop_map(|map| Value::Map(
                map.into_iter().map(|(key, value)| (key.into(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes(value in any_value()) {
        prop_assert_eq!(decode(&encode(&value).unwrap()).unwrap(), value);
    }

    #[test]
    fn arbitrary_bytes_never_panic(data: Vec<u8>) {
        if let Ok(value) = decode(&data) {
            prop_assert!(encode(&value).is_ok());
        }
    }

    #[test]
    fn a_truncated_one_is_refused(value in any_value(), at: prop::sample::Index) {
        let data = encode(&value).unwrap();
        prop_assert!(decode(&data[..at.index(data.len())]).is_err());
    }
}
