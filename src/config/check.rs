//! Gathered settings in, the first value out of its range as an error out; stages may then rely on the ranges.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::Settings;
use crate::ask::AskSettings;
use crate::check::CheckSettings;
use crate::check::judge::unknown;
use crate::chunk::{CONTEXT_TOKENS_MOST, ChunkSettings, TOKENS_MAX_LEAST};
use crate::error::{Error, Result};
use crate::index::IndexSettings;
use crate::inference::llm::{self, LlmSettings};
use crate::ingest::ReadSettings;
use crate::retrieve::RetrieveSettings;
use crate::store::StoreSettings;

/// Seconds that a server may be waited for at most: a longer wait is none that anybody sits out, and clocks have an end.
const DAY_S: u64 = 86_400;

/// Threads of one kind at most: far more only slow each other down, until the system refuses them.
const THREADS_MOST: usize = 1024;

/// The least stack of the thread that reads PDFs, in bytes: what a small file takes, and some nesting.
const STACK_BYTES_LEAST: usize = 1 << 20;

/// Places of a queue at most: they are all made at its beginning.
const QUEUE_MOST: usize = 65_536;

/// Candidates of one search at most: the engine makes room for all of them before it looks at one.
const CANDIDATES_MOST: usize = 100_000;

/// Checks every value that has a range.
///
/// # Errors
/// [`Error::Setting`] for the first that is out of it.
pub(super) fn check(settings: &Settings) -> Result<()> {
    if let Some(seconds) = settings.lock_wait_s {
        not_negative("lock_wait_s", seconds)?;
    }
    at_least("walk.files_max", settings.walk.files_max, 1)?;
    reading(&settings.read)?;
    chunking(&settings.chunk)?;
    at_least("embed.batch_tokens_max", settings.embed.batch_tokens_max, 1)?;
    at_least("embed.dimensions", settings.embed.dimensions.unwrap_or(1), 1)?;
    within("embed.threads", settings.embed.threads, 0..=THREADS_MOST)?;
    indexing(&settings.index)?;
    storing(&settings.store)?;
    retrieving(&settings.retrieve)?;
    within("lexicon.weight", settings.lexicon.weight, 0.0..=1.0)?;
    asking(&settings.ask)?;
    checking(&settings.check)?;
    judging(settings)?;
    generating("llm", &settings.llm)?;
    for (role, model) in &settings.models {
        generating(&format!("models.{role}"), model)?;
    }
    at_least("tools.result_bytes_max", settings.tools.result_bytes_max, 1)?;
    above_zero("tools.seconds_max", settings.tools.seconds_max)?;
    at_least("tools.observation_chars_max", settings.tools.observation_chars_max, 1)?;
    above_zero("otel.timeout_s", settings.otel.timeout_s)
}

fn reading(read: &ReadSettings) -> Result<()> {
    at_least("read.file_bytes_max", read.file_bytes_max, 1)?;
    at_least("read.text_bytes_max", read.text_bytes_max, 1)?;
    at_least("read.html_depth_max", read.html_depth_max, 1)?;
    at_least("read.pdf.pages_max", read.pdf.pages_max, 1)?;
    at_least("read.office.entries_max", read.office.entries_max, 1)?;
    at_least("read.office.entry_bytes_max", read.office.entry_bytes_max, 1)?;
    at_least("read.office.unpacked_bytes_max", read.office.unpacked_bytes_max, 1)?;
    at_least("read.office.ratio_max", read.office.ratio_max, 1)?;
    within("read.office.xml_depth_max", read.office.xml_depth_max, 1..=512)?;
    at_least("read.office.cells_max", read.office.cells_max, 1)?;
    within("read.data.depth_max", read.data.depth_max, 1..=512)?;
    at_least("read.data.values_max", read.data.values_max, 1)?;
    at_least("read.data.text_bytes_max", read.data.text_bytes_max, 1)?;
    at_least("read.mail.parts_max", read.mail.parts_max, 1)?;
    at_least("read.mail.messages_max", read.mail.messages_max, 1)?;
    at_least("read.rtf.depth_max", read.rtf.depth_max, 1)?;
    within("read.members.depth_max", read.members.depth_max, 1..=16)?;
    at_least("read.members.members_max", read.members.members_max, 1)?;
    at_least("read.members.bytes_max", read.members.bytes_max, 1)?;
    at_least("read.members.entries_max", read.members.entries_max, 1)?;
    at_least("read.process.memory_bytes_max", read.process.memory_bytes_max, 64 << 20)?;
    above_zero("read.process.seconds_max", read.process.seconds_max)?;
    at_least("read.process.cpu_seconds_max", read.process.cpu_seconds_max, 1)?;
    at_least("read.process.output_bytes_max", read.process.output_bytes_max, 1)?;
    at_least("read.process.files_max", read.process.files_max, 1)?;
    at_least("read.pdf.operations_max", read.pdf.operations_max, 1)?;
    at_least("read.pdf.stream_bytes_max", read.pdf.stream_bytes_max, 1)?;
    above_zero("read.pdf.ocr_seconds_max", read.pdf.ocr_seconds_max)?;
    at_least("read.pdf.stack_bytes", read.pdf.stack_bytes, STACK_BYTES_LEAST)
}

