//! A question goes in, which figure it asks for comes out: what is to be done with which lines, and of what time; knows no document.

use std::ops::Range;

use super::beyond::{computes, puts_together, takes_out};
use super::period::{Period, is_around, periods};
use crate::lexicon::{Entry, Lexicon, Line, Ratio, RatioUnit, folded, formula_names, stems_of};
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
#[derive(Debug, Clone, PartialEq)]
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
    /// The names in it: of companies, places, people.
    pub(super) names: Vec<String>,
    /// The lines that it may mean by everyday words, the likeliest first.
    pub(super) meant: Vec<Meaning>,
    /// Words that are in no entry of the lexicon, and neither times nor names.
    pub(super) unknown: Vec<String>,
    /// The words that name its times.
    pub(super) time_words: Vec<String>,
    /// Whether it is about a day or a stretch of time.
    pub(super) time: Time,
    /// Whether it speaks of business years.
    pub(super) is_fiscal: bool,
    /// Whether it asks for something of which no lexicon knows, `from headsets`, `Norvik's bakeries`.
    pub(super) is_of_part: bool,
    /// Whether it asks how large one thing is against another.
    pub(super) is_relative: bool,
    /// Whether it says something that a figure as it stands leaves out.
    pub(super) is_beyond: bool,
}

impl Asked {
    /// Whether its words as a whole mean another line than the one that it names: `profit from its main business` is not `profit`.
    #[must_use]
    pub(super) fn is_meant_otherwise(&self) -> bool {
        let [named] = &self.lines[..] else { return false };
        let Some(first) = self.meant.first().filter(|first| first.line.name != named.name) else { return false };
        let own = self.meant.iter().find(|meant| meant.line.name == named.name).map_or(0.0, |meant| meant.score);
        first.score - own > NAMED_LEAD
    }
}

/// How far another line must go before one that is named.
const NAMED_LEAD: f32 = 0.4;

/// A line that a question may mean.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Meaning {
    pub(super) line: Line,
    /// Higher is likelier; comparable within one question.
    pub(super) score: f32,
    /// The share of the question that the line accounts for.
    pub(super) share: f32,
}

/// What kind of time a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// A day: what is owned and owed.
    Day,
    /// A stretch: what moved in it.
    Stretch,
    /// It does not say.
    Open,
}

