//! A question that asks several things in, one question for each of them out, each of which can be looked up by itself.
//!
//! Where one begins is told by the words that begin questions. What a part leaves to the parts before it, by `it` or by silence, it is given
//! along in brackets: their names and times, and what they speak of. Spelling and order of words are all that is looked at.

use crate::months::MONTHS;
use crate::stop_words::is_stop_word;

/// Parts of one question; what follows stays with the last.
const PARTS_MAX: usize = 8;
/// Things that a part is given along.
const CARRIED_MAX: usize = 4;
/// Words of one thing that is spoken of.
const PHRASE_MAX: usize = 5;

const ASKING: [&str; 9] = ["what", "how", "when", "who", "whom", "whose", "which", "where", "why"];
const PREPOSITIONS: [&str; 13] =
    ["by", "from", "on", "in", "at", "to", "for", "until", "since", "with", "of", "under", "against"];
/// Verbs that stand before what they are about in a question.
const AUXILIARIES: [&str; 22] = [
    "is", "are", "was", "were", "does", "do", "did", "has", "have", "had", "can", "could", "may", "might", "must",
    "will", "would", "shall", "should", "am", "be", "need",
];
const DETERMINERS: [&str; 10] = ["the", "a", "an", "our", "any", "each", "every", "this", "these", "those"];
/// Words that ask how far something goes, and say nothing by themselves.
const DEGREES: [&str; 9] = ["much", "many", "long", "far", "often", "so", "else", "soon", "exactly"];
const THINGS: [&str; 12] =
    ["it", "its", "itself", "they", "them", "their", "theirs", "there", "then", "those", "these", "such"];
const PERSONS: [&str; 7] = ["he", "him", "his", "she", "her", "hers", "himself"];
/// What tells a firm's name from a person's.
const FIRMS: [&str; 23] = [
    "ltd", "limited", "plc", "inc", "llc", "llp", "lp", "ag", "gmbh", "sa", "se", "nv", "bv", "ab", "as", "oy", "corp",
    "group", "bank", "fund", "company", "holdings", "partners",
];
/// Capitals that stand for a word of the field, and name nobody.
const ACRONYMS: [&str; 32] = [
    "EBITDA", "EBIT", "CEO", "CFO", "COO", "CTO", "CIO", "VAT", "KPI", "KPIS", "ROE", "ROI", "ROA", "IRR", "NAV",
    "GDP", "EPS", "IPO", "ESG", "IFRS", "GAAP", "AGM", "NDA", "SLA", "LTV", "DSCR", "USD", "EUR", "GBP", "CAPEX",
    "OPEX", "I",
];
/// Words that open a request and name nothing.
const REQUESTS: [&str; 9] = ["explain", "tell", "list", "give", "describe", "show", "compare", "please", "name"];
/// Participles that do not end as most do.
const PARTICIPLES: [&str; 10] = ["paid", "made", "given", "sold", "held", "set", "due", "taken", "built", "kept"];

/// A word of a question with what stands around it.
struct Word<'a> {
    /// As written, with its punctuation.
    piece: &'a str,
    /// Without it, and without the ending of a possessive.
    bare: &'a str,
    lower: String,
}

impl<'a> Word<'a> {
    fn of(piece: &'a str) -> Self {
        let bare = piece.trim_matches(|c: char| !c.is_alphanumeric());
        let bare = bare.strip_suffix("'s").or_else(|| bare.strip_suffix("’s")).unwrap_or(bare);
        Self { piece, bare, lower: bare.to_lowercase() }
    }

    fn is(&self, list: &[&str]) -> bool {
        list.contains(&self.lower.as_str())
    }

    /// Whether nothing that began before goes on behind it.
    fn ends(&self) -> bool {
        self.piece.ends_with([',', ';', ':', '?', '!', ')']) || self.piece.ends_with("'s") || self.piece.ends_with("’s")
    }

    fn is_year(&self) -> bool {
        self.bare.len() == 4 && self.bare.parse().is_ok_and(|year: u32| (1900..2100).contains(&year))
    }

