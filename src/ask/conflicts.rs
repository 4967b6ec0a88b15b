//! The sentences of an answer and the passages around them in, the places of other documents that say otherwise out; shows, and does not
//! decide who is right.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::edition::{Edition, tells_edition, tokens};
use crate::answer::{Conflict, FIGURES, Hit, Side};
use crate::cite::evidence::{Evidence, Text};
use crate::cite::structure::{Reason, dates, disagreement, is_named, says_the_same, tells_past};
use crate::cite::verdict::{Checked, EvidenceSpan, VERBATIM, Verdict};
use crate::label::file_words;

/// Sentences that are set against one of the answer, the nearest in words first.
const NEAR_MAX: usize = 24;
/// Places that are shown for one sentence.
const SHOWN_MAX: usize = 3;

/// A sentence of an answer, and what was found of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    pub(super) text: String,
    pub(super) checked: Checked,
}

/// Who says otherwise than a sentence.
struct Found {
    /// Which sentence of the answer.
    claim: usize,
    /// Where it stands.
    place: EvidenceSpan,
    reason: Reason,
    newer: Option<Side>,
}

/// The places of other documents that disagree with what stands, for each sentence in the order of the hits.
pub(super) fn conflicts(standing: &[Standing], hits: &[Hit]) -> Vec<Conflict> {
    let told = |found: Found| {
        let hit = &hits[found.place.index];
        let quote = found.place.span.of(&hit.text);
        Conflict {
            claim: found.claim,
            says: one_line(quote),
            path: hit.path.clone(),
            document: hit.document.clone(),
            page: hit.page,
            start: hit.start + found.place.span.start,
            end: hit.start + found.place.span.end,
            quote: quote.into(),
            reason: found.reason,
            newer: found.newer,
        }
    };
    find(standing, hits).into_iter().map(told).collect()
}

/// Puts what a newer document says in place of the sentence before the older one, which stays behind it. For sentences that are quoted as they
/// stand: nothing is written anew.
pub(super) fn newer_first(standing: &mut Vec<Standing>, hits: &[Hit]) {
    let mut found = find(standing, hits);
    found.retain(|found| found.newer == Some(Side::Other));
    // From the last on, so that places before it stay.
    found.sort_by_key(|found| std::cmp::Reverse(found.claim));
    found.dedup_by_key(|found| found.claim);
    for Found { claim, place, .. } in found {
        let text = one_line(place.span.of(&hits[place.index].text));
        match standing.iter().position(|other| other.text == text) {
            Some(at) if at > claim => standing[claim..=at].rotate_right(1),
            Some(_) => {}
            None => {
                let (method, evidence) = (VERBATIM.into(), vec![place]);
                let checked = Checked { verdict: Verdict::Supported, method, score: 1.0, evidence, reasons: vec![] };
                standing.insert(claim, Standing { text, checked });
            }
        }
    }
}

fn find(standing: &[Standing], hits: &[Hit]) -> Vec<Found> {
    let is_one_document = hits.iter().all(|hit| hit.path == hits[0].path);
    if standing.is_empty() || is_one_document {
        return Vec::new();
    }
    let texts: Vec<&str> = hits.iter().map(|hit| hit.text.as_str()).collect();
    let evidence = Evidence::new(&texts);
    let documents = Documents::of(hits);
    let mut found: Vec<Found> = Vec::new();
    for (claim, sentence) in standing.iter().enumerate().filter(|(_, sentence)| is_compared(&sentence.checked)) {
        let mut seen: HashSet<(&str, String)> = HashSet::new();
        for (place, reason) in against(sentence, hits, &evidence, &documents) {
            let path = hits[place.index].path.as_str();
            let is_told = found.iter().any(|other| {
                // A pair is told once, at the first of its two sentences.
                rests_on(&standing[claim], other.place, hits) && rests_on(&standing[other.claim], place, hits)
            });
            let says = one_line(place.span.of(&hits[place.index].text));
            if !is_told && seen.len() < SHOWN_MAX && seen.insert((path, says)) {
                let newer = documents.newer(sentence.checked.evidence[0].index, place.index, hits);
                found.push(Found { claim, place, reason, newer });
            }
        }
    }
    found
}

/// Whether a sentence rests on what stands at `place`; passages overlap, so that one place of a file is in several.
fn rests_on(sentence: &Standing, place: EvidenceSpan, hits: &[Hit]) -> bool {
    let in_file = |place: EvidenceSpan| {
        let hit = &hits[place.index];
        (&hit.path, hit.start + place.span.start, hit.start + place.span.end)
    };
    let (path, start, end) = in_file(place);
    let overlaps = |own: EvidenceSpan| {
        let (own_path, own_start, own_end) = in_file(own);
        own_path == path && own_start < end && start < own_end
    };
    sentence.checked.evidence.iter().any(|own| overlaps(*own))
}

