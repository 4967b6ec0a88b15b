//! A question goes in, which figure it asks for comes out: what is to be done with which lines, and of what time; knows no document.

use std::ops::Range;

use super::period::{Period, is_around, periods};
use crate::lexicon::{Entry, Lexicon, Line, Ratio, RatioUnit, folded, formula_names};
use crate::stop_words::is_stop_word;
use crate::tables::Statement;

/// What is to be done with the figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    /// Nothing: a figure as it stands.
    Value,
    /// From one time to another; in hundredths of the first when `relative`.
    Change {
        /// Whether the change is asked for in hundredths.
        relative: bool,
    },
    /// A formula over lines.
    Formula(Formula),
    /// The sum over the rows of a table.
    Sum,
    /// Their mean.
    Average,
    /// The row with the highest figure.
    Highest,
    /// The row with the lowest.
    Lowest,
}

/// Formulas over names, of which the first counts whose lines are all there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Formula {
    /// What the result is called.
    pub(super) name: String,
    /// Over the names of `lines`.
    pub(super) formulas: Vec<String>,
    /// Each name with the line it stands for.
    pub(super) lines: Vec<(String, Line)>,
    /// Names that count as nothing where there is no such line.
    pub(super) optional: Vec<String>,
    /// What the result is counted in.
    pub(super) result: RatioUnit,
}

/// A question for a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// What is to be done.
    pub(super) operation: Operation,
    /// The lines of the lexicon that it names, in order.
    pub(super) lines: Vec<Line>,
    /// The times that it names, in order.
    pub(super) periods: Vec<Period>,
    /// Whether it speaks of the time a year before.
    pub(super) is_year_before: bool,
    /// All of its words, folded.
    pub(super) words: Vec<String>,
    /// Which of them a table or a document must account for.
    pub(super) own: Vec<String>,
}

/// Words that a question for a figure has beside what it asks for.
const SOFT: &[&str] = &[
    "much",
    "many",
    "amount",
    "figure",
    "value",
    "number",
    "report",
    "reported",
    "record",
    "recorded",
    "company",
    "business",
    "firm",
    "group",
    "total",
    "please",
    "tell",
    "give",
    "given",
    "show",
    "shown",
    "state",
    "stated",
    "find",
    "know",
    "pay",
    "paid",
    "spend",
    "spent",
    "spending",
    "make",
    "made",
    "earn",
    "earned",
    "generate",
    "generated",
    "bring",
    "brought",
    "take",
    "took",
    "taken",
    "receive",
    "received",
    "come",
    "came",
    "stand",
    "stood",
    "hold",
    "held",
    "carry",
    "carried",
    "get",
    "got",
    "left",
    "altogether",
    "level",
    "size",
    "balance",
    "statement",
    "filing",
    "document",
    "table",
    "say",
    "according",
    "per",
    "cent",
    "percent",
    "percentage",
    "term",
    "million",
    "billion",
    "thousand",
    "dollar",
    "usd",
    "eur",
    "gbp",
    "us",
    "10",
    "k",
    "q",
    "form",
    "compared",
    "compare",
    "versus",
    "vs",
    "difference",
    "point",
    "exactly",
    "roughly",
    "result",
    "recognize",
    "recognise",
    "recognized",
    "recognised",
    "book",
    "booked",
    "incur",
    "incurred",
    "post",
    "posted",
    "compute",
    "calculate",
    "calculated",
    "computed",
    "defined",
    "ratio",
    "high",
    "large",
    "big",
    "still",
    "overall",
    "whole",
    "long",
    "wa",
    "doe",
    "ha",
    "thi",
    "it",
    "consolidated",
    "condensed",
    "result",
    "inc",
    "corporation",
    "corp",
    "plc",
    "ltd",
    "owe",
    "owed",
    "own",
    "owned",
    "expense",
    "expenses",
    "cost",
    "costs",
    "charge",
    "charges",
    "bill",
    "within",
    "end",
];

