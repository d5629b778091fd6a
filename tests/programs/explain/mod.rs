//! The example `explain`: what it makes of captured requests, and as a process.

mod curl;
mod input;
