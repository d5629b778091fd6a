//! What the benchmarks share: [`pool`] signs assertions, [`candidate`] runs them, [`inner`] is the
//! service behind the layer, [`refusal`] lists refused requests, [`timing`] runs the rounds.

// Each benchmark uses a part of this.
#![allow(dead_code)]

pub(crate) mod candidate;
pub(crate) mod inner;
pub(crate) mod pool;
pub(crate) mod process;
pub(crate) mod refusal;
pub(crate) mod timing;
