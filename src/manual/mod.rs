//! What is too long for the page of an item: the profiles side by side, and why things are as they are.

#[doc = include_str!("profiles.md")]
pub mod profiles {}

#[doc = include_str!("decisions.md")]
pub mod decisions {}
