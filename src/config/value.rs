//! The kinds of values. An error names the member, the value and what was expected.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use super::path::Path;
use crate::jose::algorithm::Algorithm;
use crate::policy::AudienceRule;
use crate::text::Excerpt;

/// A value that can be read from a member.
pub(super) trait Read: Sized {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error>;

    /// Returns whether the value leaves everything as it is.
    fn is_off(&self) -> bool {
        false
    }
}

/// The visits of a visitor that hands these kinds of values to its method `refuse`.
macro_rules! refused {
    (@flags) => {
        fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
            self.refuse(value)
        }
    };
    (@numbers) => {
        fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
            self.refuse(value)
        }

        fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
            self.refuse(value)
        }

        fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
            self.refuse(value)
        }
    };
    (@nothing) => {
        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            self.refuse("null")
        }
    };
    (@texts) => {
        fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
            self.refuse("a text")
        }
    };
    (@lists) => {
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            self.refuse("a list")
        }
    };
    (@tables) => {
        fn visit_map<A: serde::de::MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            self.refuse("a table")
        }
    };
    ($($kind:ident)+) => {
        $($crate::config::value::refused!(@$kind);)+
    };
}

pub(super) use refused;

/// A method of a builder.
pub(super) type Set<B, T> = fn(B, T) -> B;

/// Reads the value of the member at a path.
pub(super) struct Member<'p, T>(Path<'p>, PhantomData<T>);

impl<'p, T> Member<'p, T> {
    pub(super) fn at(path: Path<'p>) -> Self {
        Self(path, PhantomData)
    }
}

impl<'de, T: Read> DeserializeSeed<'de> for Member<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        T::read(self.0, from)
    }
}

/// A value that is no list and no table.
#[derive(Clone, Copy)]
pub(super) enum Scalar<'a> {
    Flag(bool),
    Number(u64),
    Text(&'a str),
}

impl<'a> Scalar<'a> {
    fn number(self) -> Option<u64> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    fn text(self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// Displays a value in an error. A URL with a user name may have a password.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.contains("://") && self.0.contains('@') {
            true => f.write_str("a URL with a user name"),
            false => Excerpt::new(self.0).fmt(f),
        }
    }
}

/// A kind of scalar.
pub(super) trait FromScalar: Sized {
    const EXPECTED: &'static str;
    /// Whether errors leave out the value.
    const SECRET: bool = false;

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self>;
}

struct ScalarVisitor<'p, T>(Path<'p>, PhantomData<T>);

impl<T: FromScalar> ScalarVisitor<'_, T> {
    fn take<E: Error>(&self, scalar: Scalar<'_>, shown: impl fmt::Display) -> Result<T, E> {
        match T::from_scalar(scalar) {
            Some(value) => Ok(value),
            None => self.refuse(shown),
        }
    }

    fn refuse<V, E: Error>(&self, shown: impl fmt::Display) -> Result<V, E> {
        Err(match T::SECRET {
            true => self.0.error(format_args!("the value is not valid; use {}", T::EXPECTED)),
            false => self.0.error(format_args!("{shown} is not valid; use {}", T::EXPECTED)),
        })
    }
}

