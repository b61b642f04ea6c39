//! From the definition of a type to its `impl Element`.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Data, DataEnum, DataStruct, DeriveInput, Error, Fields, GenericParam, Ident, LitStr, Result, Type,
    parse_quote,
};

/// Numbers of variants are varints of one byte.
const MAX_VARIANTS: u8 = 128;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let tag = tag(input)?;
    let Body { numbers, encode, decode } = match &input.data {
        Data::Struct(data) => Body::of_struct(data, name)?,
        Data::Enum(data) => Body::of_enum(data, name)?,
        Data::Union(data) => {
            let what = "a union is no element: its bytes do not tell which field is there";
            return Err(Error::new_spanned(data.union_token, what));
        }
    };
    let mut generics = input.generics.clone();
    for parameter in input.generics.type_params() {
        let parameter = &parameter.ident;
        generics.make_where_clause().predicates.push(parse_quote!(#parameter: ::gossip_core::Element));
    }
    let (parameters, arguments, bounds) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::gossip_core::Element for #name #arguments #bounds {
            const TYPE: ::gossip_core::TypeTag = #tag;
            #numbers

            fn encode(&self, out: &mut ::gossip_core::derived::Vec<u8>) {
                match *self { #encode }
            }

            fn decode(input: &mut &[u8]) -> ::core::option::Option<Self> {
                #decode
            }
        }
    })
}

/// What differs from type to type.
struct Body {
    numbers: Option<TokenStream>,
    /// The arms of a match.
    encode: TokenStream,
    decode: TokenStream,
}

