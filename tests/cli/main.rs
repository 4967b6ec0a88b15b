//! The real binary over the sample documents and real weights, as a user runs it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail, and says what it skips")]

mod support;

mod ask;
mod bad_input;
mod check;
mod claims;
mod collections;
mod embedding;
mod index;
mod layers;
mod model_server;
mod models;
mod reading;
mod real_data;
mod runs;
mod search;
mod shipped;
mod survival;
mod telemetry;
mod trace_page;
mod workflow;
