//! The URL of it.

use crate::{Error, Result, amqp, valkey};

/// The schemes of the URLs that name a broker of this kind.
pub const SCHEMES: &str = "memory://";

/// Whether `url` is for this driver.
pub fn is_ours(url: &str) -> bool {
    url.starts_with(SCHEMES)
}

/// Refuses a URL for this driver: for programs whose messages come from other processes.
///
/// # Errors
///
/// [`Error::Url`], which says so.
pub fn refuse(url: &str) -> Result<()> {
    if !is_ours(url) {
        return Ok(());
    }
    let reason = format!(
        "it is a broker within one process, and no other can send to it; this worker speaks {} and {}",
        valkey::SCHEMES,
        amqp::SCHEMES
    );
    Err(Error::Url { url: valkey::hide_password(url), reason })
}
