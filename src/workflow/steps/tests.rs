//! Steps on real parts.
