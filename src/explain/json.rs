//! Explanations as JSON, in the format that `schema.json` describes.

use std::ops::RangeInclusive;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Explanation, FORMAT};
use crate::clock::UnixTime;

impl Serialize for Explanation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("format", FORMAT)?;
        members.serialize_entry("at", &self.at)?;
        members.serialize_entry("claimed_client", &self.claimed_client)?;
        members.serialize_entry("policy", &self.policy)?;
        members.serialize_entry("endpoint", self.endpoint.name())?;
        members.serialize_entry("acceptable", &self.acceptable.as_ref().map(Window))?;
        members.serialize_entry("verdict", &self.verdict)?;
        members.serialize_entry("answer", &self.answer)?;
        members.serialize_entry("steps", &self.steps)?;
        members.serialize_entry("hints", &self.hints)?;
        members.serialize_entry("advice", &self.advice().collect::<Vec<_>>())?;
        members.serialize_entry("unjudged_claims", &self.unjudged)?;
        members.end()
    }
}

/// An end that no second lies beyond is left out.
struct Window<'a>(&'a RangeInclusive<UnixTime>);

impl Serialize for Window<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        if self.0.start().as_secs() > 0 {
            members.serialize_entry("from", self.0.start())?;
        }
        if self.0.end().as_secs() < u64::MAX {
            members.serialize_entry("to", self.0.end())?;
        }
        members.end()
    }
}
