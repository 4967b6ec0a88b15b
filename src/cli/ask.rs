//! `ibid ask`: a question answered from the index, each sentence with a source that was checked.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use serde_json::{Map, Value};

use super::Exit;
use super::context::Context;
use super::run::{engine_of, report, send_telemetry};
use super::search::{given_text, place, searched_instead};
use super::terminal::{Look, Stream, note, one_line, out, out_json, seconds, styled, visible, width, wrapped};
use super::workflow::ready;
use crate::answer::{ANSWER_SCHEMA, Answer, AnswerClaim, AnswerStatus, Citation, Conflict, Models, Side, Usage};
use crate::ask::{Drafting, EXTRACTIVE};
use crate::cite::structure::Reason;
use crate::cite::verdict::Verdict;
use crate::collections::DEFAULT;
use crate::data_folder::database_path;
use crate::database::Database;
use crate::database::runs::RunSummary;
use crate::error::{Error, Result};
use crate::workflow::asked::{Asked, usage};
use crate::workflow::context::OnText;
use crate::workflow::event::RunStatus;
use crate::workflow::run::{Ended, Engine, Request, Watch};

/// Options of `ibid ask`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AskOptions {
    /// The question; - reads it from standard input
    question: String,
    /// Let this language model draft: a local one, or one of the server at llm.url; `extractive` uses none
    #[arg(long, short, value_name = "NAME")]
    model: Option<String>,
    /// Passages the answer is drawn from [default: 10]
    #[arg(long, short = 'k', value_name = "N")]
    top_k: Option<usize>,
    /// Answer with this workflow: a file, or the name of a shipped one, that has an input `question` [default: ask]
    #[arg(long, value_name = "FILE")]
    workflow: Option<String>,
    /// Keep sentences that nothing supports, marked
    #[arg(long)]
    keep_unsupported: bool,
    /// End with exit code 3 when a sentence is not supported, or a part of the question not answered
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(options: &AskOptions, context: &Context) -> Result<Exit> {
    let question = given_text(&options.question, "question", context)?;
    if options.top_k == Some(0) {
        return Err(Error::usage("--top-k 0 leaves nothing to answer from; it is at least 1"));
    }
    let mut settings = context.settings.clone();
    settings.ask.passages = options.top_k.unwrap_or(settings.ask.passages);
    settings.ask.keep_unsupported |= options.keep_unsupported;
    match options.model.as_deref() {
        Some("extractive") => settings.ask.draft = Drafting::Extractive,
        Some(name) => {
            settings.ask.draft = Drafting::Model;
            settings.llm.model = Some(name.into());
        }
        None => {}
    }
    let services = settings.services()?;
    let name = options.workflow.as_deref().unwrap_or("ask");
    let workflow = ready(name, &services)?;
    let asks = |input: &str| workflow.workflow.input.contains_key(input);
    if !asks("question") {
        return Err(Error::usage(format!("{name} answers no questions: it has no input `question`")));
    }
    if options.top_k.is_some() && !asks("passages") {
        return Err(Error::usage(format!("{name} does not take --top-k: it has no input `passages`")));
    }
    let mut input = Map::from_iter([("question".to_string(), Value::from(question.as_str()))]);
    if asks("passages") {
        input.insert("passages".into(), settings.ask.passages.into());
    }
    if options.workflow.is_none() {
        // What is wrong with the index is told as other commands tell it, before anything is recorded.
        services.collections().with(DEFAULT, |_| Ok(()))?;
    }
    let stream = Arc::new(Mutex::new(DraftStream::new(context)));
    let engine =
        engine_of(context, services, Watch { on_text: Some(DraftStream::shown_by(&stream)), ..Watch::default() })?;
    let ended = engine.start(Request { workflow: Arc::new(workflow), input, seed: 0, durability: None })?;
    stream.lock().unwrap_or_else(PoisonError::into_inner).end();
    let exit = finish(&engine, &ended, &question, options.strict, context)?;
    send_telemetry(&engine, &ended, context);
    engine.services().collections().leave();
    Ok(exit)
}

