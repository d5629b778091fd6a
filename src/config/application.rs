//! The members of the application, which are read out of the same table.
//!
//! The type of the application drives: it asks for its members as it would ask a format. Members of
//! this crate are read on the way. So nothing is buffered, and errors keep their place.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::path::Path;
use super::root::Root;
use super::table::{Name, NameOf, Table};

/// Reads the table of the whole configuration.
pub(super) struct Whole<A>(std::marker::PhantomData<A>);

impl<A> Whole<A> {
    pub(super) const NEW: Self = Self(std::marker::PhantomData);
}

impl<'de, A: Deserialize<'de>> Visitor<'de> for Whole<A> {
    type Value = (Root, A);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut root = Root::default();
        let application = A::deserialize(Application { map: &mut map, root: &mut root })?;
        root.check()?;
        Ok((root, application))
    }
}

/// What the type of the application reads from.
struct Application<'m, M> {
    map: &'m mut M,
    root: &'m mut Root,
}

impl<'de, M: MapAccess<'de>> Application<'_, M> {
    /// Reads the members of this crate up to the next one of the application.
    fn next(&mut self, theirs: &'static [&'static str]) -> Result<Option<&'static str>, M::Error> {
        loop {
            let name = NameOf { path: Path::ROOT, table: &*self.root, theirs };
            match self.map.next_key_seed(name)? {
                Some(Name::Ours(name)) => self.root.take(name, Path::ROOT, self.map)?,
                Some(Name::Theirs(name)) => return Ok(Some(name)),
                None => return Ok(None),
            }
        }
    }
}

impl<'de, M: MapAccess<'de>> Deserializer<'de> for Application<'_, M> {
    type Error = M::Error;

    /// A type that takes any member would take those that are misspelt.
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, M::Error> {
        Err(Error::custom("the type of the application's members must be a struct without `flatten`, or ()"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, M::Error> {
        if let Some(name) = fields.iter().find(|name| Root::MEMBERS.contains(name)) {
            return Err(Error::custom(format_args!(
                "{name}: the application has a member of the same name; rename it"
            )));
        }
        let mut members = Members { application: self, fields };
        let value = visitor.visit_map(&mut members)?;
        match members.application.next(fields)? {
            Some(name) => Err(Path::ROOT.member(name).error("the application does not read it")),
            None => Ok(value),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, M::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, M::Error> {
        self.next(&[])?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, M::Error> {
        self.deserialize_unit(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

/// The members of the application.
struct Members<'m, M> {
    application: Application<'m, M>,
    fields: &'static [&'static str],
}

impl<'de, M: MapAccess<'de>> MapAccess<'de> for &mut Members<'_, M> {
    type Error = M::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, M::Error> {
        let name = self.application.next(self.fields)?;
        name.map(|name| seed.deserialize(StrDeserializer::new(name))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, M::Error> {
        self.application.map.next_value_seed(seed)
    }
}
