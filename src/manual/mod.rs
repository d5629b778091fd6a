//! What is too long for the page of an item: the profiles side by side, why things are as they are, and how to run a fleet.

#[doc = include_str!("profiles.md")]
pub mod profiles {}

#[doc = include_str!("decisions.md")]
pub mod decisions {}

#[doc = include_str!("fleet.md")]
pub mod fleet {}

#[doc = include_str!("layers.md")]
pub mod layers {}
