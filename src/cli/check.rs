//! `ibid check`: claims from anywhere, each with a verdict and the quotes that it rests on.

use std::collections::HashMap;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::Exit;
use super::ask::{quoted, spoken, told_reason};
use super::context::Context;
use super::search::place;
use super::terminal::{
    Look, Stream, counted, note, one_line, out, out_json, seconds, shown_path, styled, width, wrapped,
};
use crate::answer::{AnswerClaim, Usage};
use crate::ask::compose::{answer_claim, citations};
use crate::check::against::{Against, Reading, Unread};
use crate::check::judge::Judge;
use crate::check::{CheckSettings, Source, check_claim, words_over};
use crate::cite::claims::{Claim, split_claims};
use crate::cite::verdict::Verdict;
use crate::config::Settings;
use crate::document::ByteSpan;
use crate::error::{Error, Result};
use crate::index::prepare::path_key;
use crate::inference::cross_encoder::Readers;
use crate::inference::llm::by_role;
use crate::ingest::isolated::Reader;
use crate::ingest::{load, walk};
use crate::retrieve::Searcher;
use crate::services::open_embedder;

/// Options of `ibid check`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckOptions {
    /// The claims, each in quotes; - (or none, behind a pipe) reads a text from standard input and checks each of its sentences
    #[arg(value_name = "CLAIM")]
    claims: Vec<String>,
    /// Check each sentence of this file, which may be of any kind that is read
    #[arg(long, value_name = "FILE", conflicts_with = "claims")]
    file: Option<PathBuf>,
    /// Check against these files, or the files in these folders, and not against the index
    #[arg(long, value_name = "FILE", num_args = 1..)]
    against: Vec<PathBuf>,
    /// Passages that each claim is held against [default: 10]
    #[arg(long, short = 'k', value_name = "N")]
    top_k: Option<usize>,
}

/// The claims and the text that their spans are of.
struct Given {
    text: String,
    claims: Vec<Claim>,
}

/// What became of all claims.
struct Report {
    claims: Vec<AnswerClaim>,
    /// What a reader of the verdicts should know.
    notes: Vec<String>,
    /// What the judge took.
    usage: Usage,
    took_ms: f64,
}

/// What claims are checked with.
struct Means<'a> {
    readers: Readers,
    /// The language model that may lower verdicts, where the settings name one.
    judge: Option<Judge>,
    settings: &'a CheckSettings,
    started: Instant,
}

pub(crate) fn run(options: &CheckOptions, context: &Context) -> Result<Exit> {
    context.catch_interrupts()?;
    let started = Instant::now();
    let mut settings = context.settings.check.clone();
    if options.top_k == Some(0) {
        return Err(Error::usage("--top-k 0 leaves nothing to check against; it is at least 1"));
    }
    settings.passages = options.top_k.unwrap_or(settings.passages);
    let mut options = options.clone();
    // Nobody calls a file `-`: after --against, too, it means standard input.
    if options.against.iter().any(|path| path == Path::new("-")) {
        options.against.retain(|path| path != Path::new("-"));
        options.claims.push("-".into());
    }
    let given = given(&options, &settings, context)?;
    let means = means(&settings, started, context)?;
    let mut notes = Vec::new();
    if options.against.is_empty() {
        let searcher = match Searcher::open(&context.settings.opening()?, &context.settings.retrieve) {
            Err(error @ Error::IndexMissing { .. }) => return Ok(nothing(&error.to_string())),
            opened => opened?,
        };
        if searcher.chunk_count()? == 0 {
            return Ok(nothing("the index is empty; fill it with: ibid index PATH"));
        }
        let exit = check(&given, &mut Source::Index(&searcher), means, notes, context)?;
        searcher.leave();
        return Ok(exit);
    }
    let embedder = open_embedder(&context.settings.embed)?.into();
    let Settings { walk, read, chunk, .. } = &context.settings;
    let reading = Reading { walk, read, chunk, check: &settings };
    let mut against = Against::read(&options.against, reading, embedder, &context.stop)?;
    let unread = |file: &Unread| format!("{}: {}", shown_path(&file.path), file.reason);
    if against.is_empty() {
        let why: Vec<String> = against.unread.iter().map(unread).collect();
        return Ok(nothing(&if why.is_empty() { "there is no file there".into() } else { why.join("; ") }));
    }
    notes.extend(against.unread.iter().map(|file| format!("not read: {}", unread(file))));
    check(&given, &mut Source::Files(&mut against), means, notes, context)
}

fn means<'a>(settings: &'a CheckSettings, started: Instant, context: &Context) -> Result<Means<'a>> {
    let Settings { embed, models, llm, offline, .. } = &context.settings;
    let open = |role: &String| Judge::open(role, &by_role(models, llm), embed.device, *offline);
    let judge = settings.judge.as_ref().map(open).transpose()?;
    Ok(Means { readers: Readers::open(&settings.readers(), embed)?, judge, settings, started })
}

