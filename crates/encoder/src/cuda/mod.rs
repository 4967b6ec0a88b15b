//! Token ids in, unit vectors out, on CUDA devices: the BERT family in 16 bits with kernels of its own; knows nothing of text.
//!
//! What decides without a device ([`plan`], the weights, the list of launches) is apart from what needs one, and the
//! kernels also run on a CPU (feature `host-kernels`), so that all of it but the driver's calls is tested anywhere.

pub mod half;
pub mod plan;
pub mod roofline;
pub mod stats;

#[cfg(any(feature = "cuda", all(test, feature = "host-kernels")))]
mod pass;
#[cfg(any(feature = "cuda", test))]
mod queue;
#[cfg(any(feature = "cuda", all(test, feature = "host-kernels")))]
mod weights;

#[cfg(feature = "cuda")]
mod devices;
#[cfg(feature = "cuda")]
mod encoder;
#[cfg(feature = "cuda")]
mod lane;

#[cfg(all(test, feature = "host-kernels"))]
mod host;

#[cfg(any(feature = "cuda", all(test, feature = "host-kernels")))]
pub use self::weights::Shape;
#[cfg(feature = "cuda")]
pub use self::{
    devices::{DeviceInfo, devices},
    encoder::{Encoder, Options},
};

/// Gets lines for a person: a batch that did not fit, a lane that could not be opened.
pub type Say = std::sync::Arc<dyn Fn(&str) + Send + Sync>;

/// Which rows make a text's vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// The mean of all.
    Mean,
    /// The first.
    First,
}

/// What is wanted of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// The texts' vectors.
    Vectors,
    /// The texts' vectors and one a token.
    VectorsAndTokens,
}

/// The model's output for one text.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// The text's unit vector, `[hidden]`; zeros for a text of no tokens.
    pub vector: Vec<f32>,
    /// One unit vector a token, `[tokens, hidden]` row-major; empty unless asked for.
    pub tokens: Vec<f32>,
}