/// Tells the answer; a run that gave none is told as `ibid run` does.
fn finish(engine: &Engine, ended: &Ended, question: &str, strict: bool, context: &Context) -> Result<Exit> {
    let found = engine.journal().read(&ended.run)?;
    let answer = match (ended.status, Asked::of(&found)) {
        (RunStatus::Done, Some(asked)) => asked.answer,
        (RunStatus::BudgetExceeded, _) => out_of_budget(question, ended, usage(&found)),
        (RunStatus::Failed, _) => {
            let message = ended.failure.as_ref().map(|failure| one_line(&failure.message)).unwrap_or_default();
            let error = styled(Stream::Err, Look::Bad, "error:");
            note(&format!("{error} {message} (the steps before: ibid trace show {})", ended.run));
            return Ok(super::run::exit(ended));
        }
        _ => return report(ended, context),
    };
    let summary = RunSummary {
        run: ended.run.clone(),
        started_at: found.row.started_at,
        question: question.into(),
        status: answer.status.name().into(),
        took_ms: answer.took_ms,
    };
    Database::open(&database_path(&context.settings.home()?))?.store_run(&summary, &Value::Null)?;
    if context.json {
        out_json(&serde_json::to_value(&answer).expect("an answer is plain data"))?;
    } else {
        out(&told(&answer))?;
    }
    if let Some(failure) = &ended.failure {
        note(&format!("{} {}", styled(Stream::Err, Look::Bad, "limit:"), one_line(&failure.message)));
    }
    Ok(exit(&answer, strict))
}

fn out_of_budget(question: &str, ended: &Ended, usage: Usage) -> Answer {
    Answer {
        schema: ANSWER_SCHEMA.into(),
        question: question.into(),
        corrected: None,
        status: AnswerStatus::BudgetExceeded,
        text: String::new(),
        claims: vec![],
        left_out: vec![],
        run: ended.run.clone(),
        models: Models::default(),
        usage,
        took_ms: ended.took_us as f64 / 1e3,
        answers: None,
        nearest: vec![],
        conflicts: vec![],
        note: None,
    }
}

fn exit(answer: &Answer, strict: bool) -> Exit {
    let is_whole = answer.status == AnswerStatus::Grounded
        && answer.left_out.is_empty()
        && answer.claims.iter().all(|claim| claim.verdict == Verdict::Supported);
    match answer.status {
        AnswerStatus::NotInDocuments | AnswerStatus::Refused => Exit::NothingFound,
        AnswerStatus::BudgetExceeded => Exit::LimitReached,
        _ if strict && !is_whole => Exit::Problems,
        AnswerStatus::Grounded | AnswerStatus::Partial => Exit::Done,
    }
}

/// The draft as it is written, on stderr: it is not checked yet, so it is no data.
struct DraftStream {
    shown: bool,
    begun: bool,
}

impl DraftStream {
    fn new(context: &Context) -> Self {
        Self { shown: !context.quiet && !context.json && std::io::stderr().is_terminal(), begun: false }
    }

    /// Shows what the steps of the workflow itself write; those of graphs inside write side by side.
    fn shown_by(stream: &Arc<Mutex<Self>>) -> OnText {
        let stream = stream.clone();
        Arc::new(move |place, text| {
            if place.frame.is_empty() {
                stream.lock().unwrap_or_else(PoisonError::into_inner).show(text);
            }
        })
    }

    fn show(&mut self, text: &str) {
        if self.shown && !text.is_empty() {
            if !self.begun {
                note(&styled(Stream::Err, Look::Faint, "draft, not yet checked:"));
                self.begun = true;
            }
            let mut stderr = std::io::stderr();
            let piece = styled(Stream::Err, Look::Faint, &visible(text));
            let _ = stderr.write_all(piece.as_bytes()).and_then(|()| stderr.flush());
        }
    }

    fn end(&self) {
        if self.begun {
            note("\n");
        }
    }
}