/// Figures of tables have their own rules, and what does not stand contradicts nobody.
fn is_compared(checked: &Checked) -> bool {
    matches!(checked.verdict, Verdict::Supported | Verdict::Partial)
        && checked.method != FIGURES
        && !checked.evidence.is_empty()
}

/// The places of other documents that say otherwise than `sentence`, in the order of the hits.
fn against(
    sentence: &Standing,
    hits: &[Hit],
    evidence: &Evidence,
    documents: &Documents,
) -> Vec<(EvidenceSpan, Reason)> {
    let claim = Text::new(&sentence.text);
    let own =
        |index: usize| sentence.checked.evidence.iter().any(|place| is_same_document(&hits[place.index], &hits[index]));
    let near = evidence.shortlist(&claim, NEAR_MAX);
    let of = |at: usize| &evidence.sentences[at];
    let mut found = Vec::new();
    for &at in near.iter().filter(|&&at| !own(of(at).index)) {
        let other = of(at);
        let Some(reason) = disagreement(&claim, &other.text, &evidence.idf) else { continue };
        // A document that says both speaks of two things.
        let says_both = near.iter().any(|&third| {
            let (third, is_own) = (of(third), own(of(third).index));
            let is_theirs = is_same_document(&hits[third.index], &hits[other.index]);
            is_own && says_the_same(&other.text, &third.text, &evidence.idf)
                || is_theirs && says_the_same(&claim, &third.text, &evidence.idf)
        });
        let place = EvidenceSpan { index: other.index, span: other.span };
        let own_place = sentence.checked.evidence[0];
        if !says_both && documents.speak_of_the_same(&claim, own_place, &other.text, place, hits, evidence) {
            found.push((place, reason));
        }
    }
    found.sort_by_key(|(place, _)| (place.index, place.span.start));
    found
}

fn is_same_document(a: &Hit, b: &Hit) -> bool {
    a.path == b.path || a.document == b.document
}

/// What is known of the documents of some hits, by path.
struct Documents {
    by_path: BTreeMap<String, Known>,
}

struct Known {
    /// The words of its name and title, dates and versions left out.
    label: Vec<String>,
    /// All its words that the hits show, and their stems.
    has: HashSet<String>,
}

/// Words of names and titles that tell what kind of text it is, not what it is about.
const KINDS: &[&str] = &[
    "policy",
    "policies",
    "handbook",
    "manual",
    "guide",
    "guidelines",
    "guidance",
    "rules",
    "report",
    "annual",
    "quarterly",
    "agreement",
    "contract",
    "lease",
    "loan",
    "terms",
    "conditions",
    "notes",
    "note",
    "memo",
    "minutes",
    "letter",
    "notice",
    "document",
    "doc",
    "file",
    "page",
    "text",
    "readme",
    "index",
    "summary",
    "overview",
    "appendix",
    "annex",
    "schedule",
    "section",
    "part",
    "chapter",
    "introduction",
    "general",
    "staff",
    "employee",
    "employees",
    "company",
    "plc",
    "ltd",
    "inc",
    "faq",
    "procedure",
    "procedures",
    "standard",
    "book",
];

impl Documents {
    fn of(hits: &[Hit]) -> Self {
        let mut by_path: BTreeMap<String, Known> = BTreeMap::new();
        for hit in hits {
            let known = by_path.entry(hit.path.clone()).or_insert_with(|| {
                let title = hits.iter().filter(|other| other.path == hit.path).find_map(|other| other.title.clone());
                let name = format!("{} {}", file_words(Path::new(&hit.path)), title.unwrap_or_default());
                let label = tokens(&name).into_iter().filter(|token| !tells_edition(token)).collect();
                Known { has: Text::new(&name).has, label }
            });
            known.has.extend(Text::new(&hit.text).has);
            known.has.extend(hit.heading.iter().flat_map(|heading| Text::new(heading).has));
        }
        Self { by_path }
    }

    fn known(&self, hit: &Hit) -> &Known {
        &self.by_path[&hit.path]
    }

