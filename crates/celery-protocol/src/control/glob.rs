//! Shell patterns as Python has them.

/// Whether `name` matches `pattern` (CPython's `fnmatch.fnmatchcase`): `*`, `?`, `[seq]` and `[!seq]`,
/// nothing can be escaped. The time is at most proportional to the product of the lengths.
pub fn glob_matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut rest = pattern.as_slice();
    let mut name = name.chars();
    // Where to go on when what follows the last star did not match: one character later.
    let mut retry: Option<(&[char], std::str::Chars<'_>)> = None;
    loop {
        if let Some((&'*', after)) = rest.split_first() {
            rest = after;
            retry = Some((after, name.clone()));
            continue;
        }
        let mut ahead = name.clone();
        match (ahead.next(), rest.is_empty()) {
            (None, true) => return true,
            (Some(c), false) => {
                if let Some(after) = match_one(rest, c) {
                    (rest, name) = (after, ahead);
                    continue;
                }
            }
            (None, false) => return false,
            (Some(_), true) => {}
        }
        let Some((after_star, mut from)) = retry.take() else { return false };
        if from.next().is_none() {
            return false;
        }
        (rest, name) = (after_star, from.clone());
        retry = Some((after_star, from));
    }
}

/// Matches one character against the beginning of a pattern that is no star, and gives what follows.
fn match_one(pattern: &[char], c: char) -> Option<&[char]> {
    let (first, rest) = pattern.split_first()?;
    match first {
        '?' => Some(rest),
        '[' => match split_set(rest) {
            Some((set, after)) => in_set(set, c).then_some(after),
            None => (c == '[').then_some(rest),
        },
        _ => (c == *first).then_some(rest),
    }
}

/// Splits what follows a `[` at its `]`. A `]` at the beginning belongs to the set.
fn split_set(pattern: &[char]) -> Option<(&[char], &[char])> {
    let negated = usize::from(pattern.first() == Some(&'!'));
    let start = negated + usize::from(pattern.get(negated) == Some(&']'));
    let end = start + pattern.get(start..)?.iter().position(|c| *c == ']')?;
    Some((pattern.get(..end)?, pattern.get(end + 1..)?))
}

fn in_set(set: &[char], c: char) -> bool {
    let (negated, mut rest) = match set.split_first() {
        Some((&'!', rest)) => (true, rest),
        _ => (false, set),
    };
    let mut found = false;
    loop {
        match rest {
            [low, '-', high, after @ ..] => {
                found |= (*low..=*high).contains(&c);
                rest = after;
            }
            [one, after @ ..] => {
                found |= *one == c;
                rest = after;
            }
            [] => return found != negated,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn matches_as_python_does() {
        let rows: Vec<(String, String, bool)> =
            serde_json::from_str(include_str!("../../fixtures/control/glob.json")).unwrap();
        assert!(rows.len() > 200);
        for (pattern, name, expected) in rows {
            assert_eq!(glob_matches(&pattern, &name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_end_soon() {
        let pattern = format!("{}b", "a*".repeat(200));
        assert!(!glob_matches(&pattern, &"a".repeat(2000)));
    }

    proptest! {
        #[test]
        fn never_panics(pattern in r"[\[\]!\-*?ab^]{0,12}", other: String, name: String) {
            let _ = glob_matches(&pattern, &name);
            let _ = glob_matches(&other, &name);
        }

        #[test]
        fn stars_take_anything(name: String) {
            prop_assert!(glob_matches("*", &name));
            let wrapped = format!("x{name}y");
            prop_assert!(glob_matches("x*y", &wrapped));
        }
    }
}
