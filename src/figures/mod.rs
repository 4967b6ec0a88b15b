//! A question for a figure and documents with tables go in, cells with their places and an exact result come out; writes no figure that no
//! cell holds or that does not follow from cells.
//!
//! What cannot be found exactly is not guessed: there is no result then.

mod answer;
mod beyond;
mod calendar;
mod choose;
mod compute;
mod find;
mod period;
mod question;
mod table;

pub use answer::{Figured, FiguredClaim, figure, is_asked, queries};
pub use table::Source;

#[cfg(test)]
mod tests;
