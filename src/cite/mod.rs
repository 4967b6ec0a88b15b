//! provisional
pub mod verdict;
