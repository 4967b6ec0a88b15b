//! A question in, the figures and ratios of accounts that it speaks of out, by all that they are called; knows no document and no store.

mod everyday;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::tables::Statement;

use everyday::Everyday;
pub(crate) use everyday::stems as stems_of;
pub use everyday::{Meant, Same};

/// The lexicon that comes with the program.
const SHIPPED: &str = include_str!("lexicon/shipped.toml");

/// Which words are known of a field, and what they count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LexiconSettings {
    /// A file of the same form as the one that comes with the program, whose entries are added to it.
    pub file: Option<PathBuf>,
    /// What the words that a numeric question is widened with weigh in lexical search, against 1 for its own; 0 leaves them out.
    pub weight: f32,
}

impl Default for LexiconSettings {
    fn default() -> Self {
        Self { file: None, weight: 0.3 }
    }
}

/// A figure and all that it is called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What formulas call it.
    #[serde(deserialize_with = "not_empty")]
    pub name: String,
    /// The statement it stands in.
    #[serde(default)]
    pub statement: Option<Statement>,
    /// What questions and statements call it; `section > name` for a row called so in a section.
    pub names: Vec<String>,
    /// Whether it is meant without the sign that a statement gives it.
    #[serde(default)]
    pub magnitude: bool,
    /// Sets of everyday words; a question that has the ideas of one, in whatever words and order, means this figure ([`Lexicon::meant`]).
    #[serde(default)]
    pub asked: Vec<String>,
}

/// What a ratio is counted in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RatioUnit {
    /// Nothing: so many times.
    #[default]
    Times,
    /// Hundredths.
    Percent,
    /// Days.
    Days,
    /// What its figures are counted in.
    Amount,
}

/// A figure that is computed from others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// Its name in answers.
    #[serde(deserialize_with = "not_empty")]
    pub name: String,
    /// What questions call it.
    pub names: Vec<String>,
    /// Formulas over the names of lines, and `days`; the first whose lines are all there counts.
    pub formulas: Vec<String>,
    /// Lines that count as nothing where they are not there.
    #[serde(default)]
    pub optional: Vec<String>,
    /// What the result is counted in.
    #[serde(default)]
    pub result: RatioUnit,
    /// Sets of everyday words, as those of [`Line::asked`].
    #[serde(default)]
    pub asked: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    same: Vec<Same>,
    #[serde(default)]
    line: Vec<Line>,
    #[serde(default)]
    ratio: Vec<Ratio>,
}

/// A name, which has a letter or more; the reader of the file says where one has none.
fn not_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.trim().is_empty() {
        return Err(serde::de::Error::custom("a line or a ratio needs a name, and this one is empty"));
    }
    Ok(name)
}

/// The words of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Lexicon {
    lines: Vec<Line>,
    ratios: Vec<Ratio>,
    everyday: Everyday,
}

/// Something of the lexicon that a text names, and where: the half-open range of words of [`folded`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// What it is.
    pub entry: Entry<'a>,
    /// The first of its words.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

