//! The URL of it.

/// The schemes of the URLs that name a backend of this kind.
pub const SCHEMES: &str = "memory://";

/// Whether `url` is for this driver.
pub fn is_ours(url: &str) -> bool {
    url.starts_with(SCHEMES)
}
