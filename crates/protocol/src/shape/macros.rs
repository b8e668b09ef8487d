//! The macros that turn tables into types.

/// Structs that requests are decoded into.
///
/// `field: Type = "WireName" [RULE]` for each member, where the type is one of `String`,
/// `Cow<'a, str>`, `i32`, `i64`, `bool`, `Timestamp`, `Blob<'a>`, `Vec<T>`,
/// `BTreeMap<String, String>`, a `string_enum!` or another `input!`, in `Option` unless required.
/// Fields are as visible as the struct. A list or map needs a rule with a greatest length, or it does
/// not compile: so much of it is kept.
#[macro_export]
macro_rules! input {
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $name:ident $(<$lifetime:lifetime>)? { $($fields:tt)* }
    )+) => {$(
        $crate::__input! {
            [$(#[$meta])*] [$vis] $name [$($lifetime)?] { $($fields)* }
        }
    )+};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __input {
    ($metas:tt $vis:tt $name:ident [] $fields:tt) => {
        $crate::__input! { @emit $metas $vis $name ['wire] [$name] $fields }
    };
    ($metas:tt $vis:tt $name:ident [$lifetime:lifetime] $fields:tt) => {
        $crate::__input! { @emit $metas $vis $name [$lifetime] [$name<$lifetime>] $fields }
    };
    (@emit [$($meta:tt)*] [$vis:vis] $name:ident [$wire:lifetime] [$($this:tt)+] {
        $(
            $(#[$field_meta:meta])*
            $field:ident : $type:ty = $member:literal [ $rule:expr ]
        ),* $(,)?
    }) => {
        $($meta)*
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $($this)+ {
            $( $(#[$field_meta])* $vis $field: $type, )*
        }

        impl<$wire> $crate::shape::Shape for $($this)+ {
            const KIND: $crate::shape::Kind = $crate::shape::Kind::Structure(
                <Self as $crate::shape::Structure>::MEMBERS,
            );
        }

        impl<$wire> $crate::shape::Structure for $($this)+ {
            const MEMBERS: &'static [$crate::shape::Member] = &[$(
                $crate::shape::Member {
                    name: $member,
                    required: <$type as $crate::shape::Field<$wire>>::REQUIRED,
                    kind: <<$type as $crate::shape::Field<$wire>>::Value
                        as $crate::shape::Shape>::KIND,
                    rule: $crate::shape::bounded(
                        &<<$type as $crate::shape::Field<$wire>>::Value
                            as $crate::shape::Shape>::KIND,
                        $rule,
                    ),
                },
            )*];
        }

        impl<$wire> $crate::shape::Decode<$wire> for $($this)+ {
            #[allow(unused_variables, unused_mut, unreachable_patterns)]
            fn decode<R: $crate::reader::Reader<$wire>>(
                reader: &mut R,
                context: &mut $crate::shape::Context,
                path: &$crate::shape::Path<'_>,
                _rule: &$crate::shape::Rule,
            ) -> ::std::result::Result<$crate::shape::Decoded<Self>, $crate::DecodeError> {
                let members = <Self as $crate::shape::Structure>::MEMBERS;
                reader.begin_structure()?;
                $( let mut $field =
                    $crate::shape::Slot::<<$type as $crate::shape::Field<$wire>>::Value>::Absent; )*
                while let ::std::option::Option::Some(key) = reader.next_key()? {
                    match &*key {
                        $( $member => {
                            const RULE: &$crate::shape::Rule = &$rule;
                            let path = path.member(members, $member);
                            $field.fill(reader, context, &path, RULE)?;
                        } )*
                        _ => reader.skip_value()?,
                    }
                }
                $( let $field = <$type as $crate::shape::Field<$wire>>::from_slot(
                    $field, context, path, members, $member,
                ); )*
                ::std::result::Result::Ok(match ($( $field, )*) {
                    ($( ::std::option::Option::Some($field), )*) => {
                        $crate::shape::Decoded::Value(Self { $( $field, )* })
                    }
                    _ => $crate::shape::Decoded::Rejected,
                })
            }
        }
    };
}

/// Structs that replies are encoded from: `field: Type = "WireName"` for each member. Absent
/// options are left out. A struct without members encodes as a body without bytes.
#[macro_export]
macro_rules! output {
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $name:ident $(<$lifetime:lifetime>)? {
            $(
                $(#[$field_meta:meta])*
                $field:ident : $type:ty = $member:literal
            ),* $(,)?
        }
    )+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name $(<$lifetime>)? {
            $( $(#[$field_meta])* $vis $field: $type, )*
        }

        impl $(<$lifetime>)? $crate::shape::Shape for $name $(<$lifetime>)? {
            const KIND: $crate::shape::Kind = $crate::shape::Kind::Structure(
                <Self as $crate::shape::Structure>::MEMBERS,
            );
        }

        impl $(<$lifetime>)? $crate::shape::Structure for $name $(<$lifetime>)? {
            const MEMBERS: &'static [$crate::shape::Member] = &[$(
                $crate::shape::Member {
                    name: $member,
                    required: <$type as $crate::shape::EncodeField>::ALWAYS,
                    kind: <<$type as $crate::shape::EncodeField>::Value
                        as $crate::shape::Shape>::KIND,
                    rule: $crate::shape::Rule::ANY,
                },
            )*];
        }

        impl $(<$lifetime>)? $crate::shape::Encode for $name $(<$lifetime>)? {
            const IS_EMPTY: bool = <Self as $crate::shape::Structure>::MEMBERS.is_empty();

            fn encode<W: $crate::writer::Writer>(&self, writer: &mut W) {
                writer.begin_map();
                $( $crate::shape::EncodeField::encode_field(&self.$field, writer, $member); )*
                writer.end_map();
            }
        }
    )+};
}

/// Enums of strings, for inputs and outputs: `Variant = "WIRE"` for each value, in the order in
/// which violations shall print them.
#[macro_export]
macro_rules! string_enum {
    ($(
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident = $text:literal ),+ $(,)?
        }
    )+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        $vis enum $name {
            $( $(#[$variant_meta])* $variant, )+
        }

        #[allow(dead_code)]
        impl $name {
            /// Every value, as declared.
            $vis const ALL: &'static [Self] = &[$( Self::$variant, )+];
            /// The texts of every value, as declared.
            $vis const TEXTS: &'static [&'static str] = &[$( $text, )+];

            /// The text on the wire.
            $vis const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }

            /// The value with this text.
            $vis fn from_text(text: &str) -> ::std::option::Option<Self> {
                match text {
                    $( $text => ::std::option::Option::Some(Self::$variant), )+
                    _ => ::std::option::Option::None,
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::shape::Shape for $name {
            const KIND: $crate::shape::Kind = $crate::shape::Kind::Enum(Self::TEXTS);
        }

        impl<'wire> $crate::shape::Decode<'wire> for $name {
            fn decode<R: $crate::reader::Reader<'wire>>(
                reader: &mut R,
                _context: &mut $crate::shape::Context,
                _path: &$crate::shape::Path<'_>,
                _rule: &$crate::shape::Rule,
            ) -> ::std::result::Result<$crate::shape::Decoded<Self>, $crate::DecodeError> {
                let text = reader.string()?;
                ::std::result::Result::Ok(match Self::from_text(&text) {
                    ::std::option::Option::Some(value) => $crate::shape::Decoded::Value(value),
                    ::std::option::Option::None => {
                        $crate::shape::Decoded::Unlisted($crate::shape::ShownText::of(&text))
                    }
                })
            }

            fn print(&self, text: &mut $crate::shape::ShownText) {
                text.push(self.as_str());
            }
        }

        impl $crate::shape::Encode for $name {
            fn encode<W: $crate::writer::Writer>(&self, writer: &mut W) {
                writer.raw_ascii_string(self.as_str().as_bytes());
            }
        }
    )+};
}
