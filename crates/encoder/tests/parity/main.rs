//! Every family of text encoders against references computed elsewhere (`scripts/model-parity.py`), on tiny models whose
//! weights a formula fills in; and what happens to files that are not what their configuration says.
#![expect(clippy::unwrap_used, reason = "tests")]

mod agreement;
mod fixture;
mod refusals;