/// Lines that a question may mean, at most.
const MEANT_MAX: usize = 16;

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
    "bigger",
    "smaller",
    "larger",
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
    let words = folded(question);
    let raw: Vec<String> = question.to_lowercase().split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
    let times = periods(&words);
    if !crate::lexicon::asks_for_a_figure(question) && !is_of_field(&words, &times, lexicon) {
        return None;
    }
    let is_year_before =
        BEFORE.iter().any(|(one, two)| words.windows(2).any(|pair| pair[0] == *one && pair[1] == *two));
    let named = lexicon.named(question);
    let lines: Vec<Line> = named.iter().filter_map(|named| line_of(named.entry)).cloned().collect();
    let names = names_in(question, &words, &times, lexicon);
    let topic = topic_of(&words, &times, &names);
    let is_change = asks_for_a_change(&raw, times.len(), is_year_before);
    let whole = lexicon.meant(&topic);
    // `How much did customers paying later change its cash?` asks for a line of the cash flow statement, not for a change.
    let is_flow = !is_year_before
        && times.len() < 2
        && whole.first().is_some_and(|meant| {
            matches!(meant.entry, Entry::Line(line) if is_change_itself(line)) && meant.share > FLOW_SHARE
        });
    let is_change = is_change && !is_flow;
    let topic = if is_change { topic.into_iter().filter(|word| !is_of_change(word)).collect() } else { topic };
    let meanings = if is_change { lexicon.meant(&topic) } else { whole };
    let meant_ratio = meanings.first().filter(|first| {
        let second = meanings.get(1).map_or(0.0, |second| second.score);
        !is_change
            && matches!(first.entry, Entry::Ratio(_))
            && first.score - second > RATIO_MARGIN
            && first.share > RATIO_SHARE
    });
    let ratio = named.iter().find_map(|named| match named.entry {
        Entry::Ratio(ratio) => Some(ratio),
        Entry::Line(_) => None,
    });
    let mut spoken_for: Vec<Range<usize>> = times.iter().map(|(_, range)| range.clone()).collect();
    spoken_for.extend(named.iter().map(|named| named.start..named.end));
    let stated = defined(question, lexicon);
    let is_meant = stated.is_none() && ratio.is_none() && meant_ratio.is_some();
    let ratio = ratio.or_else(|| {
        meant_ratio.and_then(|meant| match meant.entry {
            Entry::Ratio(ratio) => Some(ratio),
            Entry::Line(_) => None,
        })
    });
    let formula = stated.or_else(|| ratio.map(|ratio| of_ratio(ratio, lexicon)));
    let meant: Vec<Meaning> = meanings
        .iter()
        .filter_map(|meant| match meant.entry {
            Entry::Line(line) => Some(Meaning { line: line.clone(), score: meant.score, share: meant.share }),
            Entry::Ratio(_) => None,
        })
        .take(MEANT_MAX)
        .collect();
    let operation = if let Some(formula) = formula {
        Operation::Formula(formula)
    } else {
        plain_operation(question, &raw, is_change, &meant)
    };
    let operation = together(operation, &words, &lines);
    let is_beyond = is_beyond(&topic, &words, &lines, &operation, lexicon);
    let acts = |word: &str| acts(&operation, word);
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
    let unknown: Vec<String> =
        lexicon.unknown(&topic).into_iter().filter(|word| !is_around(word) && !acts(word)).collect();
    let time_words = times.iter().flat_map(|(_, range)| words[range.clone()].to_vec()).collect();
    let time = time_of(&words, &times);
    let is_of_part = is_of_part(&words, &names, &unknown);
    let ideas = lexicon.ideas(&words);
    let is_relative = ["=part of", "=times over", "=difference"].iter().any(|idea| ideas.iter().any(|own| own == idea));
    let is_fiscal = words.iter().any(|word| word == "fiscal" || word.starts_with("fy"));
    // What everyday words say of a ratio is accounted for by the ratio itself.
    let own = if is_meant && matches!(operation, Operation::Formula(_)) { names.clone() } else { own };
    let periods = times.into_iter().map(|(period, _)| period).collect();
    Some(Asked {
        operation,
        lines,
        periods,
        is_year_before,
        words,
        own,
        names,
        meant,
        unknown,
        time_words,
        time,
        is_fiscal,
        is_of_part,
        is_relative,
        is_beyond,
    })
}

/// The sum of the lines that a question puts together, in place of that of the rows of a table.
fn together(operation: Operation, words: &[String], lines: &[Line]) -> Operation {
    match sum_of(lines).filter(|_| operation == Operation::Sum && puts_together(words, lines)) {
        Some(sum) => Operation::Formula(sum),
        None => operation,
    }
}

/// Whether a question says something that a figure as it stands leaves out.
fn is_beyond(topic: &[String], words: &[String], lines: &[Line], operation: &Operation, lexicon: &Lexicon) -> bool {
    takes_out(topic, lexicon)
        || puts_together(words, lines) && !matches!(operation, Operation::Formula(_))
        || computes(words, operation)
}

/// The sum of several lines that a question names; none where it names one, or one twice.
fn sum_of(lines: &[Line]) -> Option<Formula> {
    let mut names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() < 2 || names.len() != lines.len() {
        return None;
    }
    let names: Vec<String> = lines.iter().map(|line| line.name.clone()).collect();
    Some(Formula {
        name: "sum".into(),
        formulas: vec![names.join(" + ")],
        lines: names.into_iter().zip(lines.iter().cloned()).collect(),
        optional: Vec::new(),
        result: RatioUnit::Amount,
    })
}

fn line_of(entry: Entry<'_>) -> Option<&Line> {
    match entry {
        Entry::Line(line) => Some(line),
        Entry::Ratio(_) => None,
    }
}

