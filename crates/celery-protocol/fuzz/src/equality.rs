//! What "an equal value" means: the same, NaN being equal to itself.

use std::fmt::Debug;

use celery_protocol::Error;

/// Asserts that two values are the same. Their debug text is compared, in which NaN equals NaN.
///
/// # Panics
///
/// When they are not.
pub fn assert_same<T: Debug + PartialEq>(one: &T, other: &T) {
    if one != other {
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }
}

/// Whether an error says that something nests too deeply: what is written again may need a level more than what was
/// read, when a short form was read and the long one is written.
pub fn is_too_deep(error: &Error) -> bool {
    matches!(error, Error::TooDeep { .. })
}

/// Asserts that what is written does not change any more when it is read and written again. What was read first may have
/// lacked fields that are written as null or as their default.
///
/// # Panics
///
/// When it changes.
pub fn assert_settled(written: impl AsRef<[u8]>, again: impl AsRef<[u8]>) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(again.as_ref()), text(written.as_ref()));
}
