//! Writes a stored enum and both its conversions, from the same list of variants: when the domain's enum changes, this
//! does not compile until somebody decides what is stored.

/// `mirror! { Stored <=> Domain { Variant, Variant { field: StoredType } } }`
macro_rules! mirror {
    ($(#[$meta:meta])* $stored:ident <=> $domain:ident { $($(#[$variant_meta:meta])* $variant:ident $({ $($(#[$field_meta:meta])* $field:ident : $type:ty),+ $(,)? })?),+ $(,)? }) => {
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        $(#[$meta])*
        pub(crate) enum $stored { $($(#[$variant_meta])* $variant $({ $($(#[$field_meta])* $field: $type),+ })?),+ }

        impl From<$domain> for $stored {
            fn from(domain: $domain) -> Self {
                match domain { $($domain::$variant $({ $($field),+ })? => Self::$variant $({ $($field: $field.into()),+ })?),+ }
            }
        }

        impl From<$stored> for $domain {
            fn from(stored: $stored) -> Self {
                match stored { $($stored::$variant $({ $($field),+ })? => Self::$variant $({ $($field: $field.into()),+ })?),+ }
            }
        }
    };
}

pub(crate) use mirror;
