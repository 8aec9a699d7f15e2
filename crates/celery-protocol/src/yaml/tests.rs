//! YAML against what PyYAML writes and reads.

use proptest::prelude::*;

use super::*;
use crate::{
    Error, MAX_DEPTH, Value,
    json::Typed,
    serializer::{Serializer, table},
};

fn read(text: &str) -> Result<Value, Error> {
    decode(text.as_bytes())
}

/// What the parser, which is one of YAML 1.2, takes otherwise than PyYAML; `safe_dump` writes nothing of it.
const DIFFERENT: [&str; 14] = [
    // Taken here, refused there: no keys, and tabs between tokens.
    ": a",
    ":",
    "{: a}",
    "\ta: 1",
    "a: \t1",
    "-\ta",
    "[\ta]",
    "a\t# c",
    // An end without a document, an anchor twice.
    "...",
    "- &a 1\n- &a 2\n- *a",
    // Refused here, taken there.
    "?",
    "a: 'x'#c",
    "!!omap [a: 1]",
    "!!pairs [a: 1]",
];

#[test]
fn captured_values() {
    let table = include_str!("../../fixtures/serializer/yaml.jsonl");
    let seen = table::check(Serializer::Yaml, table, &DIFFERENT);
    assert!(seen > 2000, "{seen}");
}

#[test]
fn what_has_no_form_is_named() {
    let said = |value: Value| encode(&value).unwrap_err().to_string();
    assert_eq!(said(Value::Typed(Typed::Decimal("1".into()))), "yaml has no form for a Decimal");
    assert_eq!(said(Value::Typed(Typed::DateTime("now".into()))), "yaml has no form for a datetime");
    assert_eq!(
        said(Value::Map(vec![(Value::List(vec![]), Value::Null)])),
        "yaml has no form for such a dictionary key"
    );
    let said = |text| read(text).unwrap_err().to_string();
    assert_eq!(
        said("!!set {a, b}"),
        "yaml cannot be decoded: the tag `tag:yaml.org,2002:set` has no form here"
    );
    assert_eq!(
        said("[*a]"),
        "yaml cannot be decoded: while parsing node, found unknown anchor at byte 1 line 1 column 2"
    );
    assert_eq!(said("&a [*a]"), "yaml cannot be decoded: an alias stands for what holds it");
}

#[test]
fn many_laughs_are_few() {
    let mut text = "- &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n".to_owned();
    let mut merges = "- &a0 {a: 1, b: 2}\n".to_owned();
    let mut empty = "- &a0 {}\n".to_owned();
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("- &a{level} [{aliases}]\n"));
        merges.push_str(&format!("- &a{level} {{<<: [{aliases}]}}\n"));
        empty.push_str(&format!("- &a{level} {{<<: [{aliases}]}}\n"));
    }
    for text in [text, merges, empty] {
        assert_eq!(
            read(&text).unwrap_err().to_string(),
            "yaml cannot be decoded: its aliases repeat too much"
        );
    }
    // What Python shares is copied here: a thousand times a hundred texts is fine.
    let shared = format!("- &a [{}]\n{}", vec!["some text"; 100].join(", "), "- *a\n".repeat(1000));
    assert_eq!(read(&shared).unwrap().as_list().unwrap().len(), 1001);
}

#[test]
fn depth_is_bounded_both_ways() {
    let mut value = Value::from("x");
    for level in 0..MAX_DEPTH {
        value = if level % 2 == 0 { Value::List(vec![value]) } else { Value::Map(vec![("k".into(), value)]) };
    }
    assert_eq!(decode(&encode(&value).unwrap()).unwrap(), value);
    assert!(matches!(encode(&Value::List(vec![value])), Err(Error::TooDeep { .. })));
    assert!(matches!(read(&"- ".repeat(MAX_DEPTH + 1)), Err(Error::TooDeep { .. })));
    assert!(read(&"[".repeat(100_000)).is_err());
    assert!(read(&"{a: ".repeat(100_000)).is_err());
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ a-z:#'\"\\\\\n\t?,0-9~!&*%@|>\\-\\[\\]{}]{0,20}",
        "([a-z']{1,12} ){0,40}[a-z]",
        "([a-zé:\\\\]{1,12}[ \n]{1,2}){0,30}",
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        "-?[1-9][0-9]{20,40}".prop_map(|digits| Value::BigInt(digits.into())),
        any::<f64>()
            .prop_filter("NaN is not equal to itself", |value| !value.is_nan())
            .prop_map(Value::Float),
        any_text().prop_map(Value::Str),
        any::<Vec<u8>>().prop_map(|bytes| Value::Typed(Typed::Bytes(bytes))),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            proptest::collection::btree_map(any_text(), inner, 0..6).prop_map(|map| Value::Map(
                map.into_iter().map(|(key, value)| (key.into(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_encoded_decodes(value in any_value()) {
        let data = encode(&value).unwrap();
        prop_assert!(data.is_ascii());
        let again = decode(&data);
        prop_assert!(again.is_ok(), "{:?} {}", again, String::from_utf8_lossy(&data));
        prop_assert_eq!(again.unwrap(), value);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[ a-c:#'\"\\\\\n\r\t?,0-9~!&*%@|>=<.\\-\\[\\]{}]{0,60}") {
        let _ = read(&text);
    }

    #[test]
    fn arbitrary_bytes_never_panic(data: Vec<u8>) {
        let _ = decode(&data);
    }
}