impl Body {
    fn of_struct(data: &DataStruct, name: &Ident) -> Result<Self> {
        let form = Form::new(quote!(Self), &data.fields, name)?;
        let (pattern, encode, decode) = (form.pattern(), form.encode(), form.decode());
        Ok(Self { numbers: form.numbers(), encode: quote!(#pattern => { #encode }), decode })
    }

    fn of_enum(data: &DataEnum, name: &Ident) -> Result<Self> {
        let (mut encodings, mut decodings) = (TokenStream::new(), TokenStream::new());
        for (number, variant) in (0_u8..).zip(&data.variants) {
            let variant_name = &variant.ident;
            if number == MAX_VARIANTS {
                return Err(Error::new_spanned(variant_name, "an element has at most 128 variants"));
            }
            refuse_attributes(&variant.attrs)?;
            let form = Form::new(quote!(Self::#variant_name), &variant.fields, name)?;
            let (pattern, encode, decode) = (form.pattern(), form.encode(), form.decode());
            encodings.extend(quote!(#pattern => { out.push(#number); #encode }));
            decodings.extend(quote!(#number => #decode,));
        }
        let decode = quote! {
            match <u8 as ::gossip_core::Element>::decode(input)? {
                #decodings
                _ => ::core::option::Option::None,
            }
        };
        Ok(Self { numbers: None, encode: encodings, decode })
    }
}

/// The type tag: the name that is given, and the parameters.
fn tag(input: &DeriveInput) -> Result<TokenStream> {
    let mut name: Option<LitStr> = None;
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("element")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("tag") {
                return Err(meta.error("the one key is `tag`"));
            }
            if name.is_some() {
                return Err(meta.error("a type has one tag"));
            }
            name = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    let name = name.ok_or_else(|| {
        let what =
            "name its type for other replicas: #[element(tag = \"…\")]. The tag stays where a type is renamed or moved";
        Error::new_spanned(&input.ident, what)
    })?;
    if name.value().is_empty() {
        return Err(Error::new_spanned(name, "a tag is a name that no other type has: this is empty"));
    }
    let parameters = input.generics.params.iter().map(|parameter| match parameter {
        GenericParam::Type(parameter) => {
            let parameter = &parameter.ident;
            quote!(.then(<#parameter as ::gossip_core::Element>::TYPE))
        }
        GenericParam::Const(parameter) => {
            let parameter = &parameter.ident;
            quote!(.with(#parameter as u64))
        }
        GenericParam::Lifetime(_) => TokenStream::new(),
    });
    Ok(quote!(::gossip_core::TypeTag::new(#name) #(#parameters)*))
}

/// What `Element` has by this name for a type. Where the type is none, the compiler points at it.
fn associated(of: &Type, name: &Ident) -> TokenStream {
    quote_spanned!(of.span()=> <#of as ::gossip_core::Element>::#name)
}

/// A struct, or a variant of an enum.
struct Form<'a> {
    path: TokenStream,
    fields: &'a Fields,
}

impl<'a> Form<'a> {
    /// The form of this path with these fields, of the type of this name.
    fn new(path: TokenStream, fields: &'a Fields, name: &Ident) -> Result<Self> {
        for field in fields {
            refuse_attributes(&field.attrs)?;
            if let Some(itself) = find_itself(name, field.ty.to_token_stream()) {
                let what = "a type that holds itself nests as deep as a stranger's bytes say: write its `Element` by hand, \
                            with a bound";
                return Err(Error::new_spanned(itself, what));
            }
        }
        Ok(Self { path, fields })
    }

    /// The numbers of a struct with one field, which are those of the field.
    fn numbers(&self) -> Option<TokenStream> {
        let (Some(field), 1) = (self.fields.iter().next(), self.fields.len()) else { return None };
        let (member, numbers) = (self.fields.members().next(), associated(&field.ty, &format_ident!("NUMBERS")));
        Some(quote! {
            const NUMBERS: ::core::option::Option<::gossip_core::Numbers<Self>> = match #numbers {
                ::core::option::Option::Some(_) => ::core::option::Option::Some(::gossip_core::Numbers {
                    to: |value| #numbers.map_or(0, |numbers| (numbers.to)(&value.#member)),
                    from: |number| (#numbers?.from)(number).map(|field| Self { #member: field }),
                }),
                ::core::option::Option::None => ::core::option::Option::None,
            };
        })
    }

    /// The pattern that binds all fields. Numbers name those of a tuple, so it has one form for all.
    fn pattern(&self) -> TokenStream {
        let (path, members, bindings) = (&self.path, self.fields.members(), self.bindings());
        quote!(#path { #(#members: ref #bindings),* })
    }

    fn encode(&self) -> TokenStream {
        let types = self.fields.iter().map(|field| associated(&field.ty, &format_ident!("encode")));
        let bindings = self.bindings();
        quote!(#(#types(#bindings, out);)*)
    }

    fn decode(&self) -> TokenStream {
        let types = self.fields.iter().map(|field| associated(&field.ty, &format_ident!("decode")));
        let (path, members) = (&self.path, self.fields.members());
        quote!(::core::option::Option::Some(#path { #(#members: #types(input)?),* }))
    }

    fn bindings(&self) -> impl Iterator<Item = Ident> {
        (0..self.fields.len()).map(|i| format_ident!("field_{i}"))
    }
}

fn refuse_attributes(attributes: &[Attribute]) -> Result<()> {
    match attributes.iter().find(|attribute| attribute.path().is_ident("element")) {
        Some(attribute) => Err(Error::new_spanned(attribute, "only the type as a whole has a tag")),
        None => Ok(()),
    }
}

/// Where a type of a field names the type that it is a field of. Of other modules' types of that name it says nothing.
fn find_itself(name: &Ident, tokens: TokenStream) -> Option<Ident> {
    let mut of_a_path = false;
    for token in tokens {
        match token {
            TokenTree::Ident(found) if (found == *name || found == "Self") && !of_a_path => return Some(found),
            TokenTree::Group(group) => {
                if let Some(found) = find_itself(name, group.stream()) {
                    return Some(found);
                }
                of_a_path = false;
            }
            TokenTree::Punct(punct) => of_a_path = punct.as_char() == ':',
            _ => of_a_path = false,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error that a definition earns, and the text that it stands at.
    fn refused(definition: &str) -> Option<(String, String)> {
        let input = syn::parse_str(definition).expect("a definition");
        let error = expand(&input).err()?;
        Some((error.to_string(), error.span().source_text()?))
    }

    #[test]
    fn what_is_no_element_is_refused_where_it_stands() {
        let tag =
            "name its type for other replicas: #[element(tag = \"…\")]. The tag stays where a type is renamed or moved";
        let itself = "a type that holds itself nests as deep as a stranger's bytes say: write its `Element` by hand, with a bound";
        let whole = "only the type as a whole has a tag";
        for (definition, error, at) in [
            ("struct Price(u64);", tag, "Price"),
            ("#[element()] struct Price(u64);", tag, "Price"),
            ("#[element(tag = \"\")] struct A;", "a tag is a name that no other type has: this is empty", "\"\""),
            ("#[element(tag = \"a\", tag = \"b\")] struct A;", "a type has one tag", "tag"),
            ("#[element(tag = \"a\")] #[element(tag = \"b\")] struct A;", "a type has one tag", "tag"),
            ("#[element(name = \"a\")] struct A;", "the one key is `tag`", "name"),
            ("#[element(tag = 1)] struct A;", "expected string literal", "1"),
            ("#[element(tag = \"a\")] struct A(#[element(skip)] u8);", whole, "#[element(skip)]"),
            ("#[element(tag = \"a\")] enum A { #[element(1)] B }", whole, "#[element(1)]"),
            (
                "#[element(tag = \"a\")] union A { b: u8 }",
                "a union is no element: its bytes do not tell which field is there",
                "union",
            ),
            ("#[element(tag = \"a\")] enum Tree { Leaf, Node(Box<Tree>) }", itself, "Tree"),
            ("#[element(tag = \"a\")] struct A<T> { b: (u8, [Vec<Self>; 2]), c: T }", itself, "Self"),
        ] {
            assert_eq!(refused(definition), Some((error.into(), at.into())), "{definition}");
        }
    }

    #[test]
    fn a_type_of_that_name_in_another_module_is_another_type() {
        assert_eq!(refused("#[element(tag = \"a\")] struct Price(shop::Price);"), None);
    }

    #[test]
    fn variants_fit_a_byte() {
        let variants = |count: usize| {
            let variants: String = (0..count).map(|i| format!("V{i},")).collect();
            refused(&format!("#[element(tag = \"a\")] enum A {{ {variants} }}"))
        };
        assert_eq!(variants(128), None);
        assert_eq!(variants(129), Some(("an element has at most 128 variants".into(), "V128".into())));
    }
}
