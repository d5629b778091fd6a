//! What the benchmarks share: [`pool`] makes the assertions, [`candidate`] what is run with them, [`inner`] what it is run
//! around, [`refusal`] what is refused, [`timing`] the rounds.

// Each benchmark uses a part of this.
#![allow(dead_code)]

pub(crate) mod candidate;
pub(crate) mod inner;
pub(crate) mod pool;
pub(crate) mod process;
pub(crate) mod refusal;
pub(crate) mod timing;
