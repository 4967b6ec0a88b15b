//! `ibid ask`: a question answered from the index, each sentence with a source that was checked.

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;

use clap::Args;
use uuid::Uuid;

use super::Exit;
use super::context::{Context, now};
use super::search::{given_text, place};
use super::terminal::{Look, Stream, note, one_line, out, out_json, seconds, styled, visible, width, wrapped};
use crate::answer::{Answer, AnswerClaim, AnswerStatus, Citation};
use crate::ask::{Asked, Drafting, ask};
use crate::cite::verdict::Verdict;
use crate::database::runs::RunSummary;
use crate::error::{Error, Result};
use crate::inference::llm::{self, LanguageModel, Surroundings};
use crate::retrieve::Searcher;

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
    /// Keep sentences that nothing supports, marked
    #[arg(long)]
    keep_unsupported: bool,
    /// End with exit code 3 when a sentence is not supported
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(options: &AskOptions, context: &Context) -> Result<Exit> {
    let question = given_text(&options.question, "question", context)?;
    if options.top_k == Some(0) {
        return Err(Error::usage("--top-k 0 leaves nothing to answer from; it is at least 1"));
    }
    context.catch_interrupts()?;
    let mut settings = context.settings.clone();
    settings.ask.passages = options.top_k.unwrap_or(settings.ask.passages);
    settings.ask.keep_unsupported |= options.keep_unsupported;
    let with_model = match options.model.as_deref() {
        Some("extractive") => false,
        Some(name) => {
            settings.llm.model = Some(name.into());
            true
        }
        None => settings.ask.draft == Drafting::Model,
    };
    let searcher = Searcher::open(&settings.opening()?, &settings.retrieve)?;
    let device = &searcher.embedder().device().device;
    let surroundings = Surroundings { device, manifests: None, offline: settings.offline };
    let model: Option<Box<dyn LanguageModel>> =
        if with_model { Some(llm::open(&settings.llm, surroundings)?) } else { None };
    let started_at = now();
    let run = Uuid::now_v7().to_string();
    let mut stream = DraftStream::new(context);
    let model = model.as_deref().map(|model| (model, &settings.llm));
    let asked = ask(&question, &run, &searcher, model, &settings.ask, &mut |text| stream.show(text, context))?;
    stream.end();
    if context.is_stopped() {
        return Err(Error::Interrupted);
    }
    record(&asked, &started_at, &searcher)?;
    if context.json {
        out_json(&serde_json::to_value(&asked.answer).expect("an answer is plain data"))?;
    } else {
        out(&told(&asked.answer))?;
    }
    Ok(exit(&asked.answer, options.strict))
}

fn record(asked: &Asked, started_at: &str, searcher: &Searcher) -> Result<()> {
    let answer = &asked.answer;
    let summary = RunSummary {
        run: answer.run.clone(),
        started_at: started_at.into(),
        question: answer.question.clone(),
        status: answer.status.name().into(),
        took_ms: answer.took_ms,
    };
    searcher.database().store_run(&summary, &asked.record(started_at))
}

fn exit(answer: &Answer, strict: bool) -> Exit {
    let unsupported =
        !answer.left_out.is_empty() || answer.claims.iter().any(|claim| claim.verdict != Verdict::Supported);
    match answer.status {
        AnswerStatus::NotInDocuments | AnswerStatus::Refused => Exit::NothingFound,
        AnswerStatus::BudgetExceeded => Exit::LimitReached,
        _ if strict && unsupported => Exit::Problems,
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

    fn show(&mut self, text: &str, context: &Context) -> ControlFlow<()> {
        if self.shown && !text.is_empty() {
            if !self.begun {
                note(&styled(Stream::Err, Look::Faint, "draft, not yet checked:"));
                self.begun = true;
            }
            let mut stderr = std::io::stderr();
            let piece = styled(Stream::Err, Look::Faint, &visible(text));
            let _ = stderr.write_all(piece.as_bytes()).and_then(|()| stderr.flush());
        }
        if context.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn end(&self) {
        if self.begun {
            note("\n");
        }
    }
}

fn told(answer: &Answer) -> String {
    let mut text = String::new();
    if answer.claims.is_empty() {
        text.push_str(&styled(Stream::Out, Look::Warn, "The documents do not hold an answer to this."));
        text.push('\n');
    } else {
        let body: Vec<String> = answer.claims.iter().map(marked).collect();
        text.push_str(&wrapped(&body.join(" "), width(), ""));
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

fn spoken(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Supported => "supported",
        Verdict::Partial => "partly supported",
        Verdict::Contradicted => "contradicted",
        Verdict::Unsupported => "not supported",
        Verdict::Unchecked => "not checked",
    }
}

/// Every cited place once, by number.
fn sources(answer: &Answer) -> Vec<&Citation> {
    let mut sources: Vec<&Citation> = answer.claims.iter().flat_map(|claim| &claim.citations).collect();
    sources.sort_by_key(|citation| citation.n);
    sources.dedup_by_key(|citation| citation.n);
    sources
}

fn quoted(quote: &str) -> String {
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
    format!(
        "{}{check} · {} · run {}",
        answer.status.name().replace('_', " "),
        seconds(answer.took_ms / 1000.0),
        answer.run
    )
}
