//! Enums whose values can be listed and numbered, so that no table about them can miss a value.

/// A type with finitely many values, numbered from zero without gaps.
///
/// A variant that carries owned data is listed with one sample of it, and all its values share the
/// number of that sample.
pub(crate) trait Listed: Sized {
    /// How many numbers there are.
    const COUNT: usize;

    /// Returns the number of this value, below [`COUNT`](Self::COUNT).
    fn index(&self) -> usize;

    /// Returns the value with this number.
    fn nth(index: usize) -> Option<Self>;

    /// Returns one value for each number, in order.
    fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).filter_map(Self::nth)
    }
}

/// `None` comes first.
impl<T: Listed> Listed for Option<T> {
    const COUNT: usize = 1 + T::COUNT;

    fn index(&self) -> usize {
        self.as_ref().map_or(0, |value| 1 + value.index())
    }

    fn nth(index: usize) -> Option<Self> {
        match index.checked_sub(1) {
            None => Some(None),
            Some(index) => T::nth(index).map(Some),
        }
    }
}

/// Defines an enum from rows of `Variant(field: Type, ..) => "text"`, with its `Display` and its
/// [`Listed`] implementation. A text may show the fields that its row names.
macro_rules! listed_enum {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident {
            $($(#[$variant_attribute:meta])* $variant:ident $(($($field:ident: $type:ty),+))? => $text:literal,)+
        }
    ) => {
        $(#[$attribute])*
        pub enum $name {
            $($(#[$variant_attribute])* $variant $(($($type),+))?,)+
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self {
                    $(#[allow(unused_variables, reason = "not every text shows every field")]
                    Self::$variant $(($($field),+))? => write!(f, $text),)+
                }
            }
        }

        impl $crate::rejection::list::Listed for $name {
            const COUNT: usize = 0 $(+ 1 $($(* <$type as $crate::rejection::list::Listed>::COUNT)+)?)+;

            #[allow(unused_assignments, unused_mut, unused_variables, reason = "most variants have no field")]
            fn index(&self) -> usize {
                let mut before = 0;
                $(
                    let mut count = 1;
                    if let Self::$variant $(($($field),+))? = self {
                        let mut index = before;
                        $($(
                            index += count * $field.index();
                            count *= <$type as $crate::rejection::list::Listed>::COUNT;
                        )+)?
                        return index;
                    }
                    $($(count *= <$type as $crate::rejection::list::Listed>::COUNT;)+)?
                    before += count;
                )+
                before
            }

            #[allow(unused_assignments, unused_mut, unused_variables, reason = "most variants have no field")]
            fn nth(mut index: usize) -> Option<Self> {
                $(
                    let count = 1 $($(* <$type as $crate::rejection::list::Listed>::COUNT)+)?;
                    if index < count {
                        $($(
                            let count = <$type as $crate::rejection::list::Listed>::COUNT;
                            let $field = <$type as $crate::rejection::list::Listed>::nth(index % count)?;
                            index /= count;
                        )+)?
                        return Some(Self::$variant $(($($field),+))?);
                    }
                    index -= count;
                )+
                None
            }
        }
    };
}

/// Defines an enum from rows of `Variant => "name"`: a [`listed_enum`] whose values have a name.
macro_rules! named_enum {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident {
            $($(#[$variant_attribute:meta])* $variant:ident => $text:literal,)+
        }
    ) => {
        $crate::rejection::list::listed_enum! {
            $(#[$attribute])*
            pub enum $name {
                $($(#[$variant_attribute])* $variant => $text,)+
            }
        }

        impl $name {
            /// Returns the name as it is written on the wire.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

pub(super) use {listed_enum, named_enum};
