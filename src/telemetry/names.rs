//! Every name that leaves this program as telemetry: those of the OpenTelemetry conventions for generative AI, and our own below `ibid.`.

/// The version of the semantic conventions that the names are taken from.
pub const CONVENTIONS: &str = "1.41.0";
/// Where that version's schema is.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.41.0";

/// Operations, as values of [`OPERATION`] and first words of span names.
pub mod operation {
    /// A run, or a graph inside it.
    pub const INVOKE_WORKFLOW: &str = "invoke_workflow";
    /// A step of kind `agent`.
    pub const INVOKE_AGENT: &str = "invoke_agent";
    /// A call of a language model.
    pub const CHAT: &str = "chat";
    /// A call of the embedding model.
    pub const EMBEDDINGS: &str = "embeddings";
    /// A use of a collection.
    pub const RETRIEVAL: &str = "retrieval";
    /// A call of a tool.
    pub const EXECUTE_TOOL: &str = "execute_tool";
}

/// What is done.
pub const OPERATION: &str = "gen_ai.operation.name";
/// Who does it; see [`PROVIDER_SERVER`] and [`PROVIDER_LOCAL`].
pub const PROVIDER: &str = "gen_ai.provider.name";
/// A server that speaks the OpenAI protocol, whoever runs it.
pub const PROVIDER_SERVER: &str = "openai";
/// A model in this process.
pub const PROVIDER_LOCAL: &str = "ibid";
/// The workflow or graph.
pub const WORKFLOW: &str = "gen_ai.workflow.name";
/// The agent.
pub const AGENT: &str = "gen_ai.agent.name";
/// The model that was asked for.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// Its temperature.
pub const TEMPERATURE: &str = "gen_ai.request.temperature";
/// Tokens that it may write.
pub const TOKENS_MAX: &str = "gen_ai.request.max_tokens";
/// Its seed.
pub const SEED: &str = "gen_ai.request.seed";
/// Texts that end its answer.
pub const STOP: &str = "gen_ai.request.stop_sequences";
/// The model that answered, by its own account.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Why its answer ended.
pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Tokens that it read.
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Tokens that it wrote.
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// The collection that was searched.
pub const DATA_SOURCE: &str = "gen_ai.data_source.id";
/// The tool.
pub const TOOL: &str = "gen_ai.tool.name";
/// What kind of tool it is.
pub const TOOL_TYPE: &str = "gen_ai.tool.type";
/// The class of a failure.
pub const ERROR_TYPE: &str = "error.type";
/// The host of a model server.
pub const SERVER_ADDRESS: &str = "server.address";
/// Its port.
pub const SERVER_PORT: &str = "server.port";
/// Whether the tokens of a measurement were read or written.
pub const TOKEN_TYPE: &str = "gen_ai.token.type";

/// Content: the system's instructions.
pub const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
/// Content: what a model was told.
pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
/// Content: what it answered.
pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
/// Content: what a tool was given.
pub const TOOL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
/// Content: what it gave.
pub const TOOL_RESULT: &str = "gen_ai.tool.call.result";
/// Content: what was searched for.
pub const QUERY: &str = "gen_ai.retrieval.query.text";
/// Content: what was found.
pub const DOCUMENTS: &str = "gen_ai.retrieval.documents";

/// The run's id; its bytes are the id of the trace.
pub const RUN: &str = "ibid.run.id";
/// How the run stands.
pub const STATUS: &str = "ibid.run.status";
/// The step.
pub const STEP: &str = "ibid.step.id";
/// Its kind.
pub const STEP_KIND: &str = "ibid.step.kind";
/// Its visit, from 1.
pub const VISIT: &str = "ibid.step.visit";
/// The frame it lies in.
pub const FRAME: &str = "ibid.step.frame";
/// How the visit ended.
pub const OUTCOME: &str = "ibid.step.outcome";
/// Attempts made, or which of them made a call.
pub const ATTEMPT: &str = "ibid.step.attempt";
/// Whether an answer came from the cache.
pub const CACHED: &str = "ibid.call.cached";
/// US dollars.
pub const COST: &str = "ibid.call.usd";
/// Content: what a run or step was given.
pub const INPUT: &str = "ibid.input";
/// Content: what it gave.
pub const OUTPUT: &str = "ibid.output";
/// Content: a file that was read.
pub const FILE: &str = "ibid.file";

/// Histogram: tokens of a call.
pub const TOKEN_USAGE: &str = "gen_ai.client.token.usage";
/// Its unit.
pub const TOKEN_UNIT: &str = "{token}";
/// Bounds of its buckets, as the conventions advise.
pub const TOKEN_BOUNDS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// Histogram: seconds that a call took.
pub const OPERATION_DURATION: &str = "gen_ai.client.operation.duration";
/// Its unit.
pub const DURATION_UNIT: &str = "s";
/// Bounds of its buckets, as the conventions advise.
pub const DURATION_BOUNDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
