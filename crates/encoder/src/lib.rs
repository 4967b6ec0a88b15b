//! The text encoders of *ibid*: token ids in, hidden states out; knows nothing of text, pooling or indexes.

mod activation;
pub mod bert;
pub mod cuda;
pub mod error;
pub mod instructions;
pub mod native;
pub mod pair;
pub mod precision;
pub mod random;
pub mod text_encoder;
pub mod vector;