fn told(answer: &Answer) -> String {
    let mut text = String::new();
    if let Some(corrected) = &answer.corrected {
        let line = searched_instead(&answer.question, corrected);
        text.push_str(&format!("{}\n\n", styled(Stream::Out, Look::Faint, &line)));
    }
    if answer.status == AnswerStatus::BudgetExceeded {
        text.push_str(&styled(Stream::Out, Look::Bad, "A limit ended the run before there was an answer."));
        text.push('\n');
    } else if answer.claims.is_empty() && !answer.text.is_empty() {
        text.push_str(&wrapped(&one_line(&answer.text), width(), ""));
        text.push('\n');
    } else if answer.claims.is_empty() {
        let why =
            answer.note.as_deref().map_or_else(|| "The documents do not hold an answer to this.".into(), one_line);
        text.push_str(&wrapped(&styled(Stream::Out, Look::Warn, &why), width(), ""));
        text.push('\n');
        text.push_str(&told_nearest(answer));
    } else {
        let body: Vec<String> = answer.claims.iter().map(marked).collect();
        if answer.conflicts.is_empty() {
            text.push_str(&wrapped(&body.join(" "), width(), ""));
        } else {
            text.push_str(&told_beside(&body, &answer.conflicts));
        }
        text.push_str("\n\n");
        for citation in sources(answer) {
            let head = styled(
                Stream::Out,
                Look::Source,
                &format!("[{}] {}", citation.n, place(&citation.path, citation.page, &[])),
            );
            text.push_str(&format!("{head}\n{}\n", wrapped(&quoted(&citation.quote), width(), "    ")));
        }
    }
    if let Some(note) = answer.note.as_deref().filter(|_| !answer.claims.is_empty()) {
        text.push_str(&wrapped(&styled(Stream::Out, Look::Warn, &one_line(note)), width(), ""));
        text.push('\n');
    }
    if !answer.left_out.is_empty() {
        let count = answer.left_out.len();
        let what = if count == 1 { "sentence of the draft was" } else { "sentences of the draft were" };
        let line =
            format!("{count} {what} left out: nothing in the documents supports it (--keep-unsupported shows it)");
        text.push_str(&styled(Stream::Out, Look::Warn, &line));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&styled(Stream::Out, Look::Faint, &summary(answer)));
    text.push('\n');
    text
}

/// Each sentence on lines of its own, with what other documents say instead below it.
fn told_beside(sentences: &[String], conflicts: &[Conflict]) -> String {
    let mut lines = Vec::new();
    for (at, sentence) in sentences.iter().enumerate() {
        lines.push(wrapped(sentence, width(), ""));
        lines.extend(conflicts.iter().filter(|conflict| conflict.claim == at).map(told_conflict));
    }
    lines.join("\n")
}

/// Who says otherwise, and which is newer.
fn told_conflict(conflict: &Conflict) -> String {
    let age = match conflict.newer {
        Some(Side::Claim) => " (older)",
        Some(Side::Other) => " (newer)",
        None => "",
    };
    let mark = styled(Stream::Out, Look::Warn, "≠");
    let head = styled(Stream::Out, Look::Source, &place(&conflict.path, conflict.page, &[]));
    wrapped(&format!("{mark} {head} says: {}{age}", quoted(&conflict.quote)), width(), "  ")
}

/// The nearest passages under a heading of their own.
fn told_nearest(answer: &Answer) -> String {
    let mut text = String::new();
    if !answer.nearest.is_empty() {
        text.push_str(&format!(
            "\n{}\n",
            styled(Stream::Out, Look::Strong, "Nearest passages, which may not answer this")
        ));
    }
    for hit in &answer.nearest {
        let head = styled(Stream::Out, Look::Source, &place(&hit.path, hit.page, &hit.heading));
        let mut quote: String = one_line(&hit.text).chars().take(NEAREST_CHARS_MAX + 1).collect();
        if quote.chars().count() > NEAREST_CHARS_MAX {
            quote.pop();
            quote.push('…');
        }
        text.push_str(&format!("{head}\n{}\n", wrapped(&quote, width(), "    ")));
    }
    text
}

