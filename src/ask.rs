//! provisional
use serde::{Deserialize, Serialize};
/// x
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AskSettings {}