fn chunking(chunk: &ChunkSettings) -> Result<()> {
    let ChunkSettings { tokens_max, tokens_min, overlap_tokens, context_tokens_max } = *chunk;
    at_least("chunk.tokens_max", tokens_max, TOKENS_MAX_LEAST)?;
    // Who only lowers `tokens_max` need not lower the default too: it does no harm.
    if tokens_min > tokens_max && tokens_min != ChunkSettings::default().tokens_min {
        let reason = format!("it is at most chunk.tokens_max, here {tokens_max}");
        return Err(refused("chunk.tokens_min", &tokens_min, reason));
    }
    if overlap_tokens >= tokens_max {
        let reason = format!("it is less than chunk.tokens_max, here {tokens_max}");
        return Err(refused("chunk.overlap_tokens", &overlap_tokens, reason));
    }
    within("chunk.context_tokens_max", context_tokens_max, 0..=CONTEXT_TOKENS_MOST)
}

fn indexing(index: &IndexSettings) -> Result<()> {
    within("index.readers", index.readers, 1..=THREADS_MOST)?;
    within("index.queue_chunks_max", index.queue_chunks_max, 1..=QUEUE_MOST)?;
    at_least("index.window_chunks", index.window_chunks, 1)?;
    at_least("index.commit_chunks", index.commit_chunks, 1)?;
    not_negative("index.watch_quiet_s", index.watch_quiet_s)?;
    not_negative("index.watch_longest_s", index.watch_longest_s)
}

fn storing(store: &StoreSettings) -> Result<()> {
    not_negative("store.bm25_k1", store.bm25_k1)?;
    within("store.bm25_b", store.bm25_b, 0.0..=1.0)?;
    above_zero("store.bm25_average_words", store.bm25_average_words)?;
    within("store.search_effort", store.search_effort, 1..=CANDIDATES_MOST)
}

fn retrieving(retrieve: &RetrieveSettings) -> Result<()> {
    at_least("retrieve.top_k", retrieve.top_k, 1)?;
    within("retrieve.candidates", retrieve.candidates, 1..=CANDIDATES_MOST)?;
    within("retrieve.dense_weight", retrieve.dense_weight, 0.0..=1.0)?;
    not_negative("retrieve.rank_constant", retrieve.rank_constant)?;
    not_negative("retrieve.label_weight", retrieve.label_weight)?;
    within("retrieve.rerank_weight", retrieve.rerank_weight, 0.0..=1.0)?;
    within("retrieve.read", retrieve.read, 0..=100)?;
    within("retrieve.read_weight", retrieve.read_weight, 0.0..=1.0)?;
    at_least("retrieve.query_chars_max", retrieve.query_chars_max, 1)
}

fn asking(ask: &AskSettings) -> Result<()> {
    at_least("ask.passages", ask.passages, 1)?;
    at_least("ask.citations_max", ask.citations_max, 1)?;
    within("ask.extract.sentences_max", ask.extract.sentences_max, 1..=10)?;
    within("ask.extract.further_min", ask.extract.further_min, 0.0..=1.0)?;
    within("ask.answers_min", ask.answers_min, 0.0..=1.0)?;
    within("ask.extract.reading_weight", ask.extract.reading_weight, 0.0..=10.0)?;
    within("ask.extract.answerable_min", ask.extract.answerable_min, 0.0..=1.0)
}

