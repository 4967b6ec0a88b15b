//! Two texts as one input of an encoder; knows nothing of what stands between them.

/// Two texts as one input, of a token type each where the model has two.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The ids of both with special tokens, one or more.
    pub ids: &'a [u32],
    /// How many of them are of token type 0; those behind them are of type 1.
    pub first: usize,
}