/// What is to be done where no formula is asked for.
fn plain_operation(question: &str, raw: &[String], is_change: bool, meant: &[Meaning]) -> Operation {
    let has = |list: &[&str]| raw.iter().any(|word| list.contains(&word.as_str()));
    if is_change {
        let relative = has(&["percent", "percentage", "rate", "growth"])
            || question.contains('%')
            || question.contains("per cent");
        Operation::Change { relative }
    } else if has(HIGHEST) {
        Operation::Highest
    } else if has(LOWEST) {
        Operation::Lowest
    } else if has(AVERAGES) && !meant.first().is_some_and(|meant| is_average_itself(&meant.line)) {
        Operation::Average
    } else if has(SUMS) || raw.windows(2).any(|pair| pair[0] == "in" && pair[1] == "total") {
        Operation::Sum
    } else {
        Operation::Value
    }
}

/// Whether a word says what is to be done.
fn acts(operation: &Operation, word: &str) -> bool {
    match operation {
        Operation::Change { .. } => CHANGES.contains(&word) || word == "rate",
        Operation::Highest => HIGHEST.contains(&word),
        Operation::Lowest => LOWEST.contains(&word),
        Operation::Average => AVERAGES.contains(&word),
        Operation::Sum => SUMS.contains(&word),
        Operation::Formula(_) => {
            AVERAGES.contains(&word) || ["minus", "plus", "divided", "over", "share"].contains(&word)
        }
        Operation::Value => false,
    }
}

/// How far a ratio must go before what else a question may mean, and how much of the question it must account for.
const RATIO_MARGIN: f32 = 0.3;
const RATIO_SHARE: f32 = 0.5;

/// How much of a question a change by itself must account for.
const FLOW_SHARE: f32 = 0.75;

/// Whether a question for `what cash`, `what bills` asks for a figure: it begins so, names a time and means a line.
fn is_of_field(words: &[String], times: &[(Period, Range<usize>)], lexicon: &Lexicon) -> bool {
    let begins = words.iter().take(3).any(|word| ["what", "which", "how"].contains(&word.as_str()));
    let meant = || lexicon.meant(&topic_of(words, times, &[])).first().is_some_and(|meant| meant.score >= FIELD_SCORE);
    begins && !times.is_empty() && meant()
}

/// How well a line must fit for a question to be one of the field.
const FIELD_SCORE: f32 = 1.5;

/// Words that say that something changed, and from when.
fn is_of_change(word: &str) -> bool {
    const FROM: [&str; 14] = [
        "than",
        "earlier",
        "ago",
        "before",
        "same",
        "period",
        "compared",
        "against",
        "year",
        "prior",
        "previous",
        "percent",
        "percentage",
        "time",
    ];
    CHANGES.contains(&word) || FROM.contains(&word) || word == "or" || word == "rate"
}

/// Whether a line is an average by itself: of shares over a time.
fn is_average_itself(line: &Line) -> bool {
    line.names.iter().any(|name| name.contains("average"))
}

/// Whether a line is a change by itself, so that a question how something changed may mean its figure.
fn is_change_itself(line: &Line) -> bool {
    let is_change =
        line.name.starts_with("change_") || line.name == "net_change_in_cash" || line.name == "exchange_rate_effect";
    line.statement == Some(Statement::CashFlow) && is_change || line.statement == Some(Statement::ComprehensiveIncome)
}

/// The folded words that are names: written with a capital letter, and not because the question begins there.
fn names_in(question: &str, words: &[String], times: &[(Period, Range<usize>)], lexicon: &Lexicon) -> Vec<String> {
    let is_owner = |word: &str| word.ends_with("'s") || word.ends_with("’s");
    let written = question
        .split(|c: char| c.is_whitespace() || c == '—' || c == '(')
        .enumerate()
        .filter(|(at, word)| word.starts_with(char::is_uppercase) && (*at > 0 || is_owner(word)));
    let is_time = |word: &String| times.iter().any(|(_, range)| words[range.clone()].contains(word));
    let is_of_field = |word: &String| word.contains('&') || lexicon.has_word(word) && word.len() <= 5 || word == "i";
    let mut names: Vec<String> = written.flat_map(|(_, word)| folded(word)).collect();
    names.retain(|word| !is_time(word) && !is_stop_word(word) && !is_of_field(word));
    names.dedup();
    names
}