const CHANGES: &[&str] = &[
    "change",
    "changed",
    "increase",
    "increased",
    "decrease",
    "decreased",
    "grow",
    "grew",
    "grown",
    "growth",
    "rise",
    "rose",
    "risen",
    "fall",
    "fell",
    "fallen",
    "decline",
    "declined",
    "drop",
    "dropped",
    "up",
    "down",
    "higher",
    "lower",
    "more",
    "less",
    "gain",
    "gained",
    "shrink",
    "shrank",
];
const HIGHEST: &[&str] =
    &["highest", "largest", "biggest", "greatest", "most", "maximum", "top", "dearest", "costliest", "longest"];
const LOWEST: &[&str] = &["lowest", "smallest", "least", "minimum", "cheapest", "fewest", "shortest"];
const AVERAGES: &[&str] = &["average", "mean"];
const SUMS: &[&str] = &["sum", "altogether", "combined", "together"];
const BEFORE: &[(&str, &str)] = &[
    ("year", "earlier"),
    ("year", "before"),
    ("year", "ago"),
    ("prior", "year"),
    ("previous", "year"),
    ("last", "year"),
    ("preceding", "year"),
];

/// What `question` asks for; none where it asks for no figure.
#[must_use]
pub(super) fn asked(question: &str, lexicon: &Lexicon) -> Option<Asked> {
    if !crate::lexicon::asks_for_a_figure(question) {
        return None;
    }
    let words = folded(question);
    let raw: Vec<String> = question.to_lowercase().split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
    let times = periods(&words);
    let is_year_before =
        BEFORE.iter().any(|(one, two)| words.windows(2).any(|pair| pair[0] == *one && pair[1] == *two));
    let named = lexicon.named(question);
    let mut lines: Vec<Line> = named
        .iter()
        .filter_map(|named| match named.entry {
            Entry::Line(line) => Some(line.clone()),
            Entry::Ratio(_) => None,
        })
        .collect();
    let has = |list: &[&str]| raw.iter().any(|word| list.contains(&word.as_str()));
    let ratio = named.iter().find_map(|named| match named.entry {
        Entry::Ratio(ratio) => Some(ratio),
        Entry::Line(_) => None,
    });
    let mut spoken_for: Vec<Range<usize>> = times.iter().map(|(_, range)| range.clone()).collect();
    spoken_for.extend(named.iter().map(|named| named.start..named.end));
    let formula = defined(question, lexicon).or_else(|| ratio.map(|ratio| of_ratio(ratio, lexicon)));
    let is_change = asks_for_a_change(&raw, times.len(), is_year_before);
    // Everyday words go before names that are fewer: `cash that came in because customers owed less` is no cash.
    let named_words: usize = named.iter().map(|named| named.end - named.start).sum();
    let paraphrased = lexicon
        .paraphrased(question)
        .filter(|(_, count)| formula.is_none() && *count > named_words)
        .map(|(line, _)| line.clone());
    let is_flow = paraphrased.as_ref().is_some_and(|line| line.statement == Some(Statement::CashFlow));
    let operation = if let Some(formula) = formula {
        Operation::Formula(formula)
    } else if is_change && !is_flow {
        let relative = has(&["percent", "percentage", "rate", "growth"])
            || question.contains('%')
            || question.contains("per cent");
        Operation::Change { relative }
    } else if has(HIGHEST) {
        Operation::Highest
    } else if has(LOWEST) {
        Operation::Lowest
    } else if has(AVERAGES) {
        Operation::Average
    } else if has(SUMS) || raw.windows(2).any(|pair| pair[0] == "in" && pair[1] == "total") {
        Operation::Sum
    } else {
        Operation::Value
    };
    let acts = |word: &str| match operation {
        Operation::Change { .. } => CHANGES.contains(&word) || word == "rate",
        Operation::Highest => HIGHEST.contains(&word),
        Operation::Lowest => LOWEST.contains(&word),
        Operation::Average => AVERAGES.contains(&word),
        Operation::Sum => SUMS.contains(&word),
        Operation::Formula(_) => {
            AVERAGES.contains(&word) || ["minus", "plus", "divided", "over", "share"].contains(&word)
        }
        Operation::Value => false,
    };
    let own = words
        .iter()
        .enumerate()
        .filter(|(at, _)| !spoken_for.iter().any(|range| range.contains(at)))
        .map(|(_, word)| word)
        .filter(|word| !is_stop_word(word) && !SOFT.contains(&word.as_str()) && !is_around(word) && !acts(word))
        .filter(|word| {
            !(is_year_before && ["earlier", "ago", "prior", "previous", "preceding"].contains(&word.as_str()))
        })
        .filter(|word| word.len() > 1 || word.chars().all(|c| c.is_ascii_digit()))
        .cloned()
        .collect::<Vec<String>>();
    let own = match paraphrased {
        Some(line) => {
            lines = vec![line];
            names_of(question, own)
        }
        None => own,
    };
    let periods = times.into_iter().map(|(period, _)| period).collect();
    Some(Asked { operation, lines, periods, is_year_before, words, own })
}

