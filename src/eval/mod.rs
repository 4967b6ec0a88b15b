//! Measurements of each stage on judged data.

pub mod claims;