fn checking(check: &CheckSettings) -> Result<()> {
    at_least("check.passages", check.passages, 1)?;
    at_least("check.candidates", check.candidates, 1)?;
    at_least("check.claim_words_max", check.claim_words_max, 1)?;
    at_least("check.claims_max", check.claims_max, 1)?;
    at_least("check.against_bytes_max", check.against_bytes_max, 1)?;
    match (check.entailment, &check.model) {
        (Some(class), None) => {
            let reason = "it is a class of the model that check.model names, and there is none".into();
            Err(refused("check.entailment", &class, reason))
        }
        _ => Ok(()),
    }
}

/// The judge is one of the language models.
fn judging(settings: &Settings) -> Result<()> {
    let Some(role) = &settings.check.judge else { return Ok(()) };
    let roles = llm::by_role(&settings.models, &settings.llm);
    if roles.contains_key(role) { Ok(()) } else { Err(unknown(role, roles.keys().map(String::as_str))) }
}

/// Checks the language model of `section`: `llm`, or a role's.
fn generating(section: &str, llm: &LlmSettings) -> Result<()> {
    let name = |key: &str| format!("{section}.{key}");
    at_least(&name("tokens_max"), llm.tokens_max, 1)?;
    not_negative(&name("temperature"), llm.temperature)?;
    within(&name("timeout_s"), llm.timeout_s, 1..=DAY_S)?;
    within(&name("connect_timeout_s"), llm.connect_timeout_s, 1..=DAY_S)?;
    within(&name("retry_pause_ms"), llm.retry_pause_ms, 0..=DAY_S * 1000)?;
    at_least(&name("context_tokens_max"), llm.context_tokens_max, 1)?;
    not_negative(&name("usd_per_million_input"), llm.usd_per_million_input)?;
    not_negative(&name("usd_per_million_output"), llm.usd_per_million_output)
}

fn at_least<T: Copy + PartialOrd + Display>(name: &str, value: T, least: T) -> Result<()> {
    if value >= least { Ok(()) } else { Err(refused(name, &value, format!("it is at least {least}"))) }
}

/// Also refuses NaN, which is in no range.
fn within<T: Copy + PartialOrd + Display>(name: &str, value: T, range: RangeInclusive<T>) -> Result<()> {
    let holds = range.contains(&value);
    let (least, most) = range.into_inner();
    if holds { Ok(()) } else { Err(refused(name, &value, format!("it is {least} to {most}"))) }
}

fn not_negative<T: Copy + Into<f64> + Display>(name: &str, value: T) -> Result<()> {
    let number: f64 = value.into();
    let holds = number.is_finite() && number >= 0.0;
    if holds { Ok(()) } else { Err(refused(name, &value, "it is a finite number, 0 or more".into())) }
}

fn above_zero(name: &str, value: f64) -> Result<()> {
    let holds = value.is_finite() && value > 0.0;
    if holds { Ok(()) } else { Err(refused(name, &value, "it is a finite number above 0".into())) }
}

