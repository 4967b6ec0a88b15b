//! The real binary over the sample documents and real weights, as a user runs it.

mod support;

mod ask;
mod bad_input;
mod embedding;
mod index;
mod layers;
mod real_data;
mod search;
