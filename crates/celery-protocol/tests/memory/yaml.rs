//! YAML that takes much memory for its length, and aliases.

use celery_protocol::{MAX_DEPTH, serializer::Serializer};

use crate::{COUNT, Case, alone, check};

/// What each byte read may take.
const MULTIPLE: usize = 640;

/// What aliases may repeat takes at most: 16 MiB of values, in lists with room for more.
const REPEATED: usize = 48 * 1024 * 1024;

fn cases(inputs: Vec<(&'static str, String)>) -> Vec<Case<'static>> {
    let case = |(input, text): (_, String)| Case { decoder: "yaml", input, bytes: text.into_bytes() };
    inputs.into_iter().map(case).collect()
}

#[test]
fn values() {
    let _alone = alone();
    let list = |element: &str| format!("[{}]", vec![element; COUNT].join(","));
    let nested = format!("{}{}", "[".repeat(MAX_DEPTH / 2), "]".repeat(MAX_DEPTH / 2));
    let keys: Vec<String> = (0..COUNT).map(|number| format!("{number:x}: 0\n")).collect();
    let inputs = vec![
        ("zeros", list("0")),
        ("nothing", list("~")),
        ("a block", "- 0\n".repeat(COUNT)),
        ("a block of nothing", "-\n".repeat(COUNT)),
        ("keys alone", format!("{{{}}}", vec!["0"; COUNT].join(","))),
        (
            "other keys alone",
            (0..COUNT).map(|number| format!("{number:x},")).fold("{".to_owned(), |text, key| text + &key)
                + "}",
        ),
        ("a block of keys", "?\n".repeat(COUNT)),
        ("pairs of nothing", list(":")),
        ("empty lists", list("[]")),
        ("lists of one", list("[0]")),
        ("pairs", list("a: 0")),
        ("maps of one", list("{a: 0}")),
        ("anchors", list("&a 0")),
        ("tags", list("!!str")),
        ("lines of lists", format!("[{}]", vec![nested; 32].join(","))),
        ("many keys", keys.concat()),
        ("a long string", format!("\"{}\"", "\\n".repeat(COUNT))),
        ("a folded string", format!(">\n{}", " a\n".repeat(COUNT))),
        ("digits", "9".repeat(COUNT)),
        ("a comment", format!("# {}\n", "x".repeat(COUNT))),
    ];
    check(cases(inputs), MULTIPLE, 0, |bytes| Serializer::Yaml.decode(bytes));
}

#[test]
fn aliases() {
    let _alone = alone();
    let laughs = |first: &str| {
        (1..12).fold(format!("a0: &a0 {first}\n"), |text, level| {
            let alias = format!("*a{}", level - 1);
            text + &format!("a{level}: &a{level} [{}]\n", vec![alias; 5].join(","))
        })
    };
    let long = format!("- &a {}\n{}", "x".repeat(1 << 14), "- *a\n".repeat(1 << 12));
    let merges = (1..24).fold("a0: &a0 {x: 0, y: 0}\n".to_owned(), |text, level| {
        let alias = format!("*a{}", level - 1);
        text + &format!("a{level}: &a{level} {{<<: [{alias}, {alias}, {alias}]}}\n")
    });
    let lists = format!("- &a []\n{}", "- *a\n".repeat(COUNT));
    let inputs = vec![
        ("laughs", laughs("[x, x, x]")),
        ("laughs of one", laughs("[x]")),
        ("laughs of one pair", laughs("{x: 0}")),
        ("a long string", long),
        ("merges", merges),
        ("empty lists", lists),
    ];
    check(cases(inputs), MULTIPLE, REPEATED, |bytes| Serializer::Yaml.decode(bytes));
}
