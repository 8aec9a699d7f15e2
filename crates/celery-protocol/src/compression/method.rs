//! The methods and their names.

use super::ZLIB;
use crate::Error;

/// A compression method that kombu registers (`kombu/compression.py: register`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// zlib, always built in.
    Zlib,
    /// bzip2, with the feature `bzip2`.
    Bzip2,
    /// LZMA in the container `.xz`, with the feature `lzma`.
    Lzma,
    /// Brotli, with the feature `brotli`.
    Brotli,
    /// Zstandard, with the feature `zstd`.
    Zstd,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 5] = [Self::Zlib, Self::Bzip2, Self::Lzma, Self::Brotli, Self::Zstd];

    /// The content type on the wire.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Zlib => ZLIB,
            Self::Bzip2 => "application/x-bz2",
            Self::Lzma => "application/x-lzma",
            Self::Brotli => "application/x-brotli",
            Self::Zstd => "application/zstd",
        }
    }

    /// The names that `task_compression` and `result_compression` use for it.
    pub fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Zlib => &["gzip", "zlib"],
            Self::Bzip2 => &["bzip2", "bzip"],
            Self::Lzma => &["lzma", "xz"],
            Self::Brotli => &["brotli"],
            Self::Zstd => &["zstd", "zstandard"],
        }
    }

    /// The method of an alias or a content type.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.content_type() == name || method.aliases().contains(&name))
    }

    /// Whether this build holds it.
    pub fn is_built_in(self) -> bool {
        match self {
            Self::Zlib => true,
            Self::Bzip2 => cfg!(feature = "bzip2"),
            Self::Lzma => cfg!(feature = "lzma"),
            Self::Brotli => cfg!(feature = "brotli"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }

    /// The method of an alias or a content type, if this build holds it.
    pub(super) fn built_in(name: &str) -> Result<Self, Error> {
        match Self::from_name(name) {
            Some(method) if method.is_built_in() => Ok(method),
            Some(method) => Err(method.unsupported()),
            None => Err(Error::UnsupportedCompression { content_type: name.to_owned(), hint: "" }),
        }
    }

    /// Says which feature is missing.
    pub(super) fn unsupported(self) -> Error {
        let hint = match self {
            Self::Zlib => "",
            Self::Bzip2 => ": enable the feature `bzip2` of celery-protocol",
            Self::Lzma => ": enable the feature `lzma` of celery-protocol",
            Self::Brotli => ": enable the feature `brotli` of celery-protocol",
            Self::Zstd => ": enable the feature `zstd` of celery-protocol",
        };
        Error::UnsupportedCompression { content_type: self.content_type().to_owned(), hint }
    }
}