/// Those of `own` that are names: written with a capital letter, and not because the question begins there.
fn names_of(question: &str, own: Vec<String>) -> Vec<String> {
    let written = question.split_whitespace().skip(1).filter(|word| word.starts_with(char::is_uppercase));
    let names: Vec<String> = written.flat_map(folded).collect();
    own.into_iter().filter(|word| names.contains(word)).collect()
}

/// Whether the words ask how a figure changed.
fn asks_for_a_change(words: &[String], times: usize, is_year_before: bool) -> bool {
    let at = |list: &[&str]| words.iter().position(|word| list.contains(&word.as_str()));
    let Some(change) = at(CHANGES) else { return false };
    // `more than`, `less` and `up to` ask for a change only where two times are compared.
    let is_sure = !["up", "down", "more", "less", "higher", "lower"].contains(&words[change].as_str());
    let by = words.windows(2).any(|pair| pair[0] == "by" && ["how", "what"].contains(&pair[1].as_str()));
    let how =
        words.windows(2).any(|pair| pair[0] == "how" && ["much", "did", "has", "have"].contains(&pair[1].as_str()));
    let noun = ["change", "increase", "decrease", "growth", "rise", "fall", "decline", "drop"]
        .contains(&words[change].as_str());
    is_sure && (by || how || noun) || times >= 2 || is_year_before && (is_sure || by || how)
}

fn of_ratio(ratio: &Ratio, lexicon: &Lexicon) -> Formula {
    let lines = ratio.line_names().into_iter().filter_map(|name| lexicon.line(&name).cloned().map(|line| (name, line)));
    Formula {
        name: ratio.name.clone(),
        formulas: ratio.formulas.clone(),
        lines: lines.collect(),
        optional: ratio.optional.clone(),
        result: ratio.result,
    }
}

/// The formula that a question states: `the ratio of A to B`, `A divided by B`, `defined as (A + B) / C`.
fn defined(question: &str, lexicon: &Lexicon) -> Option<Formula> {
    let lower = question.to_lowercase().replace('’', "'");
    let after =
        |marks: &[&str]| marks.iter().find_map(|mark| lower.find(mark).map(|at| lower[at + mark.len()..].to_owned()));
    let stated = after(&["defined as ", "calculated as ", "computed as ", "that is, "]);
    let (text, result) = if let Some(text) = stated {
        (text, RatioUnit::Times)
    } else if let Some(text) = after(&["ratio of ", "ratio between "]) {
        (text.replacen(" to ", " / ", 1).replacen(" and ", " / ", 1), RatioUnit::Times)
    } else if let Some(part) = [" as a percentage of ", " as a percent of ", " as a share of ", " as a proportion of "]
        .iter()
        .find(|mark| lower.contains(**mark))
    {
        (lower.replacen(part, " / ", 1), RatioUnit::Percent)
    } else if lower.contains(" divided by ") || lower.contains(" minus ") || lower.contains(" plus ") {
        let is_divided = lower.contains(" divided by ");
        (lower.clone(), if is_divided { RatioUnit::Times } else { RatioUnit::Amount })
    } else {
        return None;
    };
    formula(&text, result, lexicon)
}

