//! Pages that are too long for the documentation of one item.
//!
//! | question | page |
//! |---|---|
//! | Which rules hold? | [`profiles`] |
//! | Why is it this way? | [`decisions`] |
//! | What does this error mean, and what fixes it? | [`errors`] |
//! | Which layers go outside, which inside, and who holds a permit? | [`layers`] |
//! | Clients publish keys at a URL: what happens, and what is fetched when? | [`key_sets`] |
//! | Several nodes share a replay store: what is promised, and what must be run? | [`fleet`] |

#[doc = include_str!("profiles.md")]
pub mod profiles {}

#[doc = include_str!("decisions.md")]
pub mod decisions {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("layers.md")]
pub mod layers {}

#[doc = include_str!("key_sets.md")]
pub mod key_sets {}

#[doc = include_str!("fleet.md")]
pub mod fleet {}
