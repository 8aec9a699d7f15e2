//! What stands in the attribute: `name = "proj.add", max_retries = 3, acks_late`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Token, parenthesized};

/// The options of a task.
#[derive(Debug)]
pub(crate) struct Options {
    /// The name.
    pub(crate) name: LitStr,
    /// The calls on its definition that the other options come to.
    pub(crate) calls: Vec<TokenStream>,
    /// What parameters are when a call does not give them.
    pub(crate) defaults: Vec<(Ident, Expr)>,
}

/// An option with a value, and how it is written.
const VALUES: [&str; 7] =
    ["name", "max_retries", "default_retry_delay", "soft_time_limit", "time_limit", "rate_limit", "queue"];

/// Options that are there or not.
const FLAGS: [&str; 7] = [
    "acks_late",
    "keeps_on_failure",
    "ignore_result",
    "store_errors_even_if_ignored",
    "track_started",
    "without_events",
    "retried_without_end",
];

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut name = None;
        let mut calls = Vec::new();
        let mut defaults = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            let text = key.to_string();
            if seen.contains(&text) {
                return Err(syn::Error::new(key.span(), format!("`{text}` is given twice")));
            }
            match text.as_str() {
                "defaults" => {
                    let inner;
                    parenthesized!(inner in input);
                    let pairs = inner.parse_terminated(Default::parse, Token![,])?;
                    defaults.extend(pairs.into_iter().map(|pair| (pair.parameter, pair.value)));
                }
                "name" => {
                    input.parse::<Token![=]>()?;
                    name = Some(input.parse::<LitStr>()?);
                }
                value if VALUES.contains(&value) => {
                    input.parse::<Token![=]>()?;
                    calls.push(call(&key, &input.parse()?));
                }
                flag if FLAGS.contains(&flag) => calls.push(quote!(.#key())),
                _ => return Err(unknown(&key)),
            }
            seen.push(text);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let missing =
            || syn::Error::new(Span::call_site(), "give the task a name: `#[task(name = \"proj.add\")]`");
        Ok(Self { name: name.ok_or_else(missing)?, calls, defaults })
    }
}

fn unknown(key: &Ident) -> syn::Error {
    let known: Vec<&str> = VALUES.iter().chain(&FLAGS).copied().chain(["defaults(…)"]).collect();
    syn::Error::new(key.span(), format!("there is no option `{key}`; there are {}", known.join(", ")))
}

fn call(key: &Ident, value: &Expr) -> TokenStream {
    let is_duration = ["default_retry_delay", "soft_time_limit", "time_limit"].iter().any(|name| key == name);
    // Seconds, as Celery has them.
    let seconds = match value {
        Expr::Lit(ExprLit { lit: Lit::Int(_), .. }) if is_duration => "from_secs",
        Expr::Lit(ExprLit { lit: Lit::Float(_), .. }) if is_duration => "from_secs_f64",
        _ => return quote!(.#key(#value)),
    };
    let seconds = Ident::new(seconds, value.span());
    quote!(.#key(::core::time::Duration::#seconds(#value)))
}

/// `y = 3`
struct Default {
    parameter: Ident,
    value: Expr,
}

impl Parse for Default {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let parameter = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok(Self { parameter, value: input.parse()? })
    }
}
