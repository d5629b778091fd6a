//! The layer in front of a token endpoint: which requests it guards, how it reads head and body,
//! and how it answers refused requests. The same for gRPC calls.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod body;
mod endpoint;
mod future;
mod grpc;
mod head;
mod inner_wait;
mod links;
mod malformed;
mod mounting;
mod optional;
mod outcomes;
mod page;
mod reasons;
mod redox;
mod render;
mod reports;
mod response_cache;
mod service;
mod tenants;
