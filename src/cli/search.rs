//! `ibid search`: the passages that fit a query best.

use std::io::Read;

use clap::Args;

use super::Exit;
use super::context::Context;
use super::terminal::{Look, Stream, note, one_line, out, out_json, shown_path, styled, width, wrapped};
use crate::answer::{Hit, changed_words, hits_json};
use crate::error::{Error, Result};
use crate::inference::cross_encoder::Readers;
use crate::retrieve::Searcher;

/// Options of `ibid search`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SearchOptions {
    /// What to look for; - reads it from standard input
    query: String,
    /// Passages to print [default: 10]
    #[arg(long, short = 'k', value_name = "N")]
    top_k: Option<usize>,
    /// Have a model read the first passages beside the query, and order them by what it finds (setting retrieve.read)
    #[arg(long)]
    read: bool,
}

pub(crate) fn run(options: &SearchOptions, context: &Context) -> Result<Exit> {
    let query = given_text(&options.query, "query", context)?;
    if options.top_k == Some(0) {
        return Err(Error::usage("--top-k 0 asks for no passage; it is at least 1"));
    }
    let searcher = Searcher::open(&context.settings.opening()?, &context.settings.retrieve)?;
    let top_k = options.top_k.unwrap_or(context.settings.retrieve.top_k);
    let found = match options.read {
        true => {
            let readers = Readers::open(&context.settings.check.readers(), &context.settings.embed)?;
            searcher.search_and_read(&query, top_k, &readers)?
        }
        false => searcher.search(&query, top_k)?,
    };
    let is_empty = found.hits.is_empty() && searcher.database().chunk_count()? == 0;
    searcher.leave();
    if context.json {
        out_json(&hits_json(&query, found.corrected.as_deref(), &found.hits, found.took_ms))?;
    } else if found.hits.is_empty() {
        note(if is_empty {
            "nothing found: the index is empty; fill it with: ibid index PATH"
        } else {
            "nothing found"
        });
    } else {
        if let Some(corrected) = &found.corrected {
            note(&searched_instead(&query, corrected));
        }
        out(&found.hits.iter().map(told).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(if found.hits.is_empty() { Exit::NothingFound } else { Exit::Done })
}

/// The text of an argument, or standard input for `-`.
///
/// # Errors
/// [`Error::Usage`] when it is empty or longer than `retrieve.query_chars_max`.
pub(crate) fn given_text(argument: &str, noun: &'static str, context: &Context) -> Result<String> {
    let chars_max = context.settings.retrieve.query_chars_max;
    let mut text = argument.to_string();
    if argument == "-" {
        text.clear();
        // Bytes past the limit are read to tell that there are too many, but no more than that.
        let bytes_max = (chars_max as u64).saturating_mul(4).saturating_add(1);
        let mut bytes = Vec::new();
        std::io::stdin().take(bytes_max).read_to_end(&mut bytes).map_err(Error::io("read", "standard input"))?;
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
    if text.trim().is_empty() {
        return Err(Error::usage(format!("the {noun} is empty; write what you want to know in quotes")));
    }
    if text.chars().count() > chars_max {
        return Err(Error::usage(format!(
            "the {noun} is longer than {chars_max} characters (setting retrieve.query_chars_max); \
             ask for less, or put the text in a file and index it"
        )));
    }
    Ok(text.trim().to_string())
}

/// Where a passage stands, on one line.
pub(crate) fn place(path: &str, page: Option<u32>, heading: &[String]) -> String {
    let page = page.map(|page| format!(", page {page}")).unwrap_or_default();
    let heading = heading.last().map(|heading| format!(" · {}", one_line(heading))).unwrap_or_default();
    format!("{}{page}{heading}", shown_path(path))
}

/// Which words were looked for in place of those that were written.
pub(crate) fn searched_instead(query: &str, corrected: &str) -> String {
    let words = changed_words(query, corrected);
    let words = words.iter().map(|(written, right)| format!("“{right}” instead of “{written}”"));
    one_line(&format!("Searched for {}", words.collect::<Vec<_>>().join(", ")))
}

fn told(hit: &Hit) -> String {
    let head = format!(
        "{} {}  {}",
        styled(Stream::Out, Look::Strong, &format!("{:>2}.", hit.rank)),
        styled(Stream::Out, Look::Source, &place(&hit.path, hit.page, &hit.heading)),
        styled(Stream::Out, Look::Faint, &format!("{:.3}", hit.score)),
    );
    let text = one_line(&hit.text);
    let mut short: String = text.chars().take(360).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{head}\n{}\n", wrapped(&short, width(), "    "))
}
