//! The derive macro of `Element`, which `gossip-core` has behind its feature `derive`.

mod expand;

use proc_macro::TokenStream;

/// Derives `Element`: the fields in their order, each as its own type is encoded, as one would write it by hand.
///
/// - `#[element(tag = "shop.price.1")]` names the type, once and for good. There is no default: renamed or moved, a type is
///   the same to other replicas, and one that is encoded in another way needs another tag. Type and constant parameters
///   are part of it.
/// - Before the fields of an enum goes a byte, the number of the variant in their order. Later versions have new variants
///   behind the others, under the same tag.
/// - A struct with one field has its numbers, if there are any.
/// - `Clone` and `Eq` are derived beside it. An `Eq` that leaves out a field breaks the laws, which `element_laws` checks.
///
/// A type that holds itself is refused: a stranger's bytes would say how deep it nests, and so how much stack is taken. The
/// macro sees no circle through another type. That is for whoever writes one to bound, by hand.
#[proc_macro_derive(Element, attributes(element))]
pub fn element(input: TokenStream) -> TokenStream {
    syn::parse(input).and_then(|input| expand::expand(&input)).unwrap_or_else(syn::Error::into_compile_error).into()
}