/// A formula in words, each part of which names one line.
fn formula(text: &str, result: RatioUnit, lexicon: &Lexicon) -> Option<Formula> {
    let mut text = format!(" {text} ");
    // A hyphen inside a word is no minus.
    for (words, sign) in [
        (" divided by ", " / "),
        (" over ", " / "),
        (" plus ", " + "),
        (" minus ", " − "),
        (" less ", " − "),
        (" times ", " × "),
        (" - ", " − "),
    ] {
        text = text.replace(words, sign);
    }
    let mut formula = String::new();
    let mut lines: Vec<(String, Line)> = Vec::new();
    let mut part = String::new();
    let mut take = |part: &mut String, formula: &mut String| -> Option<()> {
        let words = std::mem::take(part);
        if words.trim().is_empty() {
            return Some(());
        }
        let found: Vec<&Line> = lexicon
            .named(&words)
            .into_iter()
            .filter_map(|named| match named.entry {
                Entry::Line(line) => Some(line),
                Entry::Ratio(_) => None,
            })
            .collect();
        // The first part may begin with the question, the last end with its time.
        let [line] = found[..] else { return None };
        if !lines.iter().any(|(name, _)| *name == line.name) {
            lines.push((line.name.clone(), line.clone()));
        }
        formula.push_str(&line.name);
        Some(())
    };
    for character in text.chars() {
        match character {
            '/' | '÷' | '+' | '−' | '×' | '*' | '(' | ')' => {
                take(&mut part, &mut formula)?;
                formula.push_str(match character {
                    '/' | '÷' => " / ",
                    '−' => " - ",
                    '×' | '*' => " * ",
                    '+' => " + ",
                    '(' => "(",
                    _ => ")",
                });
            }
            '?' => break,
            other => part.push(other),
        }
    }
    take(&mut part, &mut formula)?;
    if lines.len() < 2 || formula_names(&formula).len() < 2 {
        return None;
    }
    let is_divided = formula.contains('/');
    let result = if is_divided { result } else { RatioUnit::Amount };
    Some(Formula { name: "result".into(), formulas: vec![formula], lines, optional: vec![], result })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(question: &str) -> Asked {
        asked(question, &Lexicon::shipped()).unwrap_or_else(|| panic!("{question}"))
    }

    #[test]
    fn what_is_to_be_done_is_read_from_the_words() {
        let shape = |question: &str| match read(question).operation {
            Operation::Formula(formula) => formula.formulas[0].clone(),
            other => format!("{other:?}"),
        };
        for (question, expected) in [
            ("What was Intel's revenue in Q2 2023?", "Value"),
            ("How did inventories change from December 31, 2022 to July 1, 2023?", "Change { relative: false }"),
            ("By what percentage did net sales grow compared with the prior year?", "Change { relative: true }"),
            ("What was the current ratio?", "current_assets / current_liabilities"),
            ("What is the ratio of net income to revenue?", "net_income / revenue"),
            ("What was R&D as a percentage of net sales in 2023?", "research_and_development / revenue"),
            (
                "What is the quick test, defined as (cash + receivables) / current liabilities?",
                "(cash + receivables) / current_liabilities",
            ),
            ("Which product has the highest cost price, and what is it?", "Highest"),
            ("What is the average rent of all units?", "Average"),
            ("How much is the rent of all units together?", "Sum"),
        ] {
            assert_eq!(shape(question), expected, "{question}");
        }
        assert_eq!(asked("Who audits Intel?", &Lexicon::shipped()), None);
    }

    #[test]
    fn what_must_be_accounted_for_is_what_is_left() {
        assert_eq!(read("What was Intel's revenue in the quarter ended July 1, 2023?").own, ["intel"]);
        assert_eq!(read("What is the rent of Unit 2?").own, ["rent", "unit", "2"]);
        assert_eq!(read("How much did inventories fall in 2023?").own, [""; 0]);
    }
}