fn refused(name: &str, value: &dyn Display, reason: String) -> Error {
    Error::Setting { name: name.into(), value: value.to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<()> {
        check(&toml::from_str(text).unwrap())
    }

    #[test]
    fn a_refusal_names_key_value_and_range() {
        for (text, told) in [
            ("chunk.tokens_max = 0", "`chunk.tokens_max` cannot be `0`: it is at least 16"),
            ("chunk.tokens_min = 201", "`chunk.tokens_min` cannot be `201`: it is at most chunk.tokens_max, here 200"),
            (
                "chunk.overlap_tokens = 200",
                "`chunk.overlap_tokens` cannot be `200`: it is less than chunk.tokens_max, here 200",
            ),
            ("retrieve.dense_weight = nan", "`retrieve.dense_weight` cannot be `NaN`: it is 0 to 1"),
            (
                "retrieve.label_weight = inf",
                "`retrieve.label_weight` cannot be `inf`: it is a finite number, 0 or more",
            ),
            ("store.bm25_average_words = 0", "`store.bm25_average_words` cannot be `0`: it is a finite number above 0"),
        ] {
            assert_eq!(checked(text).unwrap_err().to_string(), format!("setting {told}"));
        }
    }

    #[test]
    fn each_value_out_of_its_range_is_refused_by_its_full_name() {
        for text in [
            "lock_wait_s = nan",
            "walk.files_max = 0",
            "read.file_bytes_max = 0",
            "read.text_bytes_max = 0",
            "read.html_depth_max = 0",
            "read.data.depth_max = 513",
            "read.mail.parts_max = 0",
            "read.rtf.depth_max = 0",
            "read.members.depth_max = 17",
            "read.members.members_max = 0",
            "read.pdf.pages_max = 0",
            "read.pdf.operations_max = 0",
            "read.pdf.stream_bytes_max = 0",
            "read.pdf.stack_bytes = 4096",
            "chunk.tokens_max = 1",
            "chunk.context_tokens_max = 129",
            "embed.batch_tokens_max = 0",
            "embed.threads = 1025",
            "index.readers = 0",
            "index.queue_chunks_max = 9223372036854775807",
            "index.window_chunks = 0",
            "index.commit_chunks = 0",
            "store.bm25_k1 = -0.1",
            "store.bm25_b = 1.1",
            "store.bm25_average_words = inf",
            "store.search_effort = 0",
            "retrieve.top_k = 0",
            "retrieve.candidates = 0",
            "retrieve.candidates = 9223372036854775807",
            "retrieve.dense_weight = 1.1",
            "retrieve.rank_constant = -1.0",
            "retrieve.label_weight = 1e39",
            "retrieve.rerank_weight = nan",
            "retrieve.query_chars_max = 0",
            "ask.passages = 0",
            "ask.citations_max = 0",
            "ask.extract.sentences_max = 11",
            "ask.extract.further_min = nan",
            "ask.extract.answerable_min = -0.5",
            "ask.answers_min = 1.5",
            "check.entailment = 1",
            "check.judge = \"strong\"",
            "check.judge = \"extractive\"",
            "llm.tokens_max = 0",
            "llm.temperature = nan",
            "llm.timeout_s = 9223372036854775807",
            "llm.connect_timeout_s = 0",
            "llm.retry_pause_ms = 9223372036854775807",
            "llm.context_tokens_max = 0",
            "llm.usd_per_million_input = -1.0",
            "models.strong.usd_per_million_output = inf",
            "tools.result_bytes_max = 0",
            "tools.seconds_max = nan",
            "read.process.seconds_max = 0",
            "tools.observation_chars_max = 0",
            "otel.timeout_s = 0.0",
        ] {
            let (name, _) = text.split_once(" = ").unwrap();
            let error = checked(text).expect_err(text);
            assert!(matches!(&error, Error::Setting { name: told, .. } if told == name), "{text}: {error}");
        }
    }

    #[test]
    fn what_lies_on_an_edge_is_allowed() {
        for text in [
            "",
            "lock_wait_s = 0.0",
            "read.pdf.form_depth_max = 0",
            "chunk.tokens_max = 50",
            "chunk.tokens_max = 16\nchunk.overlap_tokens = 15\nchunk.tokens_min = 16",
            "chunk.tokens_min = 0\nchunk.overlap_tokens = 0\nchunk.context_tokens_max = 0",
            "store.bm25_k1 = 0\nstore.bm25_b = 1\nstore.scan_kilobytes_max = 0",
            "retrieve.rerank = 0\nretrieve.label_weight = 0\nretrieve.dense_weight = 1\nretrieve.rank_constant = 0",
            "ask.extract.further_min = 0.0\nask.extract.answerable_min = 1.0\nask.extract.sentences_max = 10",
            "check.model = \"folder\"\ncheck.entailment = 1",
            "check.judge = \"local\"",
            "check.judge = \"strong\"\nmodels.strong.tokens_max = 64",
            "llm.retries = 0\nllm.retry_pause_ms = 0\nbreaker.failures_max = 0",
        ] {
            checked(text).expect(text);
        }
    }
}
