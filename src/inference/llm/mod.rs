//! Messages in, an answer piece by piece out, from a model in this process or from a server; knows nothing of documents, prompts or citations.

pub mod chat;
mod llama;
pub mod local;
pub mod remote;
mod text;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use candle_core::Device;
use serde::{Deserialize, Serialize};

use super::manifest;
use crate::error::Result;

/// The local model used when the settings name none.
pub const DEFAULT_MODEL: &str = "smollm2-135m-instruct";
/// The role of the model in `[llm]`.
pub const DEFAULT_ROLE: &str = "default";
/// The role of the model that runs in this process; there without being named.
pub const LOCAL_ROLE: &str = "local";

/// A model that answers a conversation.
pub trait LanguageModel: Send + Sync {
    /// The name to show and to record.
    fn name(&self) -> &str;

    /// Answers `request`, handing each new piece of text to `on_text` as it comes. Pieces are whole characters and add up to
    /// [`Generated::text`]; a piece may be empty, so that a wish to stop is noticed while nothing is said. Blocks. The same
    /// request gives the same text on the same machine where the model runs here.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::error::Error::Limit) when the conversation does not fit the context;
    /// [`Error::Generation`](crate::error::Error::Generation) when the model gives no answer;
    /// [`Error::ServerUnreachable`](crate::error::Error::ServerUnreachable),
    /// [`Error::ModelServer`](crate::error::Error::ModelServer) and [`Error::Offline`](crate::error::Error::Offline) from a server.
    fn generate(
        &self,
        request: &GenerateRequest,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated>;
}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The one who sets the rules.
    System,
    /// The one who asks.
    User,
    /// The model.
    Assistant,
    /// A tool, to the model that called it; only for models that were told of tools.
    Tool,
}

impl Role {
    /// The name used in protocols and templates.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
    /// The tools that the model calls; only in its own messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call that this answers; only in a tool's messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

impl Message {
    /// A message of `role`.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), tool_calls: vec![], tool_call_id: None }
    }

    /// The model's message that calls tools.
    pub fn calling(content: impl Into<String>, tool_calls: Vec<ToolCall>) -> Self {
        Self { tool_calls, ..Self::new(Role::Assistant, content) }
    }

    /// A tool's answer to the call with this id.
    pub fn of_tool(tool_call_id: impl Into<String>, content: impl Into<String>) -> Self {
        Self { tool_call_id: Some(tool_call_id.into()), ..Self::new(Role::Tool, content) }
    }
}

/// Quoted text as it stands in tags in a message: nothing in it is a tag, however it is spelled.
#[must_use]
pub fn inside_tags(text: &str) -> String {
    text.replace('<', "< ")
}

/// A name as it stands in quotation marks in a tag, which it cannot end.
#[must_use]
pub fn inside_quotes(name: &str) -> String {
    inside_tags(name).replace(|c: char| matches!(c, '"' | '>') || c.is_control(), " ")
}

/// A model's wish to call a tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Names the call in its conversation.
    pub id: String,
    /// The tool.
    pub name: String,
    /// JSON as the model wrote it, which need not be JSON at all.
    pub arguments: String,
}

/// A tool as a model is told of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolDeclaration {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The JSON Schema of its arguments.
    pub parameters: serde_json::Value,
}

/// What is asked of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerateRequest {
    /// The conversation so far; the model says the next message.
    pub messages: Vec<Message>,
    /// Tokens the answer may have.
    pub tokens_max: usize,
    /// 0 takes the likeliest token each time; higher values spread the choice.
    pub temperature: f64,
    /// Decides the choice when the temperature is above 0.
    pub seed: u64,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// Tools that the model may call; only a server's model is told of them, see [`LlmSettings::has_native_tools`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolDeclaration>,
    /// The JSON Schema that the answer shall keep to; only a server's model is held to it, see
    /// [`LlmSettings::has_native_schema`]. The caller checks the answer in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<serde_json::Value>,
}

impl GenerateRequest {
    /// A request with the limits and the sampling of `settings`.
    #[must_use]
    pub fn new(messages: Vec<Message>, settings: &LlmSettings) -> Self {
        let LlmSettings { tokens_max, temperature, seed, .. } = *settings;
        Self { messages, tokens_max, temperature, seed, stop: vec![], tools: vec![], schema: None }
    }
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// The model was done, or said a stop text.
    Stop,
    /// A limit on tokens was reached.
    Length,
    /// The caller wanted no more.
    Cancelled,
}

/// A model's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generated {
    /// The whole answer.
    pub text: String,
    /// Tokens of the conversation; 0 where a server does not say.
    pub input_tokens: u64,
    /// Tokens of the answer; 0 where a server does not say.
    pub output_tokens: u64,
    /// Why it ended.
    pub finish: Finish,
    /// The model that answered, by its own account.
    pub model: String,
    /// The tools that it wants called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
}