/// A line or a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A figure that statements hold.
    Line(&'a Line),
    /// One that is computed.
    Ratio(&'a Ratio),
}

impl Lexicon {
    /// The one that comes with the program, with what the settings' file adds.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read, [`Error::Config`] for one that is no lexicon.
    pub fn open(settings: &LexiconSettings) -> Result<Self> {
        let mut lexicon = Self::shipped();
        if let Some(path) = &settings.file {
            let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
            let file: File = toml::from_str(&text)
                .map_err(|source| Error::Config { path: path.clone(), source: Box::new(source) })?;
            lexicon.add(file);
        }
        Ok(lexicon)
    }

    /// The one that comes with the program.
    ///
    /// # Panics
    /// Never: a test reads it.
    #[must_use]
    pub fn shipped() -> Self {
        let mut lexicon = Self { lines: vec![], ratios: vec![], everyday: Everyday::default() };
        for text in [everyday::SHIPPED, SHIPPED] {
            lexicon.add(toml::from_str(text).expect("the shipped lexicon is well formed"));
        }
        lexicon
    }

    fn add(&mut self, file: File) {
        for line in file.line {
            self.lines.retain(|known| known.name != line.name);
            self.lines.push(line);
        }
        for ratio in file.ratio {
            self.ratios.retain(|known| known.name != ratio.name);
            self.ratios.push(ratio);
        }
        file.same.iter().for_each(|group| self.everyday.add(group));
        let lines = self.lines.iter().map(|line| {
            // A row called so in a section is asked for by both.
            let names = line.names.iter().map(|name| name.replace(" > ", " ")).collect();
            (names, line.asked.as_slice())
        });
        let ratios = self.ratios.iter().map(|ratio| (ratio.names.clone(), ratio.asked.as_slice()));
        self.everyday.settle(lines.chain(ratios));
    }

    /// The line that formulas call `name`.
    #[must_use]
    pub fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == name)
    }

    /// All ratios.
    #[must_use]
    pub fn ratios(&self) -> &[Ratio] {
        &self.ratios
    }

    /// The line of which `words`, all of them, are a name that needs no section.
    #[must_use]
    pub fn line_called(&self, words: &[String]) -> Option<&Line> {
        self.lines.iter().find(|line| line.plain_names().any(|name| folded(name) == words))
    }

    /// What `text` names, the longest names first taken, in order of place. A ratio goes before a line of the same name.
    #[must_use]
    pub fn named(&self, text: &str) -> Vec<Named<'_>> {
        let words = folded(text);
        let ratios = self
            .ratios
            .iter()
            .flat_map(|ratio| ratio.names.iter().map(move |name| (Entry::Ratio(ratio), name.as_str())));
        let lines = self.lines.iter().flat_map(|line| line.plain_names().map(move |name| (Entry::Line(line), name)));
        let mut known: Vec<(Entry<'_>, Vec<String>)> =
            ratios.chain(lines).map(|(entry, name)| (entry, folded(name))).collect();
        known.retain(|(_, name)| !name.is_empty());
        // Stable: of names as long the first counts, and ratios come first.
        known.sort_by_key(|(_, name)| std::cmp::Reverse(name.len()));
        let mut taken = vec![false; words.len()];
        let mut found = Vec::new();
        for (entry, name) in known {
            for start in 0..(words.len() + 1).saturating_sub(name.len()) {
                let end = start + name.len();
                if words[start..end] == name && !taken[start..end].contains(&true) {
                    taken[start..end].fill(true);
                    found.push(Named { entry, start, end });
                }
            }
        }
        found.sort_by_key(|named| named.start);
        found
    }

    /// Whether a name of a figure or a ratio has this word, in lower case.
    #[must_use]
    pub fn has_word(&self, word: &str) -> bool {
        let names =
            self.lines.iter().flat_map(|line| &line.names).chain(self.ratios.iter().flat_map(|ratio| &ratio.names));
        names.flat_map(|name| name.split(|c: char| !c.is_alphanumeric())).any(|own| own.to_lowercase() == word)
    }

    /// Words to look for beside those of a numeric question: what else the figures that it names are called, those of its ratios, and their
    /// statements. None for a question that asks for no figure, or names none that is known.
    #[must_use]
    pub fn widened(&self, question: &str) -> Option<String> {
        if !asks_for_a_figure(question) {
            return None;
        }
        let mut lines: Vec<&Line> = Vec::new();
        for named in self.named(question) {
            match named.entry {
                Entry::Line(line) => lines.push(line),
                Entry::Ratio(ratio) => lines.extend(ratio.line_names().iter().filter_map(|name| self.line(name))),
            }
        }
        lines.dedup_by_key(|line| line.name.clone());
        let statements = lines.iter().filter_map(|line| line.statement).map(|statement| statement.words().to_owned());
        let names = lines.iter().flat_map(|line| line.plain_names().take(WIDENED_NAMES_MAX).map(str::to_owned));
        let words: Vec<String> = names.chain(statements).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }
}

/// Names of one figure that a question is widened with.
const WIDENED_NAMES_MAX: usize = 4;

impl Line {
    /// Its names that need no section.
    pub fn plain_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|name| !name.contains(" > "))
    }

    /// Its names in a section: (section, name).
    pub fn section_names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names.iter().filter_map(|name| name.split_once(" > "))
    }
}

