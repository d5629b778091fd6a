//! Tables: every member is known by name, and occurs once.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::path::Path;
use super::value::refused;
use crate::text::Excerpt;

/// A table with a fixed set of members.
pub(super) trait Table: Default {
    const MEMBERS: &'static [&'static str];

    /// Returns whether the member was given.
    fn has(&self, name: &str) -> bool;

    /// Returns whether the member was given, and is not `false`.
    fn sets(&self, name: &str) -> bool;

    /// Reads the value of a member.
    fn take<'de, M: MapAccess<'de>>(&mut self, name: &'static str, path: Path<'_>, map: &mut M)
    -> Result<(), M::Error>;

    /// Says where a member belongs that is none of this table.
    fn elsewhere(name: &str) -> Option<&'static str> {
        let _ = name;
        None
    }
}

/// Declares a table. Each member is there or not.
macro_rules! table {
    ($(#[$meta:meta])* $name:ident { $($member:ident: $kind:ty,)+ } $($elsewhere:item)?) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default)]
        pub(super) struct $name {
            $(pub(super) $member: Option<$kind>,)+
        }

        impl $crate::config::table::Table for $name {
            const MEMBERS: &'static [&'static str] = &[$(stringify!($member)),+];

            fn has(&self, name: &str) -> bool {
                match name {
                    $(stringify!($member) => self.$member.is_some(),)+
                    _ => false,
                }
            }

            fn sets(&self, name: &str) -> bool {
                use $crate::config::value::Read;
                match name {
                    $(stringify!($member) => self.$member.as_ref().is_some_and(|value| !value.is_off()),)+
                    _ => false,
                }
            }

            fn take<'de, M: serde::de::MapAccess<'de>>(
                &mut self,
                name: &'static str,
                path: $crate::config::path::Path<'_>,
                map: &mut M,
            ) -> Result<(), M::Error> {
                use $crate::config::value::Member;
                match name {
                    $(stringify!($member) => {
                        self.$member = Some(map.next_value_seed(Member::at(path.member(name)))?);
                    })+
                    _ => {}
                }
                Ok(())
            }

            $($elsewhere)?
        }
    };
}

pub(super) use table;

/// The name of a member.
#[derive(Clone, Copy)]
pub(super) enum Name {
    /// One of the table.
    Ours(&'static str),
    /// One of the application.
    Theirs(&'static str),
}

/// Reads the name of a member. Errors have the place of the name.
pub(super) struct NameOf<'t, T> {
    pub(super) path: Path<'t>,
    pub(super) table: &'t T,
    /// The members of the application.
    pub(super) theirs: &'static [&'static str],
}

impl<'de, T: Table> DeserializeSeed<'de> for NameOf<'_, T> {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Name, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl<T: Table> Visitor<'_> for NameOf<'_, T> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        let known = |names: &'static [&'static str]| names.iter().find(|known| **known == name);
        match (known(T::MEMBERS), known(self.theirs)) {
            (Some(name), _) if self.table.has(name) => Err(self.path.member(name).error("given twice; give it once")),
            (Some(name), _) => Ok(Name::Ours(name)),
            (None, Some(name)) => Ok(Name::Theirs(name)),
            (None, None) => Err(self.path.member(name).error(self.unknown(name))),
        }
    }
}

impl<T: Table> NameOf<'_, T> {
    fn unknown(&self, name: &str) -> String {
        if let Some(place) = T::elsewhere(name) {
            return place.to_owned();
        }
        let known: Vec<_> = T::MEMBERS.iter().chain(self.theirs).copied().collect();
        let near = known.iter().find(|known| is_near(name, known));
        let near = near.map(|near| format!("did you mean {near}? ")).unwrap_or_default();
        format!("there is no such member; {near}use one of {}", known.join(", "))
    }
}

/// Whether two names differ by a single letter that is missing, superfluous, wrong, or in the wrong
/// order, or by hyphens and case.
fn is_near(name: &str, known: &str) -> bool {
    let (mut one, mut other) = (name.as_bytes(), known.as_bytes());
    if name.replace('-', "_").eq_ignore_ascii_case(known) {
        return true;
    }
    while let ([first, rest @ ..], [same, others @ ..]) = (one, other)
        && first == same
    {
        (one, other) = (rest, others);
    }
    match (one, other) {
        ([a, b, rest @ ..], [c, d, others @ ..]) if a == d && b == c && rest == others => true,
        ([_, rest @ ..], [_, others @ ..]) if rest == others => true,
        ([_, rest @ ..], all) if rest == all => true,
        (all, [_, rest @ ..]) => rest == all,
        _ => false,
    }
}

/// What was given: a table, or a text that stands for one.
pub(super) enum Given<T> {
    Text(String),
    Table(T),
}

/// Reads a table.
pub(super) fn read_table<'de, T: Table, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<T, D::Error> {
    let visitor = TableVisitor { path, text: None, table: PhantomData };
    match from.deserialize_any(visitor)? {
        Given::Table(table) => Ok(table),
        Given::Text(text) => Err(path.error(format_args!("{} is not valid; use a table", Excerpt::new(&text)))),
    }
}

/// Reads a table, or a text. `expected` says what the text may be.
pub(super) fn read_given<'de, T: Table, D: Deserializer<'de>>(
    path: Path<'_>,
    expected: &'static str,
    from: D,
) -> Result<Given<T>, D::Error> {
    from.deserialize_any(TableVisitor { path, text: Some(expected), table: PhantomData })
}

struct TableVisitor<'p, T> {
    path: Path<'p>,
    text: Option<&'static str>,
    table: PhantomData<T>,
}

impl<T> TableVisitor<'_, T> {
    fn refuse<V, E: Error>(&self, shown: impl fmt::Display) -> Result<V, E> {
        Err(match self.text {
            Some(text) => self.path.error(format_args!("{shown} is not valid; use {text}, or a table")),
            None => self.path.error(format_args!("{shown} is not valid; use a table")),
        })
    }
}

impl<'de, T: Table> Visitor<'de> for TableVisitor<'_, T> {
    type Value = Given<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Given<T>, M::Error> {
        let mut table = T::default();
        loop {
            let name = NameOf { path: self.path, table: &table, theirs: &[] };
            let Some(name) = map.next_key_seed(name)? else { return Ok(Given::Table(table)) };
            // The list of names that are not ours is empty.
            let (Name::Ours(name) | Name::Theirs(name)) = name;
            table.take(name, self.path, &mut map)?;
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Given<T>, E> {
        match self.text {
            Some(_) => Ok(Given::Text(value.to_owned())),
            None => self.refuse("a text"),
        }
    }

    refused!(flags numbers nothing lists);
}

#[cfg(test)]
mod tests {
    use super::is_near;

    #[test]
    fn near_misses_are_one_letter_apart() {
        for (name, known, near) in [
            ("max_lifetim", "max_lifetime", true),
            ("max_lifetimes", "max_lifetime", true),
            ("max_lifetine", "max_lifetime", true),
            ("max_lifetiem", "max_lifetime", true),
            ("max-lifetime", "max_lifetime", true),
            ("Max_Lifetime", "max_lifetime", true),
            ("max_life", "max_lifetime", false),
            ("max_lifetimess", "max_lifetime", false),
            ("nax_lifetine", "max_lifetime", false),
            ("", "a", true),
            ("a", "", true),
            ("", "ab", false),
        ] {
            assert_eq!(is_near(name, known), near, "{name:?} {known:?}");
        }
    }
}