/// Characters of a nearest passage that are shown.
const NEAREST_CHARS_MAX: usize = 240;

/// A sentence with the numbers of its sources, and its verdict where it is not full support.
fn marked(claim: &AnswerClaim) -> String {
    let numbers: String = claim.citations.iter().map(|citation| format!("[{}]", citation.n)).collect();
    let numbers = styled(Stream::Out, Look::Source, &numbers);
    let mark = match claim.verdict {
        Verdict::Supported => String::new(),
        verdict => format!(" {}", styled(Stream::Out, Look::Warn, &format!("({})", spoken(verdict)))),
    };
    format!("{} {numbers}{mark}", one_line(&claim.text)).trim_end().to_string()
}

/// The verdict in a reader's words.
pub(crate) fn spoken(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Supported => "supported",
        Verdict::Partial => "partly supported",
        Verdict::Contradicted => "contradicted",
        Verdict::Unsupported => "not supported",
        Verdict::Unchecked => "not checked",
    }
}

/// What differs, on lines of their own behind `indent`.
pub(crate) fn told_reason(reason: &Reason, indent: &str) -> String {
    wrapped(&format!("{} {}", styled(Stream::Out, Look::Warn, "·"), one_line(&reason.text)), width(), indent)
}

/// Every cited place once, by number.
fn sources(answer: &Answer) -> Vec<&Citation> {
    let mut sources: Vec<&Citation> = answer.claims.iter().flat_map(|claim| &claim.citations).collect();
    sources.sort_by_key(|citation| citation.n);
    sources.dedup_by_key(|citation| citation.n);
    sources
}

/// The quote on one line, in quotation marks.
pub(crate) fn quoted(quote: &str) -> String {
    format!("“{}”", one_line(quote))
}

/// What the answer is worth, how that was found, and where to look further.
fn summary(answer: &Answer) -> String {
    let supported = answer.claims.iter().filter(|claim| claim.verdict == Verdict::Supported).count();
    let weakest = answer.claims.iter().min_by(|a, b| a.score.total_cmp(&b.score));
    let check = weakest.map_or(String::new(), |claim| {
        let all = answer.claims.len();
        format!(" · {supported} of {all} supported, weakest {:.2} by {}", claim.score, claim.method)
    });
    let quoted = if answer.models.draft == EXTRACTIVE && !answer.claims.is_empty() { " · quoted" } else { "" };
    format!(
        "{}{quoted}{check} · {} · run {}",
        answer.status.name().replace('_', " "),
        seconds(answer.took_ms / 1000.0),
        answer.run
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cite::structure::ReasonKind;

    #[test]
    fn what_another_document_says_stands_below_its_sentence() {
        let reason =
            Reason { kind: ReasonKind::Number, claim: [0, 4], evidence: "£40".into(), text: "differs".into() };
        let conflict = |claim, newer| Conflict {
            claim,
            says: "The fee is £40.".into(),
            path: "/d/handbook-2023.md".into(),
            document: "hash".into(),
            page: Some(7),
            start: 0,
            end: 16,
            quote: "The fee\nis £40.".into(),
            reason: reason.clone(),
            newer,
        };
        let sentences = ["The fee is £55. [1]".to_string(), "Pay it in May. [2]".to_string()];
        for (newer, age) in [(Some(Side::Claim), " (older)"), (Some(Side::Other), " (newer)"), (None, "")] {
            let told = told_beside(&sentences, &[conflict(0, newer)]);
            let lines: Vec<&str> = told.lines().collect();
            assert_eq!((lines[0], lines[2]), (sentences[0].as_str(), sentences[1].as_str()), "{told}");
            assert!(
                lines[1].starts_with("  ") && lines[1].contains('≠') && lines[1].contains("handbook-2023.md, page 7"),
                "{told}"
            );
            assert!(lines[1].ends_with(&format!("says: “The fee is £40.”{age}")), "{told}");
        }
    }
}
