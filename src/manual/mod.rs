//! What is too long for the page of an item: the profiles side by side, why things are as they are, what keys by URL and a
//! fleet of nodes ask of whoever runs the endpoint, and where the layer stands among others.

#[doc = include_str!("profiles.md")]
pub mod profiles {}

#[doc = include_str!("decisions.md")]
pub mod decisions {}

#[doc = include_str!("key_sets.md")]
pub mod key_sets {}

#[doc = include_str!("fleet.md")]
pub mod fleet {}

#[doc = include_str!("layers.md")]
pub mod layers {}