    /// Whether the sentences at two places can speak of the same thing: one that names nothing speaks of what its document, its heading and the
    /// sentences before it are about.
    fn speak_of_the_same(
        &self,
        claim: &Text,
        own: EvidenceSpan,
        other: &Text,
        place: EvidenceSpan,
        hits: &[Hit],
        evidence: &Evidence,
    ) -> bool {
        let (hit, theirs) = (&hits[own.index], &hits[place.index]);
        let (a, b) = (self.known(hit), self.known(theirs));
        let named = is_named(claim, &evidence.idf);
        let headings = knows(b, &heading_words(hit)) && knows(a, &heading_words(theirs));
        let labels = knows(b, &a.label) && knows(a, &b.label);
        if !headings || !named && (!labels || are_about_others(evidence, own, place)) {
            return false;
        }
        if !tells_past(claim) && !tells_past(other) {
            return true;
        }
        // What happened is the same only where it is the same time: that of the sentence itself, or that of both documents.
        let tells_year = dates(claim).iter().any(|date| date.year.is_some());
        let (own, other) = (edition(own.index, hits), edition(place.index, hits));
        tells_year || (named || own.date.is_some()) && own.date == other.date
    }

    /// Which of the documents of two hits is the newer, where that is told.
    fn newer(&self, own: usize, other: usize, hits: &[Hit]) -> Option<Side> {
        let same_series = self.known(&hits[own]).label == self.known(&hits[other]).label;
        edition(own, hits).newer(&edition(other, hits), same_series)
    }
}

/// What a document says of its age, that in the passage at `index` first.
fn edition(index: usize, hits: &[Hit]) -> Edition {
    let same = hits.iter().enumerate().filter(|(at, hit)| *at != index && hit.path == hits[index].path);
    let own: Vec<&Hit> = std::iter::once(&hits[index]).chain(same.map(|(_, hit)| hit)).collect();
    Edition::of(&own)
}

/// Whether a document has each of `words` that is no word for a kind of text.
fn knows(document: &Known, words: &[String]) -> bool {
    words.iter().filter(|word| word.chars().count() > 1 && !KINDS.contains(&word.as_str())).all(|word| {
        let text = Text::new(word);
        text.words
            .iter()
            .all(|word| word.stop || document.has.contains(&word.folded) || document.has.contains(&word.stem))
    })
}

/// The words of the heading next above a passage.
fn heading_words(hit: &Hit) -> Vec<String> {
    let heading = hit.heading.last().map(String::as_str).unwrap_or_default();
    tokens(heading).into_iter().filter(|token| !tells_edition(token)).collect()
}

/// Whether what stands before the two places names things, and none in common.
fn are_about_others(evidence: &Evidence, a: EvidenceSpan, b: EvidenceSpan) -> bool {
    let (a, b) = (names_before(evidence, a), names_before(evidence, b));
    !a.is_empty() && !b.is_empty() && a.is_disjoint(&b)
}

