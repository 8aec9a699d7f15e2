//! What the end of a task concerns besides its own result, where it is more than sending what follows a success.

mod host;

pub(crate) use host::NativeHost;