impl<'de, T: FromScalar> Visitor<'de> for ScalarVisitor<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
        self.take(Scalar::Flag(value), value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        match u64::try_from(value) {
            Ok(number) => self.visit_u64(number),
            Err(_) => self.refuse(value),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        self.take(Scalar::Number(value), value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        self.refuse(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<T, E> {
        self.take(Scalar::Text(value), Shown(value))
    }

    refused!(nothing lists tables);
}

pub(super) fn read_scalar<'de, T: FromScalar, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<T, D::Error> {
    from.deserialize_any(ScalarVisitor(path, PhantomData))
}

/// Declares a kind of scalar.
macro_rules! scalar {
    ($(#[$meta:meta])* $name:ident($inner:ty) = $expected:expr, $convert:expr $(, secret = $secret:literal)?) => {
        $(#[$meta])*
        #[derive(Clone)]
        pub(super) struct $name(pub(super) $inner);

        impl FromScalar for $name {
            const EXPECTED: &'static str = $expected;
            $(const SECRET: bool = $secret;)?

            fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
                let convert: fn(Scalar<'_>) -> Option<$inner> = $convert;
                convert(scalar).map(Self)
            }
        }

        impl Read for $name {
            fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
                read_scalar(path, from)
            }
        }
    };
}

scalar!(
    #[derive(Debug)]
    Text(String) = "a text that is not empty",
    |scalar| { scalar.text().filter(|text| !text.is_empty()).map(str::to_owned) }
);
scalar!(
    #[derive(Debug)]
    File(PathBuf) = "the path of a file",
    |scalar| { scalar.text().filter(|text| !text.is_empty()).map(PathBuf::from) }
);
scalar!(
    #[derive(Debug)]
    Secs(Duration) = "a whole number of seconds",
    |scalar| { scalar.number().map(Duration::from_secs) }
);
scalar!(
    #[derive(Debug)]
    Millis(Duration) = "a whole number of milliseconds from 1",
    |scalar| { scalar.number().filter(|number| *number > 0).map(Duration::from_millis) }
);
scalar!(
    #[derive(Debug)]
    Count(usize) = "a whole number from 1",
    |scalar| { scalar.number().filter(|number| *number > 0)?.try_into().ok() }
);
scalar!(
    #[derive(Debug)]
    Replicas(u32) = "a whole number from 1",
    |scalar| { scalar.number().filter(|number| *number > 0)?.try_into().ok() }
);
scalar!(
    #[derive(Debug)]
    AnyMillis(Duration) = "a whole number of milliseconds",
    |scalar| scalar.number().map(Duration::from_millis)
);
scalar!(
    /// A time, or none at all.
    #[derive(Debug)]
    SecsOrAny(Option<Duration>) = "a whole number of seconds, or \"any\"",
    |scalar| match scalar {
        Scalar::Number(number) => Some(Some(Duration::from_secs(number))),
        Scalar::Text("any") => Some(None),
        _ => None,
    }
);
scalar!(
    #[derive(Debug)]
    AlgorithmName(Algorithm) = "a JOSE algorithm, such as ES256 or PS256",
    |scalar| { scalar.text()?.parse().ok() }
);
scalar!(
    #[derive(Debug)]
    Rule(AudienceRule) = "issuer-string, sole-issuer, urls or issuer-or-urls",
    |scalar| match scalar.text()? {
        "issuer-string" => Some(AudienceRule::IssuerString),
        "sole-issuer" => Some(AudienceRule::SoleIssuer),
        "urls" => Some(AudienceRule::Urls),
        "issuer-or-urls" => Some(AudienceRule::IssuerOrUrls),
        _ => None,
    }
);
scalar!(
    /// A text that may have a password.
    RedisUrl(String) = "redis://[user:password@]host[:port][/database], or rediss:// for TLS",
    |scalar| scalar.text().filter(|text| is_redis(text)).map(str::to_owned),
    secret = true
);

/// Whether a text is meant to be the URL of a Redis store.
pub(super) fn is_redis(text: &str) -> bool {
    text.starts_with("redis://") || text.starts_with("rediss://")
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisUrl(..)")
    }
}

/// `true`, or `false` for what is so anyway.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag(pub(super) bool);

impl FromScalar for Flag {
    const EXPECTED: &'static str = "true or false";

    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        if let Scalar::Flag(flag) = scalar { Some(Self(flag)) } else { None }
    }
}

impl Read for Flag {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        read_scalar(path, from)
    }

    fn is_off(&self) -> bool {
        !self.0
    }
}

/// A list of scalars.
#[derive(Clone, Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T: FromScalar> Read for List<T> {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ListVisitor(path, PhantomData)).map(Self)
    }
}

/// Two times, the shorter and the longer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Between(pub(super) Duration, pub(super) Duration);

impl Read for Between {
    fn read<'de, D: Deserializer<'de>>(path: Path<'_>, from: D) -> Result<Self, D::Error> {
        let times: Vec<Secs> = from.deserialize_any(ListVisitor(path, PhantomData))?;
        match times[..] {
            [Secs(one), Secs(other)] => Ok(Self(one, other)),
            _ => Err(path.error(format_args!("a list of {} is not valid; use a list of two times", times.len()))),
        }
    }
}

struct ListVisitor<'p, T>(Path<'p>, PhantomData<T>);

impl<T: FromScalar> ListVisitor<'_, T> {
    fn refuse<V, E: Error>(&self, shown: impl fmt::Display) -> Result<V, E> {
        Err(self.0.error(format_args!("{shown} is not valid; use a list, each of it {}", T::EXPECTED)))
    }
}

impl<'de, T: FromScalar> Visitor<'de> for ListVisitor<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list, each of it {}", T::EXPECTED)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Item(self.0, PhantomData))? {
            values.push(value);
        }
        Ok(values)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Vec<T>, E> {
        if T::SECRET { self.refuse("one text") } else { self.refuse(Shown(value)) }
    }

    refused!(flags numbers nothing tables);
}

struct Item<'p, T>(Path<'p>, PhantomData<T>);

impl<'de, T: FromScalar> DeserializeSeed<'de> for Item<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        read_scalar(self.0, from)
    }
}