/// Says that there is nothing to check against, and why.
fn nothing(why: &str) -> Exit {
    let error = styled(Stream::Err, Look::Bad, "error:");
    note(&format!("{error} there is nothing to check against: {}", one_line(why)));
    Exit::NothingFound
}

/// Checks every claim and tells of each as soon as it is judged.
fn check(
    given: &Given,
    source: &mut Source<'_>,
    mut means: Means<'_>,
    notes: Vec<String>,
    context: &Context,
) -> Result<Exit> {
    let settings = means.settings;
    let claims = Vec::with_capacity(given.claims.len());
    let mut report = Report { claims, notes, usage: Usage::default(), took_ms: 0.0 };
    let mut numbers = HashMap::new();
    for claim in &given.claims {
        if context.is_stopped() {
            return Err(Error::Interrupted);
        }
        if let Some(words) = words_over(&claim.text, settings) {
            report.notes.push(format!(
                "not checked: a claim of {words} words, over the limit check.claim_words_max = {}; a claim is one statement",
                settings.claim_words_max
            ));
        }
        let mut judged = check_claim(&claim.text, source, &means.readers, settings)?;
        if let Some(judge) = &mut means.judge {
            judge.read(&claim.text, &mut judged, &context.stop).inspect_err(|error| gave_up(judge, error))?;
        }
        let citations = citations(&judged.checked, &judged.hits, context.settings.ask.citations_max, &mut numbers);
        let claim = answer_claim(&claim.text, claim.span, &judged.checked, citations);
        if !context.json {
            out(&format!("{}\n\n", told(&claim)))?;
        }
        report.claims.push(claim);
    }
    if let Some(judge) = &means.judge {
        report.usage = judge.usage;
        report.notes.extend(judge_note(judge));
    }
    report.took_ms = means.started.elapsed().as_secs_f64() * 1000.0;
    if context.json {
        out_json(&report.to_json())?;
    } else {
        let by = means.judge.as_ref().map(judge_summary).unwrap_or_default();
        out(&format!("{}\n", styled(Stream::Out, Look::Faint, &format!("{}{by}", report.summary()))))?;
        report.notes.iter().for_each(|line| note(&styled(Stream::Err, Look::Warn, &one_line(line))));
    }
    let is_supported = report.claims.iter().all(|claim| claim.verdict == Verdict::Supported);
    Ok(if is_supported { Exit::Done } else { Exit::Problems })
}

/// Says whose failure follows, and what can be done without it.
fn gave_up(judge: &Judge, error: &Error) {
    if matches!(error, Error::Interrupted) {
        return;
    }
    let line =
        format!("the judge {} gave no opinion; without check.judge, claims are checked without it", judge.name());
    note(&styled(Stream::Err, Look::Warn, &one_line(&line)));
}

/// What a reader should know of a judge that cannot be read.
fn judge_note(judge: &Judge) -> Option<String> {
    let unread = counted(judge.unread as u64, "claim");
    (judge.unread > 0).then(|| {
        let name = judge.name();
        format!("on {unread} the judge {name} answered neither yes nor no; the verdict of the check stands there")
    })
}

/// What the judge was asked and what that took.
fn judge_summary(judge: &Judge) -> String {
    let Usage { input_tokens, output_tokens, usd } = judge.usage;
    let price = if usd > 0.0 { format!(", ${usd:.4}") } else { String::new() };
    let tokens = counted(input_tokens + output_tokens, "token");
    format!(" · judge {} read {}: {tokens}{price}", judge.name(), counted(judge.asked as u64, "claim"))
}

/// The claims of the arguments, of standard input, or of a file.
///
/// # Errors
/// [`Error::Usage`] where there is none or an empty one, [`Error::Limit`] above `check.claims_max`.
fn given(options: &CheckOptions, settings: &CheckSettings, context: &Context) -> Result<Given> {
    let is_input = |claim: &String| claim == "-";
    let given = match (&options.file, options.claims.as_slice()) {
        (Some(file), _) => of_text(read_text(file, context)?),
        (None, [only]) if is_input(only) => of_text(standard_input(context)?),
        (None, claims) if claims.iter().any(is_input) => {
            return Err(Error::usage("- reads the claims from standard input, so it stands alone"));
        }
        (None, []) if std::io::stdin().is_terminal() => {
            return Err(Error::usage(
                "there is no claim to check; write one in quotes, name a text with --file, or give one on standard input",
            ));
        }
        (None, []) => of_text(standard_input(context)?),
        (None, claims) => of_arguments(claims)?,
    };
    if given.claims.is_empty() {
        return Err(Error::usage("there is no claim to check: the text has no sentence with a word in it"));
    }
    let limit = settings.claims_max;
    if given.claims.len() > limit {
        let what = format!("a text of {} claims", given.claims.len());
        return Err(Error::Limit { what, setting: "check.claims_max", limit: limit as u64 });
    }
    Ok(given)
}

