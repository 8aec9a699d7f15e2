#![doc = include_str!("../README.md")]

mod expand;
mod function;
mod options;

use proc_macro::TokenStream;

/// Makes a function a task. See `celery_native::task`.
#[proc_macro_attribute]
pub fn task(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(attribute.into(), item.into()).unwrap_or_else(|error| error.into_compile_error()).into()
}