/// The words of the names in the sentence at a place, in the two before it and in the first one of its passage.
fn names_before(evidence: &Evidence, place: EvidenceSpan) -> HashSet<String> {
    let own: Vec<&Text> = evidence
        .sentences
        .iter()
        .filter(|sentence| sentence.index == place.index && sentence.span.start <= place.span.start)
        .map(|sentence| &sentence.text)
        .collect();
    let near = own.iter().rev().take(3).chain(own.first());
    near.flat_map(|text| &text.names)
        .filter(|name| !name.unsure)
        .flat_map(|name| name.words.iter().cloned())
        .filter(|word| !KINDS.contains(&word.as_str()))
        .collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::tests::hit;

    /// What is said against `sentence`, which stands in the first of `documents`: the file, the sentence and which is newer.
    fn said(sentence: &str, documents: &[(&str, &str)]) -> Vec<(String, String, Option<Side>)> {
        let hits: Vec<Hit> =
            documents.iter().map(|(path, text)| Hit { document: (*path).into(), ..hit(path, 100, text) }).collect();
        let found = conflicts(&[stands(sentence, &hits)], &hits);
        for conflict in &found {
            let hit = hits.iter().find(|hit| hit.path == conflict.path).unwrap();
            assert_eq!(&hit.text[conflict.start - 100..conflict.end - 100], conflict.quote, "byte for byte");
            assert_eq!((conflict.claim, conflict.page), (0, Some(2)));
        }
        found.into_iter().map(|conflict| (conflict.path, conflict.says, conflict.newer)).collect()
    }

    fn stands(sentence: &str, hits: &[Hit]) -> Standing {
        let (index, start) = hits
            .iter()
            .enumerate()
            .find_map(|(at, hit)| Some((at, hit.text.find(sentence)?)))
            .expect("it stands in a hit");
        let span = crate::document::ByteSpan::new(start, start + sentence.len());
        let evidence = vec![EvidenceSpan { index, span }];
        let checked =
            Checked { verdict: Verdict::Supported, method: VERBATIM.into(), score: 1.0, evidence, reasons: vec![] };
        Standing { text: sentence.into(), checked }
    }

    const OLD: &str = "Employees get 25 days of annual leave a year.";
    const NEW: &str = "All employees receive 26 days of annual leave\na year. Sick pay starts at once.";

    #[test]
    fn another_document_that_says_otherwise_is_shown_with_its_age() {
        for (own, other, newer) in [
            ("/d/handbook-2023.md", "/d/handbook-2025.md", Some(Side::Other)),
            ("/d/handbook-v3.md", "/d/handbook-v2.md", Some(Side::Claim)),
            ("/d/handbook.md", "/d/rules.md", None),
        ] {
            let found = said(OLD, &[(own, OLD), (other, NEW)]);
            let says = "All employees receive 26 days of annual leave a year.";
            assert_eq!(found, [(other.to_string(), says.to_string(), newer)]);
        }
        let (stated, own) = (format!("Effective 1 March 2026. {NEW}"), format!("In force from 1 May 2024.\n\n{OLD}"));
        let found = said(OLD, &[("/d/handbook.md", own.as_str()), ("/d/rules.md", stated.as_str())]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].2, Some(Side::Other), "{found:?}");
    }

    #[test]
    fn what_is_no_disagreement_is_not_shown() {
        let same = "Employees have 25 days of annual leave a year.";
        let hours = "Employees get 26 hours of annual leave a year.";
        let nothing: [(&str, &str, &str, &str); 8] = [
            ("the same value", "/d/a-policy.md", OLD, same),
            ("another unit", "/d/policy.md", OLD, hours),
            ("the same file", "/d/policy.md", OLD, NEW),
            ("another company", "/d/acme-handbook.md", OLD, NEW),
            ("another year", "/d/report.md", "Revenue in 2023 was £5 million.", "Revenue in 2024 was £6 million."),
            ("another entity", "/d/report.md", "The rent of Hall A is £12,000.", "The rent of Hall B is £18,500."),
            (
                "another subject before",
                "/d/notes.md",
                "Ardmere House was let to Ann Orrin. The notice period is three weeks.",
                "Pellow Court was let to Hugh Vane. The notice period is two weeks.",
            ),
            (
                "says both",
                "/d/rules.md",
                OLD,
                "Employees get 25 days of annual leave a year. Employees get 26 days of annual leave a year.",
            ),
        ];
        for (what, path, own, other) in nothing {
            let path = if what == "another company" { "/d/globex-handbook.md" } else { path };
            let own_path = match what {
                "the same file" => path,
                "another company" => "/d/acme-handbook.md",
                _ => "/d/handbook.md",
            };
            let sentence = own.rsplit(". ").next().unwrap();
            let found = said(sentence, &[(own_path, own), (path, other)]);
            assert!(found.is_empty(), "{what}: {found:?}");
        }
    }

    #[test]
    fn what_happened_differs_only_at_the_same_time() {
        let (a, b) = (
            "The board of Ardmere approved a dividend of 12 pence.",
            "The board of Ardmere approved a dividend of 14 pence.",
        );
        assert!(said(a, &[("/d/report-2023.md", a), ("/d/report-2024.md", b)]).is_empty());
        assert_eq!(said(a, &[("/d/report-2024.md", a), ("/d/minutes-2024.md", b)]).len(), 1);
        let (a, b) = ("Revenue of Ardmere in 2023 was £5 million.", "Revenue of Ardmere in 2023 was £7 million.");
        assert_eq!(said(a, &[("/d/report-2023.md", a), ("/d/report-2024.md", b)])[0].2, Some(Side::Other));
    }

    #[test]
    fn the_newer_sentence_comes_before_the_older_and_a_pair_is_told_once() {
        let hits =
            [hit("/d/handbook-2023.md", 0, OLD), Hit { document: "new".into(), ..hit("/d/handbook-2025.md", 0, NEW) }];
        let newer = "All employees receive 26 days of annual leave a year.";
        let mut standing = vec![stands(OLD, &hits)];
        newer_first(&mut standing, &hits);
        let texts = |standing: &[Standing]| standing.iter().map(|sentence| sentence.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&standing), [newer, OLD]);
        assert_eq!((standing[0].checked.verdict, standing[0].checked.method.as_str()), (Verdict::Supported, VERBATIM));
        let before = standing.clone();
        newer_first(&mut standing, &hits);
        assert_eq!(standing, before, "once is enough");
        let found = conflicts(&standing, &hits);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].claim, found[0].says.as_str(), found[0].newer), (0, OLD, Some(Side::Claim)));
        standing.rotate_left(1);
        newer_first(&mut standing, &hits);
        assert_eq!(texts(&standing), [newer, OLD], "what stands already is moved");
    }
}
