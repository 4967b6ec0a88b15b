//! What the steps of a run use, opened when it is first needed: collections, models by role, tools.

/// The opened parts that steps use; empty for graphs that need nothing outside.
#[derive(Debug, Default)]
pub struct Services {}
