//! From a function with the attribute to what stands in its place.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{ItemFn, parse_quote};

use crate::function::Function;
use crate::options::Options;

/// The function as it was, and a type of the same name, which is the task.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let options: Options = syn::parse2(attribute)?;
    let function: ItemFn = syn::parse2(item)?;
    let Function { extractors, arguments, names, output, is_async } = Function::read(&function)?;
    for (parameter, _) in &options.defaults {
        if !names.iter().any(|name| parameter == name) {
            let text = format!("there is no parameter `{parameter}` in `Args((…))`");
            return Err(syn::Error::new(parameter.span(), text));
        }
    }

    let (visibility, name) = (&function.vis, &function.sig.ident);
    let (task, calls) = (&options.name, &options.calls);
    let make = if is_async { quote!(task) } else { quote!(blocking) };
    let arguments = arguments.unwrap_or_else(|| parse_quote!(()));
    let named = if names.is_empty() { TokenStream::new() } else { quote!(.parameters([#(#names),*])) };
    let defaults = options.defaults.iter().map(|(parameter, value)| {
        let parameter = parameter.to_string();
        quote!(.default(#parameter, #value))
    });
    let bounds =
        extractors.iter().map(|ty| quote_spanned!(ty.span()=> #ty: ::celery_native::FromTask<__State>));
    let returns = quote_spanned! {output.span()=>
        const _: fn() = || {
            fn returns_a_result<T: ::celery_native::IntoTaskResponse>() {}
            returns_a_result::<#output>();
        };
    };
    let documentation = format!("The task `{}`: see the function of the same name.", task.value());
    Ok(quote! {
        #function

        #[doc = #documentation]
        #[allow(non_camel_case_types)]
        #[derive(Debug, Clone, Copy)]
        #visibility struct #name {}

        #[allow(dead_code)]
        impl #name {
            /// The name of the task.
            pub const NAME: &'static str = #task;

            /// The task, to be called by a client.
            pub const TASK: ::celery_native::Task<
                #arguments,
                <#output as ::celery_native::IntoTaskResponse>::Value,
            > = ::celery_native::Task::new(#task);
        }

        #returns

        impl<__State> ::celery_native::Registrable<__State> for #name
        where
            __State: Clone + Send + Sync + 'static,
            #(#bounds,)*
        {
            fn definition() -> ::celery_native::Definition<__State> {
                ::celery_native::#make(#task, #name)#named #(#defaults)* #(#calls)*
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(attribute: TokenStream, item: TokenStream) -> String {
        expand(attribute, item).unwrap_err().to_string()
    }

    #[test]
    fn a_function_stays_and_a_task_is_added() {
        let item = quote!(
            pub async fn add(Args((x, mut y)): Args<(i64, i64)>) -> Result<i64, TaskError> {
                Ok(x + y)
            }
        );
        let made =
            expand(quote!(name = "proj.add", max_retries = 5, time_limit = 1.5, defaults(y = 3)), item);
        let made = made.unwrap().to_string();
        for part in [
            "pub async fn add",
            "pub struct add { }",
            ". parameters ([\"x\" , \"y\"])",
            ". default (\"y\" , 3)",
            ". max_retries (5)",
            "Duration :: from_secs_f64 (1.5)",
        ] {
            assert!(made.contains(part), "{part} is not in {made}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let fine = || {
            quote!(
                async fn add() -> Result<(), TaskError> {
                    Ok(())
                }
            )
        };
        assert!(said(quote!(), fine()).starts_with("give the task a name"));
        let unknown = said(quote!(name = "a", retries = 3), fine());
        assert!(
            unknown.starts_with("there is no option `retries`; there are name, max_retries"),
            "{unknown}"
        );
        assert_eq!(said(quote!(name = "a", acks_late, acks_late), fine()), "`acks_late` is given twice");
        let none = said(quote!(name = "a", defaults(z = 1)), fine());
        assert_eq!(none, "there is no parameter `z` in `Args((…))`");
        let nothing = said(
            quote!(name = "a"),
            quote!(
                fn add() {}
            ),
        );
        assert!(nothing.starts_with("a task returns a `Result`"));
        let generic = said(
            quote!(name = "a"),
            quote!(
                fn add<T>() -> Result<T, E> {
                    todo
                }
            ),
        );
        assert!(generic.starts_with("a task cannot be generic"));
        let method = said(
            quote!(name = "a"),
            quote!(
                fn add(&self) -> Result<(), E> {
                    Ok(())
                }
            ),
        );
        assert!(method.contains("takes no `self`"));
    }
}
