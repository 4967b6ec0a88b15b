//! Times this tokenizer and `tokenizers` on the lines of a text, on one thread: `speed TOKENIZER.json TEXT [ROUNDS]`.
//!
//! Rounds alternate and the best of each counts, so that other work on the machine harms neither more than the other.

use std::io::Write;
use std::time::{Duration, Instant};

use ibid_wordpiece::{Buffers, Tokens, WordPiece};
use tokenizers::Tokenizer;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, text, rest @ ..] = arguments.as_slice() else {
        return Err("usage: speed TOKENIZER.json TEXT [ROUNDS]".into());
    };
    let rounds = rest.first().map_or(Ok(5), |rounds| rounds.parse())?;
    let (file, text) = (std::fs::read(file)?, std::fs::read_to_string(text)?);
    let lines: Vec<&str> = text.lines().collect();

    let start = Instant::now();
    let mut theirs = Tokenizer::from_bytes(&file)?;
    let theirs_opened = start.elapsed();
    theirs.with_padding(None);
    theirs.with_truncation(None)?;
    let start = Instant::now();
    let ours = WordPiece::from_json(&file)?.ok_or("the tokenizer is not of the BERT kind")?;
    let ours_opened = start.elapsed();

    let (mut tokens, mut buffers, mut ids) = (Tokens::default(), Buffers::default(), Vec::new());
    let mut best = [Duration::MAX; 4];
    let mut counts = [0_usize; 4];
    for _ in 0..rounds {
        let mut time = |at: usize, encode: &mut dyn FnMut(&str) -> usize| {
            let start = Instant::now();
            counts[at] = lines.iter().map(|line| encode(line)).sum();
            best[at] = best[at].min(start.elapsed());
        };
        time(0, &mut |line| theirs.encode(line, false).map_or(0, |encoding| encoding.len()));
        time(1, &mut |line| {
            ours.encode(line, &mut tokens);
            tokens.ids.len()
        });
        time(2, &mut |line| theirs.encode_fast(line, false).map_or(0, |encoding| encoding.len()));
        time(3, &mut |line| {
            ours.encode_ids(line, &mut buffers, &mut ids);
            ids.len()
        });
    }
    assert!(counts.iter().all(|&count| count == counts[0]), "numbers of tokens differ: {counts:?}");
    let mut out = std::io::stdout();
    writeln!(out, "{} lines, {} bytes, {} tokens, best of {rounds}", lines.len(), text.len(), counts[0])?;
    writeln!(out, "opened in {theirs_opened:.1?} (tokenizers), {ours_opened:.1?} (here)")?;
    for (name, theirs, ours) in [("ids and spans", 0, 1), ("ids alone", 2, 3)] {
        let rate = |at: usize| counts[at] as f64 / best[at].as_secs_f64() / 1e6;
        let (theirs, ours) = (rate(theirs), rate(ours));
        writeln!(out, "{name}: {theirs:.2} M tokens/s (tokenizers), {ours:.2} (here), {:.1} times", ours / theirs)?;
    }
    Ok(())
}