    fn is_capital(&self) -> bool {
        let is_code = self.bare.contains(|c: char| c.is_ascii_digit()) && self.bare.contains(char::is_alphabetic);
        (self.bare.starts_with(char::is_uppercase) || is_code) && !ACRONYMS.contains(&&*self.bare.to_uppercase())
    }
}

fn words(text: &str) -> Vec<Word<'_>> {
    text.split_whitespace().map(Word::of).collect()
}

/// The questions that `question` asks, in order, each to be looked up by itself; the question alone where it asks one thing, none where it
/// has no word.
#[must_use]
pub fn question_parts(question: &str) -> Vec<String> {
    let parts = split(question);
    if parts.len() <= 1 {
        let question = question.trim();
        return if parts.is_empty() { Vec::new() } else { vec![question.to_owned()] };
    }
    let looked_at: Vec<Part> = parts.iter().map(|part| Part::of(part)).collect();
    parts.iter().enumerate().map(|(at, part)| carried(part, &looked_at, at)).collect()
}

/// Each question as it is written, with an end of its own.
fn split(question: &str) -> Vec<String> {
    let all = words(question);
    let mut parts: Vec<String> = Vec::new();
    let mut start = 0;
    let mut end_of_sentence = 0;
    for at in 0..all.len() {
        if end_of_sentence <= at {
            let mark = all[at..].iter().position(|word| word.piece.ends_with('?'));
            end_of_sentence = mark.map_or(all.len(), |mark| at + mark + 1);
        }
        if parts.len() + 1 >= PARTS_MAX || at <= start {
            continue;
        }
        let from = if at > 0 && all[at - 1].piece.ends_with('?') {
            Some(at)
        } else {
            begins(&all[start..end_of_sentence], at - start).map(|from| from + start)
        };
        if let Some(from) = from {
            parts.push(ended(&all[start..at], &all[end_of_sentence - 1]));
            start = from;
        }
    }
    if start < all.len() {
        parts.push(ended(&all[start..], &all[all.len() - 1]));
    }
    parts.retain(|part| part.contains(char::is_alphanumeric));
    parts
}

