//! What the tests of replies share.

use super::ControlReply;

/// The value of a captured reply.
pub(super) fn value_of(body: &[u8]) -> String {
    ControlReply::decode_body(body).unwrap().value
}