/// Which language model answers, and within which limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LlmSettings {
    /// The name of a local model, or of a model of the server at `url`.
    pub model: Option<String>,
    /// The base address of a server that speaks the OpenAI chat protocol, such as `http://127.0.0.1:8080/v1`.
    pub url: Option<String>,
    /// The environment variable that holds the server's key.
    pub api_key_env: String,
    /// A file that holds the server's key; goes before the variable.
    pub api_key_file: Option<PathBuf>,
    /// Tokens an answer may have.
    pub tokens_max: usize,
    /// 0 takes the likeliest token each time.
    pub temperature: f64,
    /// Decides the choice when the temperature is above 0.
    pub seed: u64,
    /// Seconds without a byte from the server after which it counts as gone.
    pub timeout_s: u64,
    /// Seconds until a connection to the server must stand.
    pub connect_timeout_s: u64,
    /// Further attempts after a busy or broken server.
    pub retries: u32,
    /// Milliseconds before the first further attempt; doubled each time.
    pub retry_pause_ms: u64,
    /// Tokens that a conversation and its answer may have together; a model's own limit holds besides.
    pub context_tokens_max: usize,
    /// Price of a million tokens read.
    pub usd_per_million_input: f64,
    /// Price of a million tokens written.
    pub usd_per_million_output: f64,
    /// Whether the server's model is told of tools in the protocol's own way (`tools`, `tool_calls`); otherwise in words.
    pub native_tools: bool,
    /// Whether the server is asked to hold answers to a JSON Schema (`response_format`).
    pub native_schema: bool,
}

impl Default for LlmSettings {
    fn default() -> Self {
        Self {
            model: None,
            url: None,
            api_key_env: "IBID_API_KEY".into(),
            api_key_file: None,
            tokens_max: 512,
            temperature: 0.0,
            seed: 0,
            timeout_s: 120,
            connect_timeout_s: 10,
            retries: 3,
            retry_pause_ms: 500,
            context_tokens_max: 8_192,
            usd_per_million_input: 0.0,
            usd_per_million_output: 0.0,
            native_tools: true,
            native_schema: true,
        }
    }
}

impl LlmSettings {
    /// What the tokens of one answer cost, in US dollars.
    #[must_use]
    pub fn usd(&self, generated: &Generated) -> f64 {
        self.price(generated.input_tokens, generated.output_tokens)
    }

    /// What so many tokens read and written cost, in US dollars.
    #[must_use]
    pub fn price(&self, input_tokens: u64, output_tokens: u64) -> f64 {
        (input_tokens as f64 * self.usd_per_million_input + output_tokens as f64 * self.usd_per_million_output) / 1e6
    }

    /// The name of the model that is meant: the one set, else the local default.
    #[must_use]
    pub fn model_name(&self) -> &str {
        self.model.as_deref().unwrap_or(DEFAULT_MODEL)
    }

    /// Whether the model takes tools in its protocol.
    #[must_use]
    pub fn has_native_tools(&self) -> bool {
        self.url.is_some() && self.native_tools
    }

    /// Whether the model's server holds answers to a schema.
    #[must_use]
    pub fn has_native_schema(&self) -> bool {
        self.url.is_some() && self.native_schema
    }
}

/// The models by role: those `named`, the [`DEFAULT_ROLE`] as `llm` says, and the [`LOCAL_ROLE`] in this process unless it is named too.
#[must_use]
pub fn by_role(named: &BTreeMap<String, LlmSettings>, llm: &LlmSettings) -> BTreeMap<String, LlmSettings> {
    let mut roles = named.clone();
    let local = if llm.url.is_none() { llm.clone() } else { LlmSettings { url: None, model: None, ..llm.clone() } };
    roles.entry(LOCAL_ROLE.into()).or_insert(local);
    roles.entry(DEFAULT_ROLE.into()).or_insert_with(|| llm.clone());
    roles
}

/// Where a model may come from.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where a local model computes.
    pub device: &'a Device,
    /// A folder with further manifests.
    pub manifests: Option<&'a Path>,
    /// Only servers on this machine may be asked.
    pub offline: bool,
}

/// The model that `settings` ask for: the server's when `url` is set, else a local one.
///
/// # Errors
/// As [`remote::RemoteModel::open`] and [`local::LocalModel::open`];
/// [`Error::ModelUnknown`](crate::error::Error::ModelUnknown) when no local model has this name.
pub fn open(settings: &LlmSettings, surroundings: Surroundings<'_>) -> Result<Box<dyn LanguageModel>> {
    if settings.url.is_some() {
        return Ok(Box::new(remote::RemoteModel::open(settings, surroundings.offline)?));
    }
    let manifest = manifest::find(settings.model_name(), surroundings.manifests)?;
    Ok(Box::new(local::LocalModel::open(&manifest, settings, surroundings.device)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_with_defaults_and_unknown_keys_are_refused() {
        let settings: LlmSettings = toml::from_str("model = 'm'\ntokens_max = 7").unwrap();
        assert_eq!((settings.model.as_deref(), settings.tokens_max, settings.timeout_s), (Some("m"), 7, 120));
        assert!(toml::from_str::<LlmSettings>("api_key = 'secret'").is_err());
    }

    #[test]
    fn cost_follows_tokens() {
        let settings =
            LlmSettings { usd_per_million_input: 2.0, usd_per_million_output: 10.0, ..LlmSettings::default() };
        let text = String::new();
        let (input_tokens, output_tokens) = (500_000, 100_000);
        let generated = Generated {
            text,
            input_tokens,
            output_tokens,
            finish: Finish::Stop,
            model: "m".into(),
            tool_calls: vec![],
        };
        assert!((settings.usd(&generated) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn an_unknown_local_model_names_the_known_ones() {
        let settings = LlmSettings { model: Some("nosuch".into()), ..LlmSettings::default() };
        let surroundings = Surroundings { device: &Device::Cpu, manifests: None, offline: false };
        let error = open(&settings, surroundings).err().unwrap().to_string();
        assert!(error.contains(DEFAULT_MODEL), "{error}");
    }
}
