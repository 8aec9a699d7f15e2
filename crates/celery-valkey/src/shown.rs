//! URLs as people may see them.

/// `url` with the passwords replaced by `**`, also where it is no valid URL.
///
/// Source: `kombu/utils/url.py: maybe_sanitize_url`.
pub fn hide_password(url: &str) -> String {
    url.split(';').map(hide_one).collect::<Vec<_>>().join(";")
}

fn hide_one(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (place, query) = match rest.split_once('?') {
        // A question mark before the @ belongs to a password that was not encoded.
        Some((place, query)) if !query.contains('@') => (place, Some(query)),
        _ => (rest, None),
    };
    let place = match place.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:**@{host}"),
            None => place.to_owned(),
        },
        None => place.to_owned(),
    };
    match query {
        Some(query) => {
            let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
                Some(("password", _)) => "password=**",
                _ => parameter,
            });
            format!("{scheme}://{place}?{}", parameters.collect::<Vec<_>>().join("&"))
        }
        None => format!("{scheme}://{place}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn passwords_are_hidden_also_in_what_is_no_url() {
        assert_eq!(hide_password("redis://u:p@ss@h:x/0;redis://:q@h2"), "redis://u:**@h:x/0;redis://:**@h2");
        assert_eq!(hide_password("redis://h/0"), "redis://h/0");
        assert_eq!(hide_password("socket:///s?password=x&db=1"), "socket:///s?password=**&db=1");
        assert_eq!(hide_password("redis://:a?b@h/0?db=1"), "redis://:**@h/0?db=1");
        assert_eq!(hide_password("redis://"), "redis://");
    }

    proptest! {
        #[test]
        fn a_password_is_never_shown(password in "[a-zA-Z0-9%?/]{1,12}Zz9", host in "[a-y]{1,8}") {
            let shown = hide_password(&format!("redis://user:{password}@{host}:6379/0"));
            prop_assert!(!shown.contains("Zz9"), "{}", shown);
        }
    }
}