/// The words of a question without its times, what leads to them, and its names.
fn topic_of(words: &[String], times: &[(Period, Range<usize>)], names: &[String]) -> Vec<String> {
    const LEADS: [&str; 8] = ["the", "end", "close", "of", "ended", "ending", "to", "its"];
    const FIRST: [&str; 9] = ["at", "on", "as", "in", "during", "over", "for", "by", "through"];
    let mut is_left = vec![true; words.len()];
    for (_, range) in times {
        is_left[range.clone()].fill(false);
        let leads =
            (0..range.start).rev().take_while(|&at| LEADS.contains(&words[at].as_str()) || is_around(&words[at]));
        let from = range.start - leads.count();
        // `within a year on June 30`: only what the preposition begins is of the time.
        let first = (from.saturating_sub(1)..range.start).rev().find(|&at| FIRST.contains(&words[at].as_str()));
        if let Some(first) = first {
            is_left[first..range.start].fill(false);
        }
    }
    let kept = words.iter().zip(is_left).filter(|(word, is_left)| *is_left && !names.contains(word));
    kept.map(|(word, _)| word.clone()).collect()
}

/// Whether an unknown word follows a name or a preposition: what somebody has or something comes from. `unknown` are stems.
fn is_of_part(words: &[String], names: &[String], unknown: &[String]) -> bool {
    const BEFORE: [&str; 8] = ["from", "of", "in", "by", "on", "at", "with", "to"];
    let leads = |word: &String| BEFORE.contains(&word.as_str()) || names.contains(word);
    let is_skipped = |word: &String| ["the", "its", "a", "an"].contains(&word.as_str());
    let stems = stems_of(words);
    (1..words.len()).any(|at| {
        let before = words[..at].iter().rev().find(|word| !is_skipped(word));
        let is_own = unknown.contains(&stems[at]) && !SOFT.contains(&words[at].as_str()) && !is_around(&words[at]);
        is_own && before.is_some_and(leads) && !is_verb(words, at)
    })
}

/// Whether a word is told to be a verb by the one before it: `what did Norvik clear`.
fn is_verb(words: &[String], at: usize) -> bool {
    let from = at.saturating_sub(3);
    words[from..at].iter().any(|word| ["did", "had", "has", "does", "have", "doe", "ha"].contains(&word.as_str()))
}

/// Whether a question is about a day or a stretch of time, by its words.
fn time_of(words: &[String], times: &[(Period, Range<usize>)]) -> Time {
    let is_end = |before: &[String]| {
        let near = &before[before.len().saturating_sub(5)..];
        near.windows(2)
            .any(|pair| ["end", "close", "start", "beginning"].contains(&pair[0].as_str()) && pair[1] == "of")
            || near.windows(2).any(|pair| pair[0] == "as" && ["of", "at"].contains(&pair[1].as_str()))
    };
    let Some((period, range)) = times.first() else { return Time::Open };
    if period.months.is_some() {
        return Time::Stretch;
    }
    if is_end(&words[..range.start]) {
        return Time::Day;
    }
    if period.quarter.is_some() {
        return Time::Stretch;
    }
    if period.day.is_some() {
        let before = range.start.checked_sub(1).map_or("", |at| words[at].as_str());
        return if ["ended", "ending", "to", "through", "until"].contains(&before) { Time::Stretch } else { Time::Day };
    }
    if period.month.is_some() { Time::Stretch } else { Time::Open }
}

/// Whether the words ask how a figure changed.
fn asks_for_a_change(words: &[String], times: usize, is_year_before: bool) -> bool {
    // `What fell on each share`, `what falls due` speak of no change.
    let next = |at: usize| words.get(at + 1).map_or("", String::as_str);
    let is_other =
        |at: usize| ["fell", "fall", "falls"].contains(&words[at].as_str()) && ["on", "due", "to"].contains(&next(at));
    let change = words.iter().position(|word| CHANGES.contains(&word.as_str())).filter(|at| !is_other(*at));
    let Some(change) = change else { return false };
    // `more than`, `less` and `up to` ask for a change only where two times are compared.
    let is_sure = !["up", "down", "more", "less", "higher", "lower", "bigger", "smaller", "larger"]
        .contains(&words[change].as_str());
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
