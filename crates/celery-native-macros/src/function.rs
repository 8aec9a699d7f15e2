//! What the attribute reads of the function.

use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{FnArg, GenericArgument, ItemFn, Pat, PathArguments, ReturnType, Type};

/// What a task is made of.
#[derive(Debug)]
pub(crate) struct Function {
    /// The types of its parameters.
    pub(crate) extractors: Vec<Type>,
    /// What `Args` holds, or else `Kwargs`; `None` for a task that takes no arguments.
    pub(crate) arguments: Option<Type>,
    /// The names in `Args((x, y))`.
    pub(crate) names: Vec<String>,
    /// What it returns.
    pub(crate) output: Type,
    pub(crate) is_async: bool,
}

impl Function {
    pub(crate) fn read(function: &ItemFn) -> syn::Result<Self> {
        let signature = &function.sig;
        if !signature.generics.params.is_empty() {
            return Err(syn::Error::new(
                signature.generics.span(),
                "a task cannot be generic: each has one name",
            ));
        }
        let output = match &signature.output {
            ReturnType::Type(_, output) => (**output).clone(),
            ReturnType::Default => {
                let text = "a task returns a `Result`: `-> Result<(), TaskError>`";
                return Err(syn::Error::new(signature.ident.span(), text));
            }
        };
        let (mut extractors, mut names) = (Vec::new(), Vec::new());
        let (mut args, mut kwargs) = (None, None);
        for input in &signature.inputs {
            let FnArg::Typed(parameter) = input else {
                return Err(syn::Error::new(
                    input.span(),
                    "a task is a function of its own: it takes no `self`",
                ));
            };
            let ty = &*parameter.ty;
            if let Some(inner) = inside(ty, "Args") {
                if args.is_some() {
                    return Err(syn::Error::new(ty.span(), "a task takes its positional arguments once"));
                }
                names = names_in(&parameter.pat);
                args = Some(inner);
            } else if let Some(inner) = inside(ty, "Kwargs") {
                kwargs = Some(inner);
            }
            extractors.push(ty.clone());
        }
        let is_async = signature.asyncness.is_some();
        Ok(Self { extractors, arguments: args.or(kwargs), names, output, is_async })
    }
}

/// The `T` of `path::Name<T>`.
fn inside(ty: &Type, name: &str) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(generics) = &last.arguments else { return None };
    generics.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner.clone()),
        _ => None,
    })
}

/// The names in `Args((x, mut y, _))`; none in other patterns.
fn names_in(pattern: &Pat) -> Vec<String> {
    let Pat::TupleStruct(wrapper) = pattern else { return Vec::new() };
    let Some(Pat::Tuple(tuple)) = wrapper.elems.first() else { return Vec::new() };
    let name = |pattern: &Pat| match pattern {
        Pat::Ident(name) => name.ident.to_string(),
        other => other.to_token_stream().to_string(),
    };
    tuple.elems.iter().map(name).collect()
}