/// The words without what joined them to the next part, and with the mark that the sentence ends with.
fn ended(words: &[Word<'_>], last: &Word<'_>) -> String {
    let text = words.iter().map(|word| word.piece).collect::<Vec<_>>().join(" ");
    let text = text.trim_end_matches([',', ';', ':']).trim_end();
    if text.ends_with(['?', '.', '!']) {
        return text.to_owned();
    }
    format!("{text}{}", if last.piece.ends_with('.') { '.' } else { '?' })
}

/// Where another question begins, if the words from `at` on join one to those before.
fn begins(sentence: &[Word<'_>], at: usize) -> Option<usize> {
    let (before, last) = (&sentence[..at], &sentence[at - 1]);
    let is_joined = sentence[at].is(&["and", "&"]);
    let mut from = at;
    if is_joined {
        from += 1;
        while sentence.get(from).is_some_and(|word| word.is(&["also", "then", "if", "so"])) {
            from += 1;
        }
    } else if !last.piece.ends_with([',', ';']) {
        return None;
    }
    let is_word = |word: &&Word<'_>| !word.is(&ASKING) && !word.is(&PREPOSITIONS) && !word.is(&DEGREES);
    let tail = sentence.get(from..).unwrap_or_default();
    // `when and where`, `if and when`, `and for how long`.
    if last.is(&ASKING) || last.is(&["if", "as"]) || !before.iter().any(|word| is_word(&word)) {
        return None;
    }
    tail.iter().find(is_word)?;
    let (first, second) = (tail.first()?, tail.get(1));
    let asks = first.is(&ASKING) || first.is(&PREPOSITIONS) && second.is_some_and(|word| word.is(&ASKING));
    let is_fit = if is_joined {
        asks && !is_relative(before, tail) || is_turned(before, tail)
    } else {
        asks && is_listed(before, tail)
    };
    is_fit.then_some(from)
}

/// Whether `and which …` goes on about what was named before: `the policy that applies and which the board approved`.
fn is_relative(before: &[Word<'_>], tail: &[Word<'_>]) -> bool {
    let first = &tail[0];
    let is_again = before.iter().skip(1).any(|word| word.lower == first.lower || word.lower == "that");
    let leads_on = tail.get(1).is_some_and(|word| word.is(&["the", "a", "an", "it", "they", "we", "he", "she"]));
    first.is(&["who", "which", "where", "whose"]) && (is_again || first.lower == "which" && leads_on)
}

/// Whether a question without a word that asks begins: `and is it secured`.
fn is_turned(before: &[Word<'_>], tail: &[Word<'_>]) -> bool {
    let about = |word: &Word<'_>| {
        word.is(&[
            "the", "it", "its", "they", "their", "he", "his", "she", "her", "there", "we", "i", "you", "this", "that",
        ]) || word.bare.starts_with(char::is_uppercase)
    };
    opens_question(before) && tail[0].is(&AUXILIARIES) && tail.get(1).is_some_and(about)
}

/// Whether a question follows behind a comma alone, and not a clause about what stands before it.
fn is_listed(before: &[Word<'_>], tail: &[Word<'_>]) -> bool {
    let is_turned = |at: usize| tail.get(at).is_some_and(|word| word.is(&AUXILIARIES));
    let fits = match tail[0].lower.as_str() {
        "what" | "how" | "why" => true,
        "when" | "where" => is_turned(1),
        "who" => is_turned(1) && tail.get(2).is_some_and(|word| word.is(&DETERMINERS) || word.is_capital()),
        _ => false,
    };
    fits && opens_question(before)
}

/// Whether the words open a question and no clause: `When did …`, not `When the …`.
fn opens_question(words: &[Word<'_>]) -> bool {
    let Some(first) = words.first() else { return false };
    match first.lower.as_str() {
        "when" | "where" | "why" => words.get(1).is_some_and(|word| word.is(&AUXILIARIES)),
        _ if first.is(&PREPOSITIONS) => words.get(1).is_some_and(|word| word.is(&ASKING)),
        _ => first.is(&ASKING) || first.is(&AUXILIARIES),
    }
}

/// What a part says, and what it leaves to others.
struct Part {
    names: Vec<String>,
    times: Vec<String>,
    phrases: Vec<String>,
    /// Which word stands for a thing, and which for a person.
    thing: Option<usize>,
    person: Option<usize>,
    asks_when: bool,
}

impl Part {
    fn of(text: &str) -> Self {
        let words = words(text);
        let mut part = Self {
            names: Vec::new(),
            times: Vec::new(),
            phrases: phrases(&words),
            thing: (0..words.len()).find(|at| stands_for_thing(&words, *at)),
            person: words.iter().position(|word| word.is(&PERSONS)),
            asks_when: words.iter().take(2).any(|word| word.lower == "when"),
        };
        let mut at = 0;
        while at < words.len() {
            if let Some(end) = time_at(&words, at) {
                part.times.push(joined(&words[at..end]));
                at = end;
            } else if let Some(end) = name_at(&words, at) {
                part.names.push(joined(&words[at..end]));
                at = end;
            } else {
                at += 1;
            }
        }
        part
    }
}

fn joined(words: &[Word<'_>]) -> String {
    words.iter().map(|word| word.bare).collect::<Vec<_>>().join(" ")
}

/// Where a time that begins at `at` ends: `Q1 2025`, `30 June 2025`, `the second quarter of 2025`, `2025`.
fn time_at(words: &[Word<'_>], at: usize) -> Option<usize> {
    let word = |at: usize| words.get(at);
    let is_year = |at: usize| word(at).is_some_and(Word::is_year);
    let is_month = |at: usize| word(at).is_some_and(|word| word.is(&MONTHS));
    let first = word(at)?;
    let is_period = first.bare.len() == 2
        && first.lower.starts_with(['q', 'h'])
        && first.bare.ends_with(|c: char| c.is_ascii_digit());
    let is_day = first.bare.len() <= 2 && first.bare.parse::<u32>().is_ok();
    let is_ordinal = first.is(&["first", "second", "third", "fourth"]);
    if first.is_year() {
        Some(at + 1)
    } else if (is_period || is_month(at)) && is_year(at + 1) {
        Some(at + 2)
    } else if (is_day && is_month(at + 1) || is_month(at) && word(at + 1).is_some_and(|day| day.bare.len() <= 2))
        && is_year(at + 2)
    {
        Some(at + 3)
    } else if is_ordinal && word(at + 1).is_some_and(|word| word.is(&["quarter", "half"])) {
        Some(if word(at + 2).is_some_and(|word| word.lower == "of") && is_year(at + 3) { at + 4 } else { at + 2 })
    } else {
        None
    }
}

/// Where a name that begins at `at` ends.
fn name_at(words: &[Word<'_>], at: usize) -> Option<usize> {
    let first = &words[at];
    let opens = at == 0 && (is_stop_word(&first.lower) || first.is(&ASKING) || first.is(&REQUESTS));
    let is_part = |word: &Word<'_>| word.is_capital() && !word.is(&MONTHS) && !word.is_year();
    if opens || !is_part(first) {
        return None;
    }
    let mut end = at + 1;
    while end < words.len() && !words[end - 1].ends() {
        let next = &words[end];
        let joins = next.is(&["of", "de", "von", "van", "der", "la"]) || next.piece == "&";
        let is_number = next.bare.len() <= 3 && next.bare.parse::<u32>().is_ok();
        if is_part(next) && time_at(words, end).is_none() || is_number && time_at(words, end).is_none() {
            end += 1;
        } else if joins && words.get(end + 1).is_some_and(&is_part) && time_at(words, end + 1).is_none() {
            end += 2;
        } else {
            break;
        }
    }
    Some(end)
}

/// Whether a word stands for a thing that is named elsewhere.
fn stands_for_thing(words: &[Word<'_>], at: usize) -> bool {
    let word = &words[at];
    let next = words.get(at + 1);
    let is_alone = next.is_none_or(|next| next.is(&AUXILIARIES) || next.lower == "of") || word.ends();
    match word.lower.as_str() {
        "this" | "that" => is_alone,
        // `those of Lyra`, not `those fees`.
        "those" | "these" | "such" => is_alone || next.is_some_and(|next| is_stop_word(&next.lower)),
        // `there` opens what is new: `is there a fee`.
        "there" => at + 1 == words.len(),
        "one" => at > 0 && words[at - 1].lower == "which",
        _ => word.is(&THINGS),
    }
}

/// The things that words speak of, by what goes before them: `the risk of a cyber attack`, `What dividends`.
fn phrases(words: &[Word<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    if words.first().is_some_and(|word| word.is(&["what", "which"])) {
        let end = run(words, 1);
        // `What happened` has no such thing.
        let is_thing = end > 1 && words.get(end).is_some_and(|word| word.is(&AUXILIARIES));
        found.extend(is_thing.then(|| joined(&words[1..end])));
    }
    while at < words.len() {
        let is_begin = words[at].is(&DETERMINERS) && !stands_for_thing(words, at);
        let mut end = if is_begin { run(words, at + 1) } else { at };
        if end <= at + 1 {
            at += 1;
            continue;
        }
        let before = at.checked_sub(1).map(|before| &words[before]);
        // The verb that the auxiliary before belongs to: `did the board decide`, `was the loan signed`.
        let last = &words[end - 1];
        let is_verb = match before.filter(|before| before.is(&AUXILIARIES)) {
            Some(before) if before.is(&["is", "are", "was", "were", "has", "have", "had"]) => {
                last.lower.ends_with("ed") || last.is(&PARTICIPLES)
            }
            Some(_) => true,
            None => false,
        };
        if is_verb && end > at + 2 {
            end -= 1;
        } else if words.get(end).is_some_and(|word| word.lower == "of") && !words[end - 1].ends() {
            let inner = end + 1 + usize::from(words.get(end + 1).is_some_and(|word| word.is(&DETERMINERS)));
            end = if run(words, inner) > inner { run(words, inner) } else { end };
        }
        found.push(joined(&words[at..end]));
        at = end;
    }
    found
}

/// Where the words of one thing that begin at `at` end.
fn run(words: &[Word<'_>], at: usize) -> usize {
    let mut end = at;
    while end < words.len() && end < at + PHRASE_MAX && !is_stop_word(&words[end].lower) && !words[end].is(&AUXILIARIES)
    {
        end += 1;
        if words[end - 1].piece.ends_with([',', ';', ':', '?', '!', '.']) {
            break;
        }
    }
    end
}

/// The part with what it leaves to the parts before it.
fn carried(text: &str, parts: &[Part], at: usize) -> String {
    let part = &parts[at];
    let earlier = || parts[..at].iter().rev();
    let names = earlier().find(|part| !part.names.is_empty()).map_or(&[][..], |part| &part.names);
    let phrases = earlier().find(|part| !part.phrases.is_empty()).map_or(&[][..], |part| &part.phrases);
    let times = earlier().find(|part| !part.times.is_empty()).map_or(&[][..], |part| &part.times);
    let mut along: Vec<&String> = Vec::new();
    if part.person.is_some() {
        let all = earlier().flat_map(|part| &part.names);
        let persons: Vec<&String> = all.filter(|name| is_person(name)).collect();
        along.extend(if persons.is_empty() { names.iter().collect() } else { persons });
    } else if part.thing.is_some() {
        let spoken: Vec<&String> = phrases.first().into_iter().chain(phrases.last()).collect();
        let is_said = |name: &&String| !spoken.iter().any(|phrase| phrase.contains(name.as_str()));
        along.extend(names.iter().filter(|name| !is_person(name) || spoken.is_empty()).filter(is_said));
        along.extend(spoken);
    } else if part.names.is_empty() {
        along.extend(names);
        along.extend(phrases.first().filter(|_| names.is_empty()));
    }
    if part.times.is_empty() && !part.asks_when {
        along.extend(times);
    }
    let mut told: Vec<&str> = Vec::new();
    for thing in along {
        if !text.contains(thing.as_str()) && !told.contains(&thing.as_str()) && told.len() < CARRIED_MAX {
            told.push(thing);
        }
    }
    if told.is_empty() {
        return text.to_owned();
    }
    let words = words(text);
    let place = part.person.or(part.thing).unwrap_or(words.len() - 1);
    let pieces = words.iter().enumerate().map(|(index, word)| {
        if index != place {
            return word.piece.to_owned();
        }
        let end = word.piece.trim_end_matches(['?', '.', '!', ',', ';']).len();
        let (word, mark) = word.piece.split_at(end);
        format!("{word} ({}){mark}", told.join(", "))
    });
    pieces.collect::<Vec<_>>().join(" ")
}

/// Two words or three with a capital each, as people are called.
fn is_person(name: &str) -> bool {
    let words: Vec<String> = name.split(' ').map(str::to_lowercase).collect();
    let is_firm = words.iter().any(|word| FIRMS.contains(&word.as_str()));
    let is_plain = name.chars().all(|c| c.is_alphabetic() || " -'’".contains(c)) && name.contains(char::is_lowercase);
    (2..=3).contains(&words.len()) && is_plain && !is_firm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_can_be_looked_up_by_itself() {
        let cases: [(&str, &[&str]); 20] = [
            (
                "What was agreed with Orion Ltd and when was it signed?",
                &["What was agreed with Orion Ltd?", "when was it (Orion Ltd) signed?"],
            ),
            ("Who is Anna Vogt and what does she lead?", &["Who is Anna Vogt?", "what does she (Anna Vogt) lead?"]),
            (
                "What did the board decide about the dividend and what was decided about the buy-back?",
                &["What did the board decide about the dividend?", "what was decided about the buy-back (the board)?"],
            ),
            (
                "What leverage may Ardmere not exceed, and where did it stand on 30 June 2025?",
                &["What leverage may Ardmere not exceed?", "where did it (Ardmere, leverage) stand on 30 June 2025?"],
            ),
            (
                "Who owns the risk of a cyber attack on the firm, and what is its score?",
                &[
                    "Who owns the risk of a cyber attack on the firm?",
                    "what is its (the risk of a cyber attack, the firm) score?",
                ],
            ),
            (
                "How big may a file be that is attached to a waybill today, and what was the limit before May 2025?",
                &[
                    "How big may a file be that is attached to a waybill today?",
                    "what was the limit before May 2025 (a file)?",
                ],
            ),
            (
                "Which earnings multiple was applied to Ardmere on 30 June 2025, and which one three months before?",
                &[
                    "Which earnings multiple was applied to Ardmere on 30 June 2025?",
                    "which one (Ardmere, earnings multiple, 30 June 2025) three months before?",
                ],
            ),
            (
                "What is R9 in the register, and whose is it?",
                &["What is R9 in the register?", "whose is it (R9, the register)?"],
            ),
            (
                "What was Fennick's revenue in Q1 2025 and what was the EBITDA?",
                &["What was Fennick's revenue in Q1 2025?", "what was the EBITDA (Fennick, Q1 2025)?"],
            ),
            (
                "What is the margin, who is the lender, and when does the loan of Orion end?",
                &["What is the margin?", "who is the lender (the margin)?", "when does the loan of Orion end?"],
            ),
            (
                "Who signed the Orion facility agreement? When was it amended? Is it secured?",
                &[
                    "Who signed the Orion facility agreement?",
                    "When was it (the Orion facility agreement) amended?",
                    "Is it (the Orion facility agreement) secured?",
                ],
            ),
            (
                "What is the fee of Fund II and is it paid yearly?",
                &["What is the fee of Fund II?", "is it (the fee of Fund II) paid yearly?"],
            ),
            (
                "What is the margin of Orion and what is that of Lyra?",
                &["What is the margin of Orion?", "what is that (the margin of Orion) of Lyra?"],
            ),
            (
                "Who runs Ardmere Group and does Karl Meier know them?",
                &["Who runs Ardmere Group?", "does Karl Meier know them (Ardmere Group)?"],
            ),
            (
                "What happened in 2023 and when was the company founded?",
                &["What happened in 2023?", "when was the company founded?"],
            ),
            (
                "By when must capital call No. 7 be paid and to which account?",
                &["By when must capital call No. 7 be paid?", "to which account (No 7)?"],
            ),
            (
                "Explain the leverage covenant and how it is tested.",
                &["Explain the leverage covenant.", "how it (the leverage covenant) is tested."],
            ),
            ("Who decides and who pays?", &["Who decides?", "who pays?"]),
            (
                "Does Orion pay a dividend and how much was it in 2024?",
                &["Does Orion pay a dividend?", "how much was it (Orion, a dividend) in 2024?"],
            ),
            ("", &[]),
        ];
        for (question, parts) in cases {
            assert_eq!(question_parts(question), parts, "{question}");
        }
    }

    #[test]
    fn one_question_stays_one() {
        for question in [
            "What are the terms and conditions?",
            "When and where was the deed signed?",
            "How and why did margins fall?",
            "What happens if and when the loan is repaid?",
            "From which day does the guarantee on the replacement compressor count, and for how long?",
            "Which company of Fund II lost value in the second quarter of 2025, and how much?",
            "Who is the person who signed the deed and who guaranteed it?",
            "Which is the policy that applies and which the board approved?",
            "What did Anna Vogt, who leads the unit, decide?",
            "When was the agreement made with Orion Ltd, which is based in Oslo?",
            "In Q2 2025, what did Fennick pay?",
            "When the bearing failed, what did it cost?",
            "If Kestrelle is late, what is owed?",
            "I have switched banks. How does the administrator make sure that the new account is really mine?",
            "Who signed the deed and the lease?",
            "How much do Orion and Lyra owe?",
            "dividend of Orion 2024",
        ] {
            assert_eq!(question_parts(question), [question]);
        }
    }

    #[test]
    fn parts_are_bounded() {
        let question = "What is it and who is Anna? ".repeat(1000);
        let parts = question_parts(&question);
        assert_eq!(parts.len(), PARTS_MAX);
    }
}