impl Ratio {
    /// The names of lines in all its formulas, each once.
    #[must_use]
    pub fn line_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.formulas.iter().flat_map(|formula| formula_names(formula)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The names in a formula, as often as they occur, without `days`.
#[must_use]
pub fn formula_names(formula: &str) -> Vec<String> {
    let words = formula.split(|c: char| !c.is_alphanumeric() && c != '_');
    let is_name = |word: &&str| word.starts_with(|c: char| c.is_alphabetic()) && *word != DAYS;
    words.filter(is_name).map(str::to_owned).collect()
}

/// What formulas call the length of the period in days.
pub const DAYS: &str = "days";

/// The words of a text as names are compared: lower case, without signs and plurals, `&` as in `R&D` kept.
#[must_use]
pub fn folded(text: &str) -> Vec<String> {
    let text = text.replace(['’', '‘'], "'").to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '&' && c != '\'');
    words
        .map(|word| word.trim_matches('\''))
        .map(|word| word.strip_suffix("'s").unwrap_or(word).trim_matches(['\'', '&']))
        .filter(|word| !word.is_empty())
        .map(singular)
        .collect()
}

/// The word without the ending of a plural, near enough to compare by.
fn singular(word: &str) -> String {
    if word.len() > 4 && word.ends_with("ies") {
        return format!("{}y", &word[..word.len() - 3]);
    }
    let is_plural = word.len() > 3 && word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us");
    if is_plural { word[..word.len() - 1].to_owned() } else { word.to_owned() }
}

/// Whether a question asks for a figure: how much or many it is, what it was, how it changed.
#[must_use]
pub fn asks_for_a_figure(question: &str) -> bool {
    let words: Vec<String> = question.to_lowercase().split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let follows =
        |first: &str, list: &[&str]| words.windows(2).any(|pair| pair[0] == first && list.contains(&pair[1].as_str()));
    follows(
        "how",
        &["much", "many", "high", "large", "big", "long", "did", "has", "have", "far", "does", "do", "strong"],
    ) || follows(
        "what",
        &[
            "was",
            "were",
            "is",
            "are",
            "did",
            "share",
            "percentage",
            "proportion",
            "amount",
            "number",
            "figure",
            "total",
        ],
    ) || follows("by", &["how", "what"])
        || has(&[
            "compute",
            "calculate",
            "ratio",
            "margin",
            "total",
            "sum",
            "average",
            "highest",
            "lowest",
            "largest",
            "smallest",
            "change",
            "growth",
        ])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::arithmetic::{Value, evaluate};

    fn names(text: &str) -> Vec<String> {
        let lexicon = Lexicon::shipped();
        let name = |named: &Named<'_>| match named.entry {
            Entry::Line(line) => line.name.clone(),
            Entry::Ratio(ratio) => ratio.name.clone(),
        };
        lexicon.named(text).iter().map(name).collect()
    }

    #[test]
    fn every_shipped_formula_is_made_of_shipped_lines() {
        let lexicon = Lexicon::shipped();
        let one = Value::plain(rust_decimal::Decimal::ONE);
        for ratio in lexicon.ratios() {
            for formula in &ratio.formulas {
                let mut given: BTreeMap<String, Value> = BTreeMap::from([(DAYS.to_owned(), one)]);
                for name in formula_names(formula) {
                    assert!(lexicon.line(&name).is_some(), "{}: {name}", ratio.name);
                    given.insert(name, one);
                }
                evaluate(formula, &given).unwrap_or_else(|error| panic!("{}: {error}", ratio.name));
            }
            assert!(ratio.optional.iter().all(|name| ratio.line_names().contains(name)), "{}", ratio.name);
        }
    }

    #[test]
    fn the_longest_name_counts() {
        assert_eq!(names("What was capex against D&A?"), ["capital_expenditure", "depreciation_and_amortization"]);
        assert_eq!(names("total current liabilities and cost of sales"), ["current_liabilities", "cost_of_revenue"]);
        assert_eq!(names("the Net Profit Margin; shareholders’ equity"), ["net margin", "equity"]);
        assert_eq!(
            names("trade creditors, inventory and SG&A"),
            ["payables", "inventories", "selling_general_and_administrative"]
        );
    }

    #[test]
    fn only_a_question_for_a_figure_is_widened() {
        let lexicon = Lexicon::shipped();
        let words = lexicon.widened("What was the quick ratio of Intel?").unwrap();
        assert!(words.contains("total current liabilities") && words.contains("balance sheet"), "{words}");
        assert!(lexicon.widened("How much did they spend on capex?").unwrap().contains("purchases of property"));
        assert_eq!(lexicon.widened("Who audits the revenue?"), None);
        assert_eq!(lexicon.widened("What was the weather?"), None);
    }

    #[test]
    fn a_file_adds_and_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.toml");
        let text = "[[line]]\nname = 'rent'\nnames = ['rent roll', 'rent']\n[[ratio]]\nname = 'current ratio'\nnames = ['current ratio']\nformulas = ['rent / rent']\n";
        std::fs::write(&file, text).unwrap();
        let lexicon =
            Lexicon::open(&LexiconSettings { file: Some(file.clone()), ..LexiconSettings::default() }).unwrap();
        assert!(lexicon.line_called(&folded("Rent roll")).is_some());
        let current = lexicon.ratios().iter().filter(|ratio| ratio.name == "current ratio");
        assert_eq!(current.map(|ratio| ratio.formulas.join("")).collect::<Vec<_>>(), ["rent / rent"]);
        std::fs::write(&file, "[[lines]]\n").unwrap();
        let settings = LexiconSettings { file: Some(file.clone()), ..LexiconSettings::default() };
        let error = Lexicon::open(&settings).unwrap_err();
        assert!(error.to_string().contains("own.toml"), "{error}");
        // No answer can begin with it.
        std::fs::write(&file, "[[ratio]]\nname = ' '\nnames = ['cover']\nformulas = ['rent / rent']\n").unwrap();
        let error = Lexicon::open(&settings).unwrap_err();
        let reason = std::error::Error::source(&error).expect("says why").to_string();
        assert!(reason.contains("line 2") && reason.contains("needs a name"), "{reason}");
    }
}