fn of_text(text: String) -> Given {
    Given { claims: split_claims(&text), text }
}

/// Each argument is a claim as it stands.
fn of_arguments(arguments: &[String]) -> Result<Given> {
    let mut given = Given { text: String::new(), claims: Vec::with_capacity(arguments.len()) };
    for (index, argument) in arguments.iter().enumerate() {
        let claim = argument.trim();
        if claim.is_empty() {
            return Err(Error::usage(format!("claim {} is empty; write what is claimed in quotes", index + 1)));
        }
        if !given.text.is_empty() {
            given.text.push('\n');
        }
        let start = given.text.len();
        given.text.push_str(claim);
        given.claims.push(Claim { text: claim.into(), span: ByteSpan::new(start, given.text.len()) });
    }
    Ok(given)
}

fn standard_input(context: &Context) -> Result<String> {
    let limit = context.settings.read.text_bytes_max;
    let mut bytes = Vec::new();
    let most = (limit as u64).saturating_add(1);
    std::io::stdin().take(most).read_to_end(&mut bytes).map_err(Error::io("read", "standard input"))?;
    if bytes.len() > limit {
        let what = "the text on standard input".into();
        return Err(Error::Limit { what, setting: "read.text_bytes_max", limit: limit as u64 });
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn read_text(file: &Path, context: &Context) -> Result<String> {
    if !file.exists() {
        return Err(walk::missing(file).into());
    }
    let settings = &context.settings.read;
    let named = |error: Error| match error {
        Error::Document { status, reason, source } => {
            Error::Document { status, reason: format!("{}: {reason}", shown_path(&path_key(file))), source }
        }
        other => other,
    };
    let source = load(file, settings).map_err(|error| named(error.into()))?;
    let document = Reader::new(settings.clone()).read(file, &source.bytes, &context.stop);
    Ok(document.map_err(|error| named(error.into()))?.text)
}

impl Report {
    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "schema": "ibid.check/1",
            "claims": self.claims,
            "notes": self.notes,
            "usage": self.usage,
            "took_ms": self.took_ms,
        })
    }

    /// How many claims have which verdict.
    fn summary(&self) -> String {
        let of = |verdict| self.claims.iter().filter(|claim| claim.verdict == verdict).count();
        let all = counted(self.claims.len() as u64, "claim");
        let verdicts =
            [Verdict::Supported, Verdict::Partial, Verdict::Contradicted, Verdict::Unsupported, Verdict::Unchecked];
        let counts: Vec<String> = verdicts
            .into_iter()
            .filter(|verdict| of(*verdict) > 0)
            .map(|verdict| format!("{} {}", of(verdict), spoken(verdict)))
            .collect();
        format!("{all}: {} · {}", counts.join(", "), seconds(self.took_ms / 1000.0))
    }
}

/// A claim behind its mark, its verdict, and where it stands.
fn told(claim: &AnswerClaim) -> String {
    let (mark, look) = match claim.verdict {
        Verdict::Supported => ("✓", Look::Good),
        Verdict::Partial => ("≈", Look::Warn),
        Verdict::Contradicted => ("✗", Look::Bad),
        Verdict::Unsupported => ("–", Look::Warn),
        Verdict::Unchecked => ("?", Look::Faint),
    };
    let text = wrapped(&shortened(&one_line(&claim.text)), width(), "  ");
    let mut lines = vec![format!("{} {}", styled(Stream::Out, look, mark), text.trim_start())];
    let by = format!("{} · {:.2}", claim.method, claim.score);
    let verdict = styled(Stream::Out, look, spoken(claim.verdict));
    lines.push(format!("  {verdict} {}", styled(Stream::Out, Look::Faint, &format!("· {by}"))));
    lines.extend(claim.reasons.iter().map(|reason| told_reason(reason, "    ")));
    let mut last = String::new();
    for citation in &claim.citations {
        let head = place(&citation.path, citation.page, &[]);
        // Quotes of one page stand below its name, which is said once.
        if head != last {
            lines.push(format!("    {}", styled(Stream::Out, Look::Source, &head)));
            last = head;
        }
        lines.push(wrapped(&quoted(&citation.quote), width(), "    "));
    }
    lines.join("\n")
}

/// Characters of a claim that are shown at most.
const SHOWN_CHARS_MAX: usize = 600;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_claims_as_they_stand() {
        let given = of_arguments(&["One. And two. ".into(), "Three [1]".into()]).unwrap();
        let texts: Vec<&str> = given.claims.iter().map(|claim| claim.text.as_str()).collect();
        assert_eq!(texts, ["One. And two.", "Three [1]"]);
        assert!(given.claims.iter().all(|claim| claim.span.of(&given.text) == claim.text));
        assert!(of_arguments(&["A.".into(), " ".into()]).is_err_and(|error| error.to_string().contains("claim 2")));
    }
}
